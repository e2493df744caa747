"""
The chain without an engine: a loop that opens the same 21 spans with OpenTelemetry's SDK.

Rule: it is what a careful user would write by hand, and cheaper than that where there is a choice.
"""

from __future__ import annotations

from typing import Any

from opentelemetry import context, trace

from benchmarks.graphs import LENGTH, count_up

__all__ = ["run_by_hand"]

_TRACER = trace.get_tracer("benchmarks.handwritten")


def run_by_hand() -> dict[str, Any]:
    """Run the chain once: a span for the run, each superstep and each task, current around the node."""
    state: dict[str, Any] = {"n": 0, "log": []}
    run = _TRACER.start_span(
        "invoke_workflow chain",
        attributes={"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "chain"},
    )
    run_context = trace.set_span_in_context(run)
    for step in range(LENGTH):
        superstep = _TRACER.start_span("otgraph.superstep", run_context, attributes={"otgraph.step": step})
        task = _TRACER.start_span(
            f"invoke_node n{step}",
            trace.set_span_in_context(superstep),
            attributes={"otgraph.node": f"n{step}", "otgraph.step": step, "otgraph.task.id": f"task-{step}"},
        )
        token = context.attach(trace.set_span_in_context(task))
        try:
            update = count_up(state)  # type: ignore[arg-type]
        finally:
            context.detach(token)
        task.end()
        state = {"n": update["n"], "log": state["log"] + update["log"]}
        superstep.end()
    run.end()
    return state
