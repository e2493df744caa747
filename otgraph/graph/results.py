"""
What `invoke` returns.

Rule: with `stream_mode="values"` the last state; with any other modes the list of their chunks.
"""

from __future__ import annotations

from typing import Any

from otgraph.constants import INTERRUPT
from otgraph.graph.session import Session
from otgraph.plan.model import Plan
from otgraph.schema import coerce_output
from otgraph.snapshot import GraphOutput
from otgraph.usage import Usage

__all__ = ["invoke_result"]


def invoke_result(plan: Plan, result: Any, session: Session, version: str) -> Any:
    """Return a run's result, and what it waits for, in the form of `version`."""
    interrupts = session.interrupts
    if version == "v2":
        value = result if result is None else coerce_output(plan.output, result)
        return GraphOutput(value, tuple(interrupts), session.usage or Usage())
    if not interrupts:
        return result
    asked = {INTERRUPT: list(interrupts)}
    return {**result, **asked} if isinstance(result, dict) else asked
