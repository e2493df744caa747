"""
The user's redaction hook, and what the nodes of a graph say of their own payloads.

Rule: a hook sees a value before any span does, and one that fails hides the value instead of letting it through.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from otgraph.tracing.faults import faults
from otgraph.tracing.options import TelemetryOptions

__all__ = ["processed", "redacted"]

HIDDEN = "[REDACTED:error]"
"""What is recorded where a hook fails."""


def redacted(options: TelemetryOptions, name: str, value: Any) -> Any:
    """Return what may be recorded in place of `value`."""
    hook = options.redact
    if hook is None:
        return value
    try:
        return hook(name, value)
    except Exception as error:
        faults.count(error, "redaction hook")
        return HIDDEN


def processed(hook: Callable[[Any], Any], value: Any) -> Any:
    """Return what a node's `TracePolicy` lets be recorded in place of `value`."""
    try:
        return hook(value)
    except Exception as error:
        faults.count(error, "trace policy")
        return HIDDEN
