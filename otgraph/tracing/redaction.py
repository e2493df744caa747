"""
The user's redaction hook.

Rule: it sees a value before any span does, and a hook that fails hides the value instead of letting it through.
"""

from __future__ import annotations

from typing import Any

from otgraph.tracing.faults import faults
from otgraph.tracing.options import TelemetryOptions

__all__ = ["redacted"]


def redacted(options: TelemetryOptions, name: str, value: Any) -> Any:
    """Return what may be recorded in place of `value`."""
    hook = options.redact
    if hook is None:
        return value
    try:
        return hook(name, value)
    except Exception as error:
        faults.count(error, "redaction hook")
        return "[REDACTED:error]"
