"""
TokenHandler: the callback handler by which the chat models called in a node stream into the run.

Rule: it is told by LangChain and tells the scope of the call; it keeps one entry per model call in progress, and
never fails because nobody listens any more. LangChain dispatches every token to every handler, which costs more than
what a handler does with it, so this one is the handler of the spans too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk

from otgraph.constants import TAG_NOSTREAM
from otgraph.errors import RunEndedError, StreamOverflowError
from otgraph.langchain.model_calls import ModelHandler
from otgraph.runtime import Scope

__all__ = ["LifeHandler", "TokenHandler"]

ENGINE_TAGS = ("graph:step:", "seq:step:", "langsmith:")
"""What the tags begin with that say where a model stands, and that nobody filters by."""


class _Call:
    """A call of a model in progress."""

    __slots__ = ("counted", "streamed", "told")

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        """What is told with its tokens."""
        self.streamed: str | None = None
        """The id of the message whose tokens were told."""
        self.counted = True
        """Whether its span is to know of the next token."""


class LifeHandler(BaseCallbackHandler):
    """Takes whatever LangChain tells as a sign of life of one call of a node."""

    run_inline = True
    """Called on the event loop itself, so that tokens keep their order."""
    # Plain attributes: LangChain asks for them with each token.
    ignore_llm = ignore_chat_model = ignore_chain = ignore_agent = ignore_retriever = False

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def _go_on(self, *args: Any, **kwargs: Any) -> None:
        self._scope.sign()

    on_chat_model_start = on_llm_new_token = on_llm_end = _go_on
    on_chain_start = on_chain_end = on_tool_start = on_tool_end = on_retriever_end = _go_on


class TokenHandler(LifeHandler, ModelHandler):
    """
    Hands the tokens of chat models, and the messages of those that do not stream, to one call of a node.

    Models stream for it even where they are only invoked: for that LangChain looks for the two methods `tap_…`.

    Args:
        life: whether anybody wants to know of what else goes on in the call.
    """

    def __init__(self, scope: Scope, life: bool) -> None:
        LifeHandler.__init__(self, scope)
        ModelHandler.__init__(self)
        self._life = life
        if not life:
            self.ignore_chain = self.ignore_agent = self.ignore_retriever = True
        self._told: dict[UUID, _Call] = {}
        self._latest: tuple[UUID | None, _Call | None] = (None, None)
        """The entry that was last asked for: an id is told from another without the cost of its hash."""

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
        ModelHandler.on_chat_model_start(
            self, serialized, messages, run_id=run_id, metadata=metadata, **kwargs
        )
        tags = tags or []
        if TAG_NOSTREAM in tags:
            return
        told = dict(metadata or {})
        shown = [tag for tag in tags if not tag.startswith(ENGINE_TAGS)]
        if shown:
            told["tags"] = shown
        self._told[run_id] = _Call(told)

    def on_llm_new_token(
        self,
        token: Any,
        chunk: Any = None,
        run_id: Any = None,
        parent_run_id: Any = None,
        tags: Any = None,
        **kwargs: Any,
    ) -> None:
        """Tell a token. What LangChain always gives has names here, which spares a dict of them."""
        known, call = self._latest
        if known is not run_id:
            call = self._told.get(run_id)
            self._latest = (run_id, call)
        if self._life:
            self._scope.sign()
        if call is None or not isinstance(chunk, ChatGenerationChunk):
            self.answers(run_id)
            return
        if call.counted:
            call.counted = self.answers(run_id)
        message = chunk.message
        call.streamed = message.id
        self._tell(message, call.told)

    def on_llm_end(self, response: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Tell the whole message, unless its tokens were told."""
        self._scope.sign()
        try:
            call = self._forget(run_id)
            if call is not None and self._scope.heard:
                self._tell_whole(response, call)
        finally:
            ModelHandler.on_llm_end(self, response, run_id=run_id)

    def _tell_whole(self, response: Any, call: _Call) -> None:
        generation = response.generations[0][0] if response.generations and response.generations[0] else None
        if isinstance(generation, ChatGeneration):
            message = generation.message
            if call.streamed is None or call.streamed != message.id:
                self._tell(message, call.told, True)

    def _tell(self, message: Any, told: dict[str, Any], whole: bool = False) -> None:
        try:
            self._scope.tell(message, told, whole)
        except (RunEndedError, StreamOverflowError):
            # The model goes on though nobody takes the result of its node, or nobody can keep up: it cannot be stopped
            # from here.
            pass

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Forget the call."""
        self._forget(run_id)
        ModelHandler.on_llm_error(self, error, run_id=run_id, **kwargs)

    def _forget(self, run_id: UUID) -> _Call | None:
        self._latest = (None, None)
        return self._told.pop(run_id, None)
