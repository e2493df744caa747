"""
An exception as a span event: type, message and frames, never local variables.

Rule: recorded once, on the span where it arose, redacted and capped; `OTGRAPH_CAPTURE_EXCEPTIONS=type` keeps all
but the type out. Attribute names: https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/
"""

from __future__ import annotations

import traceback
from typing import Any

from otgraph.tracing.options import TelemetryOptions
from otgraph.tracing.redaction import redacted

__all__ = ["exception_event"]

MOST_MESSAGE = 2048
"""Characters of a message; Tempo cuts attributes there."""
MOST_FRAMES = 16384
"""Characters of a stack trace."""


def exception_event(error: BaseException, options: TelemetryOptions) -> tuple[str, dict[str, Any]]:
    """Return the name and the attributes of the event that records `error`."""
    kind = type(error)
    module = kind.__module__
    attributes: dict[str, Any] = {
        "exception.type": kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"
    }
    if options.exceptions_full:
        message = redacted(options, "exception.message", str(error))
        attributes["exception.message"] = str(message)[:MOST_MESSAGE]
        if options.redact is None:
            frames = "".join(traceback.format_exception(kind, error, error.__traceback__))
        else:
            # The last lines of a formatted traceback repeat the message, so a hook must see that too.
            frames = str(redacted(options, "exception.stacktrace", "".join(_frames(error))))
        attributes["exception.stacktrace"] = frames[-MOST_FRAMES:]
    return "exception", attributes


def _frames(error: BaseException) -> list[str]:
    return traceback.format_exception(type(error), error, error.__traceback__)
