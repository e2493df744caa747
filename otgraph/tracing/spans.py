"""
The spans of runs and tasks: where they hang, what they are linked to, what they say.

Rule: what is begun inside a task is below the span that user code has opened there itself, else below the task's. A
planned task is below its superstep, and linked to the tasks that made it due; one that was called is
begun inside its caller.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from opentelemetry.context import Context

from otgraph.constants import NS_SEP
from otgraph.events import Outcome, SpanNoted, StepEnded
from otgraph.infos import RunInfo, TaskInfo
from otgraph.tracing import names
from otgraph.tracing.identity import agent_attributes, config_attributes, run_facts
from otgraph.tracing.options import TelemetryOptions
from otgraph.tracing.origin import NOWHERE, Lineage
from otgraph.tracing.place import Place, begun_in
from otgraph.tracing.provider import AnyPipeline
from otgraph.tracing.record import Listener, Record
from otgraph.tracing.span import Span

__all__ = ["end_left", "end_stream", "let_go", "run_span", "said_again", "task_span"]


def run_span(
    pipeline: AnyPipeline,
    run: RunInfo,
    record: Record,
    context: Context,
    caller: TaskInfo | None,
    options: TelemetryOptions,
) -> tuple[Place, Span]:
    """
    Return a run's place, which the run is given too, and a span for it, which has not started yet.

    Args:
        context: what a run is begun in that no task has called.
        options: say whether a run that goes on from a checkpoint is part of the trace of the one that paused there.
    """
    below_another = True
    lineage = NOWHERE if run.origin is None else Lineage(run.origin)
    if caller is not None:
        context, below_another = begun_in(caller)
    elif options.trace_resume == "continue":
        context = lineage.continued(context)
    place: Place = pipeline.place_type(run, record, context, pipeline.exports)
    run.place = place
    place.lineage = lineage
    place.facts = facts = run_facts(run)
    place.task_facts = {**facts, names.OPERATION: names.TASK_SPAN}
    operation = names.RUN_SPAN if run.agent is None else names.AGENT_SPAN
    attributes = {
        **facts,
        names.OPERATION: operation,
        **lineage.attributes,
        **config_attributes(run, options),
    }
    if run.agent is not None:
        attributes.update(agent_attributes(run.agent))
    name = f"{operation} {run.name if run.agent is None else run.agent.name}"
    if caller is not None:
        attributes[names.NESTED] = True
    if caller is None or below_another:
        return place, pipeline.root(name, context, attributes, lineage.links)
    return place, pipeline.child(name, caller.span, context, attributes, lineage.links)


def task_span(pipeline: AnyPipeline, task: TaskInfo, more: Mapping[str, Any] | None) -> Span:
    """
    Return a span for a task; it has not started yet.

    Args:
        more: attributes besides those that every task has.
    """
    run = task.run
    place: Place = run.place
    node = task.name
    attributes = {
        **place.task_facts,
        names.NODE: node,
        names.STEP: task.step,
        names.TASK_ID: task.id,
        names.TRIGGERS: task.triggers,
    }
    if more:
        attributes.update(more)
    if task.goes_on:
        attributes[names.GOES_ON] = task.goes_on
    if task.handles is not None:
        attributes[names.HANDLES] = task.handles
        attributes[names.TASK_NS] = NS_SEP.join(task.ns or ())
    name = f"invoke_node {node}"
    if task.caller is not None:
        return _below_caller(pipeline, name, task.caller, attributes)
    sources = task.sources
    links = [(source._context, None) for source in sources if source is not run.span] if sources else ()
    return pipeline.child(name, run.step_span, place.context, attributes, links)


def _below_caller(pipeline: AnyPipeline, name: str, caller: TaskInfo, attributes: dict[str, Any]) -> Span:
    context, below_another = begun_in(caller)
    if below_another:
        return pipeline.root(name, context, attributes)
    return pipeline.child(name, caller.span, context, attributes)


def end_stream(record: Record, listeners: Collection[Listener]) -> None:
    """
    Let the root run's own listeners hear nothing more, and its span say from which place in the record on.

    What is recorded later, as the failure of a second task, is told to others only; a replay leaves it out.
    """
    number = record.retire(listeners, numbered=True)
    record.relieve()
    if record.runs:
        record.runs[0].span.mark(names.STREAM_ENDED, number)


def end_left(run: RunInfo, outcome: Outcome) -> int:
    """
    End the spans inside a run that are still open; return how many there were.

    Supersteps and tasks end with their flows; what is left at the end of a run was cut off in the middle.
    """
    place: Place = run.place
    left = [inner for inner in reversed(place.latest) if inner._end_time is None]
    for inner in left:
        inner.annotate({names.OUTCOME: (outcome if not outcome.is_error else Outcome.CANCELLED).text})
        inner.fact = StepEnded(run, 0)
        inner.end()
    return len(left)


def let_go(task: TaskInfo, outcome: Outcome) -> None:
    """Let the span of a task go that has ended, and end those of work that goes on in a thread of its."""
    place: Place = task.run.place
    for call in task.models:
        call.leave(outcome)
    for inner in task.inside:
        if inner._end_time is None:
            inner.fact = SpanNoted(task.run)
            inner.conclude(outcome, inner.fact)
    task.inside = ()
    if task.caller is None:
        return
    try:
        # A superstep may make any number of calls.
        place.latest.remove(task.span)
    except ValueError:
        # The run has ended before it.
        pass


def said_again(task: TaskInfo, attributes: dict[str, Any] | None) -> dict[str, Any]:
    """Return attributes for an item of a task that does not run: it is said in the span of the superstep."""
    more: dict[str, Any] = {names.TASK_ID: task.id, names.NODE: task.name, **(attributes or {})}
    if task.ns is not None:
        more[names.TASK_NS] = NS_SEP.join(task.ns)
    return more
