"""
What `invoke` returns.

Rule: with `stream_mode="values"` the last state; with any other modes the list of their chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from otgraph.constants import INTERRUPT
from otgraph.plan.model import Plan
from otgraph.schema import coerce_output
from otgraph.snapshot import GraphOutput

__all__ = ["invoke_result"]


def invoke_result(plan: Plan, result: Any, interrupts: Sequence[Any], version: str) -> Any:
    """Return a run's result, and what it waits for, in the form of `version`."""
    if version == "v2":
        value = result if result is None else coerce_output(plan.output, result)
        return GraphOutput(value=value, interrupts=tuple(interrupts))
    if not interrupts:
        return result
    asked = {INTERRUPT: list(interrupts)}
    return {**result, **asked} if isinstance(result, dict) else asked
