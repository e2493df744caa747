"""
TokenHandler: the callback handler by which the chat models called in a node stream into the run.

Rule: it is told by LangChain and tells the scope of the call; it keeps one entry per model call in progress, and
never fails because nobody listens any more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk

from otgraph.constants import TAG_NOSTREAM
from otgraph.errors import RunEndedError
from otgraph.runtime import Scope

__all__ = ["LifeHandler", "TokenHandler"]

ENGINE_TAGS = ("graph:step:", "seq:step:", "langsmith:")
"""What the tags begin with that say where a model stands, and that nobody filters by."""


class _Call:
    """A call of a model in progress."""

    __slots__ = ("streamed", "told")

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        """What is told with its tokens."""
        self.streamed: str | None = None
        """The id of the message whose tokens were told."""


class LifeHandler(BaseCallbackHandler):
    """Takes whatever LangChain tells as a sign of life of one call of a node."""

    run_inline = True
    """Called on the event loop itself, so that tokens keep their order."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def _go_on(self, *args: Any, **kwargs: Any) -> None:
        self._scope.sign()

    on_chat_model_start = on_llm_new_token = on_llm_end = _go_on
    on_chain_start = on_chain_end = on_tool_start = on_tool_end = on_retriever_end = _go_on


class TokenHandler(LifeHandler):
    """
    Hands the tokens of chat models, and the messages of those that do not stream, to one call of a node.

    Models stream for it even where they are only invoked: for that LangChain looks for the two methods `tap_…`.
    """

    def __init__(self, scope: Scope) -> None:
        LifeHandler.__init__(self, scope)
        self._calls: dict[UUID, _Call] = {}

    def tap_output_iter(self, run_id: UUID, output: Iterator[Any]) -> Iterator[Any]:
        """Return what a Runnable puts out, as it is."""
        return output

    def tap_output_aiter(self, run_id: UUID, output: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Return what a Runnable puts out, as it is."""
        return output

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[Any]],
        *,
        run_id: UUID,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Note where the call is; one with the tag `nostream` is not told."""
        self._scope.sign()
        tags = tags or []
        if TAG_NOSTREAM in tags:
            return
        told = dict(metadata or {})
        shown = [tag for tag in tags if not tag.startswith(ENGINE_TAGS)]
        if shown:
            told["tags"] = shown
        self._calls[run_id] = _Call(told)

    def on_llm_new_token(self, token: Any, *, chunk: Any = None, run_id: UUID, **kwargs: Any) -> None:
        """Tell a token."""
        call = self._calls.get(run_id)
        if call is not None and isinstance(chunk, ChatGenerationChunk):
            message = chunk.message
            call.streamed = message.id
            try:
                self._scope.tell(message, call.told)
            except RunEndedError:
                # The model goes on though nobody takes the result of its node: it cannot be stopped from here.
                pass
        else:
            self._scope.sign()

    def on_llm_end(self, response: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Tell the whole message, unless its tokens were told."""
        self._scope.sign()
        call = self._calls.pop(run_id, None)
        if call is None or not self._scope.heard:
            return
        generation = response.generations[0][0] if response.generations and response.generations[0] else None
        if isinstance(generation, ChatGeneration):
            message = generation.message
            if call.streamed is None or call.streamed != message.id:
                self._scope.tell(message, call.told, whole=True)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Forget the call."""
        self._calls.pop(run_id, None)
