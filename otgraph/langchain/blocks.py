"""
BlockHandler: the callback handler to which chat models tell events of their content in place of tokens.

Rule: LangChain knows such a handler by its class. What a model answers that tells no events comes as a whole message.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from langchain_core.tracers._streaming import _V2StreamingCallbackHandler

from otgraph.langchain.handler import TokenHandler

__all__ = ["BlockHandler"]


class BlockHandler(TokenHandler, _V2StreamingCallbackHandler):
    """See the module."""

    def on_llm_new_token(
        self, token: Any, chunk: Any = None, run_id: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        """Take note that the model answers; what it says comes as events."""
        self._scope.sign()
        self.answers(run_id)

    def on_stream_event(self, event: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Tell an event, with the id of the call that it is of."""
        self.answers(run_id)
        call = self._told.get(run_id)
        if call is None:
            self._scope.sign()
            return
        if event.get("event") == "message-start":
            call.streamed = event.get("id")
        self._scope.tell_block(event, {**call.told, "run_id": str(run_id)})
