"""
An exception as a span event: type, message and frames, never local variables.

Rule: recorded once, on the span where it arose, redacted and capped; `OTGRAPH_CAPTURE_EXCEPTIONS=type` keeps all
but the type out. A message that quotes content (the state that a model refused, the result that was no dict) is
content, so without content capture the quotation is left out. Attribute names:
https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from typing import Any, Final

from otgraph.errors import InvalidUpdateError
from otgraph.tracing.faults import faults
from otgraph.tracing.options import TelemetryOptions
from otgraph.tracing.redaction import redacted

__all__ = ["Failures", "exception_event"]

MOST_MESSAGE = 2048
"""Characters of a message; Tempo cuts attributes there."""
MOST_FRAMES = 16384
"""Characters of a stack trace."""

QUOTED_RESULT: Final = re.compile(r"(?<=^Expected dict, got ).*?(?=\nFor troubleshooting|$)", re.DOTALL)
"""What a node returned, in the message that refuses it."""


class Failures:
    """The exceptions that a run recorded lately, so that none is recorded again on its way up."""

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: tuple[BaseException, ...] = ()

    def knows(self, error: BaseException) -> bool:
        """Say whether an exception was recorded already, and remember it."""
        known = self.known
        if any(error is other for other in known):
            return True
        self.known = (*known[-15:], error)
        return False


def exception_event(error: BaseException, options: TelemetryOptions) -> tuple[str, dict[str, Any]]:
    """Return the name and the attributes of the event that records `error`."""
    kind = type(error)
    module = kind.__module__
    attributes: dict[str, Any] = {
        "exception.type": kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"
    }
    if options.exceptions_full:
        try:
            message, frames = _told(error, options)
            message = str(redacted(options, "exception.message", message))[:MOST_MESSAGE]
            frames = str(redacted(options, "exception.stacktrace", frames))[-MOST_FRAMES:]
            attributes["exception.message"] = _whole(message)
            attributes["exception.stacktrace"] = _whole(frames)
        except Exception as fault:
            # The exception is the user's, and so is its `__str__`.
            faults.count(fault, "exception recording")
    return "exception", attributes


def _told(error: BaseException, options: TelemetryOptions) -> tuple[str, str]:
    """Return the message and the stack trace, without content unless it is captured."""
    if options.captures or not any(_quotes(each) for each in _family(error)):
        return _text(error), "".join(traceback.format_exception(type(error), error, error.__traceback__))
    message = _unquoted(error)
    frames = traceback.format_tb(error.__traceback__)
    return message, "".join([*frames, f"{type(error).__qualname__}: {message}"])


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "<exception str() failed>"


def _family(error: BaseException) -> Iterator[BaseException]:
    """Yield all exceptions whose messages a stack trace of `error` shows."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]


def _quotes(error: BaseException) -> bool:
    return _is_of_pydantic(error) or (
        isinstance(error, InvalidUpdateError) and QUOTED_RESULT.search(_text(error)) is not None
    )


def _is_of_pydantic(error: Any) -> bool:
    return type(error).__module__.startswith("pydantic") and callable(getattr(error, "errors", None))


def _unquoted(error: Any) -> str:
    """Return the message of an exception without the values that it quotes."""
    if not _is_of_pydantic(error):
        return QUOTED_RESULT.sub("[not captured]", _text(error))
    found = error.errors()
    wrong = [".".join(map(str, each.get("loc", ()))) + ": " + str(each.get("type")) for each in found]
    return f"{len(found)} validation errors for {getattr(error, 'title', 'a model')}: {', '.join(wrong)}"


def _whole(text: str) -> str:
    """Return `text` without halves of surrogate pairs, which no exporter takes."""
    return text.encode("utf-8", "replace").decode()
