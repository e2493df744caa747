"""
What is asked of a model and what it answers, as far as telemetry tells of it.

Rule: the objects of model clients are read by the names of their fields, never by their classes; what is not there is
not told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from otgraph.messages.convention import field_of, shown_answer
from otgraph.usage import Usage

__all__ = ["ModelRequest", "ModelResponse", "ModelTrace", "merged", "read_response"]


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What is known when a call of a model begins."""

    model: str
    provider: str | None = None
    operation: str = "chat"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Such as `temperature`."""
    server: str | None = None
    """The URL of its API, or its host."""
    messages: Callable[[], Any] | None = None
    """Returns what the model is given, in the form of the conventions; called where content is captured."""
    instructions: Callable[[], Any] | None = None
    """The same of what it is told besides the messages."""
    tools: Callable[[], Any] | None = None
    """The same of the tools that it may call."""
    bridged: bool = False
    """Whether it is LangChain that calls the model."""


@dataclass(frozen=True, slots=True)
class ModelResponse:
    """What is known when it has answered."""

    model: str | None = None
    id: str | None = None
    finish_reasons: Sequence[str] = ()
    usage: Usage | None = None
    messages: Callable[[], Any] | None = None
    """Returns what the model said, in the form of the conventions."""


class ModelTrace(Protocol):
    """The telemetry of one call of a model."""

    def begin(self, *, current: bool) -> None: ...
    def first(self) -> None: ...
    def end(self, response: ModelResponse | None, error: BaseException | None) -> None: ...


def read_response(response: Any) -> ModelResponse:
    """Return what an answer, or a chunk of one, tells; it may be of OpenAI's kind or of Anthropic's, or a dict."""
    response = field_of(response, "message") or response
    choices = field_of(response, "choices") or ()
    reasons = [field_of(choice, "finish_reason") for choice in choices]
    reasons.append(field_of(response, "stop_reason") or field_of(field_of(response, "delta"), "stop_reason"))
    usage = field_of(response, "usage")
    return ModelResponse(
        model=field_of(response, "model"),
        id=field_of(response, "id"),
        finish_reasons=tuple(str(reason) for reason in reasons if reason),
        usage=None if usage is None else _usage(usage),
        messages=_said(response, choices),
    )


def merged(old: ModelResponse | None, new: ModelResponse) -> ModelResponse:
    """Return what two chunks of an answer tell together; the later one counts, and of a count the greater one."""
    if old is None:
        return new
    return ModelResponse(
        new.model or old.model,
        new.id or old.id,
        new.finish_reasons or old.finish_reasons,
        old.usage.at_least(new.usage) if old.usage and new.usage else new.usage or old.usage,
        new.messages or old.messages,
    )


def _said(response: Any, choices: Sequence[Any]) -> Callable[[], Any] | None:
    """Return what tells the answer, where it is there as a whole; of a stream the pieces go by."""
    whole = [choice for choice in choices if field_of(choice, "message") is not None]
    if whole:
        return lambda: [
            shown_answer(field_of(each, "message"), field_of(each, "finish_reason")) for each in whole
        ]
    if field_of(response, "content") and field_of(response, "role"):
        return lambda: [shown_answer(response, field_of(response, "stop_reason"))]
    return None


def _usage(usage: Any) -> Usage:
    given, made = _number(usage, "prompt_tokens"), _number(usage, "completion_tokens")
    read, written = _number(usage, "cache_read_input_tokens"), _number(usage, "cache_creation_input_tokens")
    if field_of(usage, "prompt_tokens") is None:
        # Anthropic counts what a cache had apart; the Responses API of OpenAI has the same names and does not.
        given, made = _number(usage, "input_tokens") + read + written, _number(usage, "output_tokens")
    inside = field_of(usage, "prompt_tokens_details") or field_of(usage, "input_tokens_details")
    outside = field_of(usage, "completion_tokens_details") or field_of(usage, "output_tokens_details")
    return Usage(
        input_tokens=given,
        output_tokens=made,
        cache_read_tokens=read or _number(inside, "cached_tokens"),
        cache_write_tokens=written or _number(inside, "cache_write_tokens"),
        reasoning_tokens=_number(outside, "reasoning_tokens"),
    )


def _number(value: Any, key: str) -> int:
    found = None if value is None else field_of(value, key)
    return found if isinstance(found, int) else 0
