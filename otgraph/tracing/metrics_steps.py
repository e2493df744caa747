"""
StepMeters: metrics of supersteps and of their tasks.

Rule: the values are the durations of the spans. What happens in every superstep is measured here, so this is where
measuring has to be cheap: a task alone in its superstep is recorded three times, and waits for nobody.
"""

from __future__ import annotations

from typing import Final

from opentelemetry import metrics

from otgraph.events import Outcome
from otgraph.infos import RunInfo, TaskInfo
from otgraph.tracing import names
from otgraph.tracing.distribution import Distribution, context_in
from otgraph.tracing.faults import faults
from otgraph.tracing.labels import LabelSets
from otgraph.tracing.late import Late
from otgraph.tracing.place import Place
from otgraph.tracing.span import Span

__all__ = ["StepMeters"]

STEP_SECONDS: Final = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600,
]  # fmt: skip
"""From code that only passes state on to agents that work for an hour."""
WIDTHS: Final = [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]


class StepMeters:
    """
    See the module.

    Args:
        meter: makes the instruments.
        late: takes what is cut off.
    """

    __slots__ = ("_barrier", "_duration", "_late", "_node", "_retried", "_retries", "_width")

    def __init__(self, meter: metrics.Meter, late: Late) -> None:
        self._late = late
        self._node = Distribution(
            meter,
            names.NODE_DURATION,
            "s",
            "What tasks take.",
            STEP_SECONDS,
            *(names.WORKFLOW, names.NODE, names.OUTCOME, names.ERROR_TYPE),
        )
        self._barrier = Distribution(
            meter,
            names.BARRIER_WAIT,
            "s",
            "Until the last task beside a task has ended too.",
            STEP_SECONDS,
            *(names.WORKFLOW, names.NODE),
        )
        self._duration = Distribution(
            meter, names.STEP_DURATION, "s", "What supersteps take.", STEP_SECONDS, names.WORKFLOW
        )
        self._width = Distribution(
            meter, names.STEP_WIDTH, "{task}", "Tasks per superstep.", WIDTHS, names.WORKFLOW
        )
        self._retries = meter.create_counter(names.RETRIES, "{retry}", "Attempts that are made again.")
        self._retried = LabelSets(names.WORKFLOW, names.NODE, names.ERROR_TYPE)

    def task_ended(self, task: TaskInfo, outcome: Outcome) -> None:
        """Measure a task, whose span has ended."""
        if task.run.place.record.cut_off:
            self._late.put(self._measure_task, task, outcome)
        else:
            self._measure_task(task, outcome)

    def _measure_task(self, task: TaskInfo, outcome: Outcome) -> None:
        run: RunInfo = task.run
        span: Span = task.span
        try:
            kind = span._attributes.get(names.ERROR_TYPE) if outcome.is_error else None
            labels = (run.name, task.name, outcome.text, kind)
            at = span._end_time or 0
            self._node.record((at - span._start_time) / 1e9, labels, at, run, span)
        except Exception as error:
            faults.count(error, "metrics")

    def task_retried(self, task: TaskInfo, kind: str) -> None:
        """Count an attempt that ended with an exception of that class."""
        run: RunInfo = task.run
        try:
            self._retries.add(1, self._retried[run.name, task.name, kind], context_in(run, task.span))
        except Exception as error:
            faults.count(error, "metrics")

    def step_ended(self, run: RunInfo, span: Span) -> None:
        """Measure a superstep, whose span has ended."""
        if run.place.record.cut_off:
            self._late.put(self._measure_step, run, span)
        else:
            self._measure_step(run, span)

    def _measure_step(self, run: RunInfo, span: Span) -> None:
        try:
            labels, at = (run.name,), span._end_time or 0
            width = span._attributes[names.STEP_TASKS]
            self._duration.record((at - span._start_time) / 1e9, labels, at, run, span)
            self._width.record(width, labels, at, run, span)
            if width > 1:
                self._wait(run)
        except Exception as error:
            faults.count(error, "metrics")

    def _wait(self, run: RunInfo) -> None:
        """Measure how long the tasks of a superstep have waited for the last of them."""
        place: Place = run.place
        spans = [span for span in place.latest[1:] if span._end_time is not None]
        if len(spans) < 2:
            # The others were restored: nobody has waited.
            return
        last = max(span._end_time or 0 for span in spans)
        for span in spans:
            at = span._end_time or 0
            labels = (run.name, span._attributes[names.NODE])
            self._barrier.record((last - at) / 1e9, labels, last, run, span)
