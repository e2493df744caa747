"""
Where a run is: its record, and the OpenTelemetry context it was begun in.

Rule: the place travels in the OpenTelemetry context of user code, so that whatever is traced below finds its run.
"""

from __future__ import annotations

from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context

from otgraph.infos import RunInfo, TaskInfo
from otgraph.tracing.conversation import in_conversation
from otgraph.tracing.record import Record
from otgraph.tracing.span import Span

__all__ = ["PLACE", "Place", "begun_in"]

PLACE: Final = otel_context.create_key("otgraph.place")
"""The key of an OpenTelemetry context under which user code carries the place of the run it is inside of."""

SPAN_KEY: Final = next(iter(trace.set_span_in_context(trace.INVALID_SPAN, Context())))
"""The key under which OpenTelemetry keeps the current span."""


class Place:
    """What `RunInfo.place` holds."""

    __slots__ = (
        "calls",
        "carrier",
        "context",
        "exports",
        "facts",
        "latest",
        "lineage",
        "outer",
        "record",
        "run",
        "task_facts",
        "tools",
        "usage",
    )

    def __init__(self, run: RunInfo, record: Record, context: Context, exports: bool) -> None:
        self.run = run
        self.record = record
        self.outer = in_conversation(context, run.thread)
        """The context of the run's caller."""
        self.context = otel_context.set_value(PLACE, self, self.outer)
        """The same with this place in it, while the run goes on, and without the run's span."""
        self.exports = exports
        """Whether the run's spans may be current where other instrumentation sees them."""
        self.carrier: dict[str, Any] | None = None
        """What the run's span is found again by, once a checkpoint was to keep it."""
        self.facts: dict[str, Any] = {}
        """Attributes that all spans of the run bear."""
        self.task_facts: dict[str, Any] = {}
        """Attributes that all its task spans bear."""
        self.lineage: Any = None
        """What the run shows of where it comes from, a `Lineage`."""
        self.usage: Any = None
        """What calls of models in the run have taken, a `Usage`; None where there were none."""
        self.calls = 0
        """How many calls of models an agent has begun in its run, without those of agents inside it."""
        self.tools = 0
        """The same of tools."""
        self.latest: list[Span] = []
        """The spans of the superstep in progress and of its tasks; no others of the run can be open."""

    def leave(self) -> None:
        """Let go of the run, which is over, so that all of it is freed at once and not by the garbage collector."""
        self.run = None  # type: ignore[assignment]  # nobody asks once the record is closed
        self.context = self.outer

    def enter(self, span: Span) -> None:
        """
        Make `span` current in the context variables of the caller, for good: call it in a context of its own.

        Without a provider that exports, nothing is made current: no `traceparent` of a span that nobody will ever
        see must reach other services.
        """
        if self.exports:
            otel_context.attach(Context({**self.context, SPAN_KEY: span}))


def begun_in(caller: TaskInfo) -> tuple[Context, bool]:
    """
    Return the OpenTelemetry context in which a run inside `caller` begins.

    The second item says whether a span that user code opened is current in it: then the run is below that span, and
    else below the task's.
    """
    place: Place = caller.run.place
    here = otel_context.get_current()
    if here.get(PLACE) is not place:
        # The engine itself runs a graph that is a node.
        return place.context, False
    current, task = trace.get_current_span(here).get_span_context(), caller.span._context
    return here, current.is_valid and current.trace_id == task.trace_id and current.span_id != task.span_id
