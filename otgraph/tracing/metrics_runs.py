"""
RunMeters: metrics of root runs: how many there are, how long they take, and how long they wait for humans.

Rule: a run inside a run is part of that and not counted, but for its duration where it is an agent's, and for its
recursion limit. A pause is counted where a run stops and where a run goes on from there, maybe in another process:
only the sum over all processes says how many threads are paused.
"""

from __future__ import annotations

from typing import Any, Final

from opentelemetry import metrics

from otgraph.events import Outcome
from otgraph.infos import RunInfo
from otgraph.tracing import names
from otgraph.tracing.distribution import NOWHERE, Distribution, context_in, length_of, recorder, seconds
from otgraph.tracing.faults import faults
from otgraph.tracing.labels import LabelSets
from otgraph.tracing.late import Late
from otgraph.tracing.pauses import Pauses
from otgraph.tracing.place import Place
from otgraph.tracing.span import Span

__all__ = ["RunMeters"]

AGENT_SECONDS: Final = [0.1 * 2**n for n in range(13)]
"""The buckets of the conventions."""
CALLS: Final[list[float]] = [2**n for n in range(8)]
"""The same, of calls of models and of tools."""
WORKFLOW_SECONDS: Final[list[float]] = [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200]
"""The same."""
WAIT_SECONDS: Final[list[float]] = [
    1, 5, 15, 30, 60, 300, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 345600, 604800, 1209600,
]  # fmt: skip
"""From an answer that was there at once to one that took two weeks."""

RUN_LABELS: Final = (names.OPERATION, names.WORKFLOW, names.OUTCOME, names.ERROR_TYPE)
AGENT_LABELS: Final = (names.OPERATION, names.AGENT, names.OUTCOME, names.ERROR_TYPE)


class RunMeters:
    """
    See the module.

    Args:
        meter: makes the instruments.
        late: takes what is cut off.
    """

    __slots__ = (
        "_active",
        "_agent",
        "_agent_calls",
        "_agent_tools",
        "_ends",
        "_hits",
        "_late",
        "_paused",
        "_pauses",
        "_resumes",
        "_run",
        "_stopped",
        "_wait",
        "_workflows",
    )

    def __init__(self, meter: metrics.Meter, late: Late) -> None:
        self._late = late
        what = "What runs of agents take."
        self._agent = Distribution(meter, names.AGENT_DURATION, "s", what, AGENT_SECONDS, *AGENT_LABELS)
        what = "Calls of models that an agent makes in a run."
        self._agent_calls = Distribution(
            meter, names.AGENT_CALLS, "{inference_call}", what, CALLS, names.AGENT
        )
        what = "Calls of tools that an agent makes in a run."
        self._agent_tools = Distribution(meter, names.AGENT_TOOLS, "{tool_call}", what, CALLS, names.AGENT)
        what = "What root runs take that are no agent's."
        self._run = Distribution(meter, names.RUN_DURATION, "s", what, WORKFLOW_SECONDS, *RUN_LABELS)
        self._wait = seconds(meter, names.INTERRUPT_WAITS, WAIT_SECONDS, "From a pause until a run goes on.")
        what = "Root runs that are going on."
        self._active = recorder(meter.create_up_down_counter(names.RUN_ACTIVE, "{run}", what))
        self._paused = meter.create_up_down_counter(
            names.RUN_PAUSED, "{run}", "Pauses, less those that came to an end: sum over all processes."
        )
        self._pauses = meter.create_counter(names.PAUSES, "{pause}", "Root runs that stopped for a human.")
        self._resumes = meter.create_counter(
            names.RESUMES, "{run}", "Root runs that went on from a pause, and ended."
        )
        self._hits = meter.create_counter(
            names.LIMIT_HITS, "{run}", "Runs that did not stop within their recursion limit."
        )
        self._workflows = LabelSets(names.WORKFLOW)
        self._ends = LabelSets(names.WORKFLOW, names.OUTCOME)
        self._stopped = Pauses(meter)

    def run_started(self, run: RunInfo) -> None:
        """Count a root run, and the end of the pause that it goes on from."""
        if run.parent is not None:
            return
        self._late.flush()
        try:
            span: Span = run.span
            labels = self._workflows[run.name,]
            self._active(1, span._start_time, labels, NOWHERE)
            place: Place = run.place
            self._stopped.end(run)
            if place.lineage.ends_pause:
                self._paused.add(-1, labels, NOWHERE)
            wait = place.lineage.attributes.get(names.INTERRUPT_WAIT)
            if wait is not None:
                self._wait.record(wait, labels, context_in(run, span))
        except Exception as error:
            faults.count(error, "metrics")

    def run_ended(self, run: Any, outcome: Outcome) -> None:
        """Measure a run, whose span has ended."""
        if run.place.record.cut_off:
            self._late.put(self._measure, run, outcome)
        else:
            self._measure(run, outcome)

    def _measure(self, run: Any, outcome: Outcome) -> None:
        try:
            span: Span = run.span
            at = span._end_time or 0
            kind = span._attributes.get(names.ERROR_TYPE) if outcome.is_error else None
            if run.agent is not None:
                labels = (names.AGENT_SPAN, run.agent.name, outcome.text, kind)
                self._agent.record(length_of(span), labels, at, run, span)
                for counted, count in (
                    (self._agent_calls, run.place.calls),
                    (self._agent_tools, run.place.tools),
                ):
                    counted.record(count, (run.agent.name,), at, run, span)
            elif run.parent is None:
                labels = (names.RUN_SPAN, run.name, outcome.text, kind)
                self._run.record(length_of(span), labels, at, run, span)
            if run.parent is None:
                self._root_ended(run, outcome)
        except Exception as error:
            faults.count(error, "metrics")

    def _root_ended(self, run: Any, outcome: Outcome) -> None:
        labels = self._workflows[run.name,]
        self._active(-1, run.span._end_time or 0, labels, NOWHERE)
        place: Place = run.place
        if place.lineage.resumes:
            self._resumes.add(1, self._ends[run.name, outcome.text], context_in(run, run.span))
        if outcome is Outcome.INTERRUPTED:
            self._pauses.add(1, labels, context_in(run, run.span))
            if run.saved is not None:
                # Without a saver nobody can go on from there.
                self._paused.add(1, labels, NOWHERE)
                self._stopped.begin(run)

    def limit_hit(self, run: RunInfo) -> None:
        """Count a run that did not stop in time; those around it are not counted for the same error."""
        try:
            self._hits.add(1, self._workflows[run.name,], context_in(run, run.span))
        except Exception as error:
            faults.count(error, "metrics")
