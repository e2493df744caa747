"""
The conversation that a run is part of, on the OpenTelemetry context.

Rule: whoever traces something below a run, a model client's instrumentation above all, finds the thread's id there, and
can put it on spans of its own.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry.context import Context

__all__ = ["conversation_id", "in_conversation"]

CONVERSATION: Final = otel_context.create_key("otgraph.conversation_id")

_THEIRS: Final = "opentelemetry.util.genai._conversation_context"
"""Where OpenTelemetry's own instrumentations of model clients keep the key that they look under."""


def in_conversation(context: Context, thread: str | None) -> Context:
    """Return a context that says which conversation it is part of; None changes nothing."""
    if thread is None:
        return context
    context = otel_context.set_value(CONVERSATION, thread, context)
    key: Any = getattr(sys.modules.get(_THEIRS), "CONVERSATION_ID_KEY", None)
    return context if key is None else otel_context.set_value(key, thread, context)


def conversation_id(context: Context | None = None) -> str | None:
    """
    Return the id of the thread that the code in a context runs for; None outside of runs that have one.

    Args:
        context: the current one by default.
    """
    found = otel_context.get_value(CONVERSATION, context)
    return found if isinstance(found, str) else None
