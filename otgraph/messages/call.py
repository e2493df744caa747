"""
`model_call`: the tokens of any model client in the stream `messages`, without LangChain.

Rule: a call tells the stream what it is given, as it is given; nothing of it is kept. Outside of a run it does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from uuid import uuid4

from typing_extensions import Self

from otgraph.constants import CONF, TAG_NOSTREAM
from otgraph.messages.convention import shown_instructions, shown_messages, shown_tools
from otgraph.messages.exchange import ModelRequest, ModelTrace
from otgraph.runtime import SCOPE, Scope

__all__ = ["MessageChunk", "ModelCall", "model_call"]


@dataclass(frozen=True, slots=True)
class MessageChunk:
    """A piece of what a model says; consumers read it as they read LangChain's chunks."""

    content: str
    id: str | None = None
    """The same for all pieces of one message."""
    type: str = "AIMessageChunk"


class ModelCall:
    """One call of a model, for as long as it streams; made by `model_call`."""

    __slots__ = ("_metadata", "_scope", "_trace", "id")

    def __init__(
        self, scope: Scope | None, metadata: dict[str, Any], trace: ModelTrace | None = None
    ) -> None:
        self._scope = scope
        self._metadata = metadata
        self._trace = trace
        self.id = f"run-{uuid4()}"
        """The id of the message that it streams: a message returned with this id is not shown again."""

    def token(self, chunk: Any) -> None:
        """
        Hand a piece of the answer to whoever streams `messages`.

        Args:
            chunk: a text, which becomes a `MessageChunk`, or any other object, handed out as it is: a dict, a chunk
                of a client's own. Nothing is shown of an empty text or None.

        Raises:
            RunEndedError: the run has given up the call, so that nobody takes its result any more.
        """
        if self._trace is not None:
            self._trace.token(chunk)
        if self._scope is not None and chunk is not None and chunk != "":
            self._scope.tell(
                MessageChunk(chunk, self.id) if isinstance(chunk, str) else chunk, self._metadata
            )

    def message(self, message: Any) -> None:
        """Hand the whole answer to whoever was shown no piece of it; they are told apart by their `id`."""
        if self._trace is not None:
            self._trace.message(message)
        if self._scope is not None:
            self._scope.tell(message, self._metadata, whole=True)

    def response(self, answer: Any) -> None:
        """
        Note what the client answered, for the span of the call and for the usage of the run.

        Args:
            answer: the client's own object, whole or a chunk of a stream, or a dict: what is looked for is its
                `model`, `id`, `usage` and why the model stopped, as OpenAI's and Anthropic's clients have them, and
                what the model said, where content is captured.
        """
        if self._trace is not None:
            self._trace.read(answer)

    def __enter__(self) -> Self:
        """
        Begin the call, as the current span.

        Raises:
            BudgetExceededError: the run has used up what it was given.
        """
        if self._trace is not None:
            self._trace.begin(current=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._trace is not None:
            self._trace.end(None, error)


def model_call(
    model: str,
    *,
    provider: str | None = None,
    tags: Iterable[str] = (),
    metadata: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    server: Any = None,
) -> ModelCall:
    """
    Return a call of a model, to be used as `with model_call("gpt-4o-mini", provider="openai") as call:`.

    What is passed to `call.token` while the model answers goes to the stream `messages`, with the metadata that
    LangChain's models have there: where in the graph the call is, `ls_model_name`, `ls_provider`, `tags`.

    Args:
        model: its name.
        provider: whose it is.
        tags: to filter by; `nostream` keeps its tokens out of the stream.
        metadata: more to say.
        parameters: what the client is called with, for the span of the call: `temperature`, `max_tokens`, `seed` and so
            on; its `messages`, `instructions` (or `system`) and `tools` only where content is captured.
        server: the URL that the client was made with, such as `client.base_url`, or a host.
    """
    scope = SCOPE.get()
    tags = list(tags)
    asked = _request(model, provider, parameters or {}, server)
    trace = None if scope is None else scope.model(asked)
    if scope is None or TAG_NOSTREAM in tags:
        return ModelCall(None, {}, trace)
    config = scope.config
    told = dict(config["metadata"])
    told.setdefault("checkpoint_ns", config[CONF]["checkpoint_ns"])
    told.update(ls_integration="otgraph", ls_model_type="chat", ls_model_name=model)
    if provider is not None:
        told["ls_provider"] = provider
    told.update(metadata or {})
    shown = [*config.get("tags", ()), *tags]
    if shown:
        told["tags"] = shown
    return ModelCall(scope, told, trace)


def _request(model: str, provider: str | None, given: Mapping[str, Any], server: Any) -> ModelRequest:
    def told(show: Callable[[Any], Any], *keys: str) -> Callable[[], Any] | None:
        value = next((given[key] for key in keys if given.get(key)), None)
        return None if value is None else lambda: show(value)

    return ModelRequest(
        model,
        provider,
        parameters=given,
        server=None if server is None else str(server),
        messages=told(shown_messages, "messages", "input"),
        instructions=told(shown_instructions, "instructions", "system"),
        tools=told(shown_tools, "tools"),
    )
