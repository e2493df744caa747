"""
What `invoke` returns.

Rule: with `stream_mode="values"` the last state; with any other modes the list of their chunks.
"""

from __future__ import annotations

from typing import Any

from otgraph.plan.model import Plan
from otgraph.schema import coerce_output
from otgraph.snapshot import GraphOutput

__all__ = ["collected", "invoke_result"]


def invoke_result(plan: Plan, result: Any, version: str) -> Any:
    """Return a run's result in the form of `version`."""
    if version == "v1":
        return result
    if version != "v2":
        raise ValueError(f"unknown version {version!r} of the result format; expected 'v1' or 'v2'")
    return GraphOutput(value=coerce_output(plan.output, result), interrupts=())


def collected(plan: Plan, chunks: list[Any], mode: Any, version: str) -> Any:
    """Return what `invoke` makes of the chunks of a stream."""
    if mode != "values":
        return chunks
    if version == "v2":
        last = chunks[-1] if chunks else None
        return GraphOutput(
            value=last["data"] if last else None, interrupts=last["interrupts"] if last else ()
        )
    return chunks[-1] if chunks else None
