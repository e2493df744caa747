"""
ToolHandler: the callback handler by which the tools called in a node tell the run what they do.

Rule: it is told by LangChain and tells the scope of the call; it keeps one entry per tool call in progress.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler

from otgraph.constants import TAG_NOSTREAM
from otgraph.errors import GraphBubbleUp
from otgraph.runtime import Scope

__all__ = ["ToolHandler", "tell_delta"]


class ToolHandler(BaseCallbackHandler):
    """See the module."""

    run_inline = True
    """Called on the event loop itself, so that what a tool tells keeps its order."""
    ignore_llm = ignore_chat_model = ignore_chain = True
    ignore_retriever = ignore_retry = ignore_custom_event = True

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._calls: dict[UUID, str] = {}

    def _tell(self, event: str, call: str, **more: Any) -> None:
        self._scope.tell_tool({"event": event, "tool_call_id": call, **more})

    def on_tool_start(
        self,
        serialized: dict[str, Any] | None,
        input_str: str,
        *,
        run_id: UUID,
        tags: list[str] | None = None,
        inputs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Tell that a call begins; one with the tag `nostream` is not told."""
        if TAG_NOSTREAM in (tags or ()):
            return
        call = self._calls[run_id] = str(kwargs.get("tool_call_id") or run_id)
        name = kwargs.get("name") or (serialized or {}).get("name")
        given = {} if inputs is None else {"input": inputs}
        self._tell("tool-started", call, tool_name=name, **given)

    def tell_delta(self, call: str, delta: Any) -> None:
        """Tell a part of the output of a call, if that was told of."""
        if call in self._calls.values():
            self._tell("tool-output-delta", call, delta=delta)

    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Tell what a call returned."""
        call = self._calls.pop(run_id, None)
        if call is not None:
            self._tell("tool-finished", call, output=output)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Tell how a call failed; a question is no failure."""
        call = self._calls.pop(run_id, None)
        if call is not None and not isinstance(error, GraphBubbleUp):
            self._tell("tool-error", call, message=str(error))


def tell_delta(config: Mapping[str, Any] | None, call: str, delta: Any) -> None:
    """Tell a part of the output of the call of a tool that was given `config`."""
    callbacks = (config or {}).get("callbacks")
    for handler in getattr(callbacks, "handlers", callbacks) or ():
        if isinstance(handler, ToolHandler):
            handler.tell_delta(call, delta)
