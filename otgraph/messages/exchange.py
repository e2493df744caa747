"""
What is asked of a model and what it answers, as far as telemetry tells of it.

Rule: the objects of model clients are read by the names of their fields, never by their classes; what is not there is
not told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

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
    messages: Callable[[], Any] | None = None
    """Returns what the model is given, to be called where content is captured."""
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
    """Returns what the model said."""


class ModelTrace(Protocol):
    """The telemetry of one call of a model."""

    def begin(self, *, current: bool) -> None: ...
    def first(self) -> None: ...
    def end(self, response: ModelResponse | None, error: BaseException | None) -> None: ...


def read_response(response: Any) -> ModelResponse:
    """Return what an answer, or a chunk of one, tells; it may be of OpenAI's kind or of Anthropic's, or a dict."""
    response = _get(response, "message") or response
    reasons = [_get(choice, "finish_reason") for choice in _get(response, "choices") or ()]
    reasons.append(_get(response, "stop_reason") or _get(_get(response, "delta"), "stop_reason"))
    usage = _get(response, "usage")
    return ModelResponse(
        model=_get(response, "model"),
        id=_get(response, "id"),
        finish_reasons=tuple(str(reason) for reason in reasons if reason),
        usage=None if usage is None else _usage(usage),
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


def _usage(usage: Any) -> Usage:
    given, made = _number(usage, "prompt_tokens"), _number(usage, "completion_tokens")
    read, written = _number(usage, "cache_read_input_tokens"), _number(usage, "cache_creation_input_tokens")
    if _get(usage, "prompt_tokens") is None:
        # Anthropic counts what a cache had apart; the Responses API of OpenAI has the same names and does not.
        given, made = _number(usage, "input_tokens") + read + written, _number(usage, "output_tokens")
    inside = _get(usage, "prompt_tokens_details") or _get(usage, "input_tokens_details")
    outside = _get(usage, "completion_tokens_details") or _get(usage, "output_tokens_details")
    return Usage(
        input_tokens=given,
        output_tokens=made,
        cache_read_tokens=read or _number(inside, "cached_tokens"),
        cache_write_tokens=written or _number(inside, "cache_write_tokens"),
        reasoning_tokens=_number(outside, "reasoning_tokens"),
    )


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else getattr(value, key, None)


def _number(value: Any, key: str) -> int:
    found = None if value is None else _get(value, key)
    return found if isinstance(found, int) else 0
