"""
TracingObserver: the facts of a run become spans, and ride on them into the record.

Rule: one fact, one span start, event or end. A span object is held here; it is made *current* only by a driver,
around one call of user code.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.context import Context, get_current

from otgraph.constants import NS_SEP, START
from otgraph.engine.shown import describe_checkpoint
from otgraph.events import (
    CheckpointSaved,
    Emitted,
    Fact,
    MessageTold,
    Outcome,
    RunEnded,
    RunPaused,
    RunResumed,
    RunStarted,
    StepApplied,
    StepEnded,
    StepStarted,
    TaskCommitted,
    TaskEnded,
    TaskFailed,
    TaskInterrupted,
    TaskRestored,
    TaskRetried,
    TaskStarted,
    TaskStopped,
    Write,
)
from otgraph.infos import RunInfo, TaskInfo
from otgraph.tracing import names
from otgraph.tracing.counts import counts_of, run_usage
from otgraph.tracing.exceptions import Failures, exception_event
from otgraph.tracing.faults import faults
from otgraph.tracing.metrics import Meters, meters_for
from otgraph.tracing.options import TelemetryOptions
from otgraph.tracing.origin import WHERE, carrier_of
from otgraph.tracing.place import Place
from otgraph.tracing.provider import AnyPipeline, pipeline_for
from otgraph.tracing.record import Record
from otgraph.tracing.span import Span
from otgraph.tracing.spans import end_left, let_go, run_span, said_again, task_span
from otgraph.tracing.told import tell_live, tell_returned

if TYPE_CHECKING:
    from otgraph.tracing.capture import Capture

__all__ = ["LIVE", "TracingObserver", "new_observer"]


LIVE: Final[dict[str, RunInfo]] = {}
"""The root runs that are going on in this process, by id."""


def new_observer(options: TelemetryOptions) -> TracingObserver:
    """Return an observer for a root run that the caller's current span, if any, is the parent of."""
    record = Record()
    record.meters = meters_for(options.meter_provider)
    return TracingObserver(pipeline_for(options.provider), record, get_current(), options)


class TracingObserver:
    """
    The observer of one root run.

    Args:
        pipeline: makes the spans.
        record: takes the facts.
        context: the OpenTelemetry context of the caller.
    """

    __slots__ = ("_capture", "_context", "_failures", "_meters", "_options", "pipeline", "record")

    def __init__(
        self, pipeline: AnyPipeline, record: Record, context: Context, options: TelemetryOptions
    ) -> None:
        self.pipeline = pipeline
        self._context = context
        self._options = options
        self._capture: Capture | None = None
        if options.captures:
            # Imported where it is wanted: most runs record no content.
            from otgraph.tracing.capture import Capture

            self._capture = Capture(options)
        self._failures = Failures()
        self._meters: Meters | None = record.meters
        self.record = record

    def watch_foreign(self) -> None:
        """Hear of spans that others make inside the run, from now on."""
        self.pipeline.watch_foreign()

    @property
    def options(self) -> TelemetryOptions:
        """What the user chose about telemetry for this run."""
        return self._options

    # ---- runs

    def run_started(self, run: RunInfo, caller: TaskInfo | None) -> None:
        """Start the run's span, under the task that called it or under the caller's current span."""
        record = self.record
        place, span = run_span(self.pipeline, run, record, self._context, caller, self._options)
        fact = RunStarted(run)
        if record.reads & RunStarted.kind:
            fact.load()
        if self._capture is not None:
            self._capture.run_started(span, fact)
        run.span = span
        if self._meters is not None:
            self._meters.runs.run_started(run)
        record.runs.append(run)
        try:
            span.begin(place, fact)
        except BaseException as error:
            self.run_ended(run, Outcome.ERROR, error)
            raise
        if run.parent is None:
            LIVE[run.id] = run

    def carrier(self, run: RunInfo, outcome: Outcome | None = None) -> Any:
        """Return what the run's span is found again by, if it is exported, and how the run ends, if that is counted."""
        if self.pipeline.exports or (outcome is not None and self._meters is not None):
            return carrier_of(run, outcome)
        return None

    def carrier_lost(self, error: BaseException) -> None:
        """Count it."""
        faults.count(error, WHERE)

    def run_ended(self, run: RunInfo, outcome: Outcome, error: BaseException | None) -> None:
        """End the run's span, and before it whatever inside it is still open."""
        span: Span = run.span
        left = end_left(run, outcome)
        if left:
            span.annotate({names.LEAKED: left})
        if run.place.usage is not None:
            span.annotate(run_usage(run))
        if error is not None and not self._failures.knows(error):
            span.emit(*exception_event(error, self._options), None, reserved=True)
            if outcome is Outcome.RECURSION_LIMIT and self._meters is not None:
                self._meters.runs.limit_hit(run)
        if self._capture is not None:
            self._capture.run_ended(run, outcome)
        try:
            span.conclude(outcome, RunEnded(run, outcome), error)
        finally:
            if self._meters is not None:
                self._meters.runs.run_ended(run, outcome)
            self._forget(run)

    def _forget(self, run: RunInfo) -> None:
        try:
            self.record.runs.remove(run)
        except ValueError:
            pass
        if run.parent is None:
            self.record.close()
            self._failures.known = ()
            LIVE.pop(run.id, None)
            run.place.leave()

    def run_paused(self, run: RunInfo, where: str) -> None:
        """Add the event to the run's span."""
        run.span.emit(RunPaused.name, None, RunPaused(run), reserved=True)

    def run_resumed(self, run: RunInfo) -> None:
        """Add the event to the run's span."""
        run.span.emit(RunResumed.name, None, RunResumed(run), reserved=True)

    def checkpoint_saved(self, run: Any, tasks: Sequence[Any]) -> None:
        """Add the event to the span of the superstep whose writes are saved, else to the run's."""
        saved = run.saved
        attributes: dict[str, Any] = {
            names.CHECKPOINT_ID: saved.checkpoint_id,
            names.CHECKPOINT_SOURCE: saved.metadata.get("source", ""),
        }
        fact = None
        if self.record.mask & CheckpointSaved.kind or self._capture is not None:
            fact = CheckpointSaved(run, tasks, partial(describe_checkpoint, run, tasks))
            if self.record.reads & CheckpointSaved.kind:
                fact.load()
            if self._capture is not None:
                attributes.update(self._capture.checkpoint_saved(fact))
        span = run.span if run.step_span is None else run.step_span
        span.emit(CheckpointSaved.name, attributes, fact, reserved=True)

    # ---- supersteps

    def step_started(self, run: RunInfo, step: int, tasks: Sequence[TaskInfo]) -> None:
        """Start the superstep's span and then those of all its tasks."""
        place: Place = run.place
        above = self.pipeline.child(
            names.STEP_SPAN,
            run.span,
            place.context,
            {**place.facts, names.STEP: step, names.STEP_TASKS: len(tasks)},
        )
        run.step_span = above
        place.latest = [above]
        mask = place.record.mask
        above.begin(place, StepStarted(run, step, tasks) if mask & StepStarted.kind else None)
        heard = bool(mask & TaskStarted.kind) or self._capture is not None
        for task in tasks:
            if task.name == START:
                # The hidden node, sent to by hand: it has no span of its own.
                task.span = above
            elif task.restored:
                self._restored(task, heard)
            else:
                self._start_task(task, TaskStarted(task) if heard else None)
        for task in tasks:
            if task.restored and not task.failed:
                self._say_again(task)

    def _say_again(self, task: TaskInfo) -> None:
        for item in task.replayed:
            self.emitted(task, item)
        self.task_restored(task, task.writes)

    def _start_task(self, task: TaskInfo, fact: TaskStarted | None, more: Any = None) -> None:
        place: Place = task.run.place
        task.span = span = task_span(self.pipeline, task, more)
        place.latest.append(span)
        if fact is not None and self._capture is not None:
            span.annotate(self._capture.task_started(fact))
        span.begin(place, fact)

    def _restored(self, task: TaskInfo, heard: bool) -> None:
        """Tell of a task that need not run: it has no span, so its start is an event of the superstep."""
        task.span = span = task.run.step_span
        fact = TaskStarted(task) if heard else None
        attributes: dict[str, Any] = {
            names.TASK_ID: task.id,
            names.NODE: task.name,
            names.TRIGGERS: task.triggers,
        }
        if fact is not None and self._capture is not None:
            attributes.update(self._capture.task_started(fact))
        span.emit(names.RESTORED_START, attributes, fact, reserved=True)

    def task_substituted(self, task: TaskInfo, failed: TaskInfo) -> None:
        """Start the span of an error handler; streams do not show its start."""
        self._start_task(task, None)

    def task_called(self, task: TaskInfo) -> None:
        """Start the span of a task that user code has called; a restored one has none."""
        heard = bool(self.record.mask & TaskStarted.kind) or self._capture is not None
        if task.restored:
            self._restored(task, heard)
            if task.cached:
                self._say_again(task)
        else:
            ns = {names.TASK_NS: NS_SEP.join(task.ns or ())}
            self._start_task(task, TaskStarted(task) if heard else None, ns)

    def step_applied(self, run: RunInfo, step: int, changed: Sequence[str], written: Sequence[str]) -> None:
        """Add the event to the superstep's span; to the run's for the input."""
        fact = attributes = None
        if self.record.mask & StepApplied.kind or self._capture is not None:
            fact = StepApplied(run, step, changed, written)
            if self.record.reads & StepApplied.kind:
                fact.load()
            attributes = None if self._capture is None else self._capture.step_applied(fact)
        # The input is applied before the first superstep.
        span = run.span if run.step_span is None else run.step_span
        span.emit(StepApplied.name, attributes, fact, reserved=True)

    def step_ended(self, run: RunInfo, outcome: Outcome, error: BaseException | None) -> None:
        """End the superstep's span; only an error that no task had is recorded on it."""
        span: Span | None = run.step_span
        if span is None:
            return
        run.step_span = None
        if error is not None:
            if not self._failures.knows(error):
                span.emit(*exception_event(error, self._options), None, reserved=True)
        elif self._failures.known and run.parent is None:
            self._failures.known = ()
        fact = StepEnded(run, 0) if self.record.mask & StepEnded.kind else None
        span.conclude(outcome, fact, error)
        if self._meters is not None:
            self._meters.steps.step_ended(run, span)

    # ---- tasks

    def task_committed(self, task: TaskInfo, writes: Sequence[Write]) -> None:
        """Add the event that stands for the task's writes."""
        fact = attributes = None
        if self.record.mask & TaskCommitted.kind or self._capture is not None:
            fact = TaskCommitted(task, writes)
            attributes = None if self._capture is None else self._capture.task_committed(fact)
        task.span.emit(TaskCommitted.name, attributes, fact, reserved=True)

    def task_failed(self, task: TaskInfo, error: BaseException, writes: Sequence[Write]) -> None:
        """Record the exception, once: the tasks of graphs around that node say only that they failed."""
        if self._failures.knows(error):
            name, attributes = TaskFailed.passed_on, {names.ERROR_TYPE: type(error).__qualname__}
        else:
            name, attributes = exception_event(error, self._options)
        fact = TaskFailed(task, error, writes)
        if self._capture is not None:
            attributes.update(self._capture.task_failed(fact))
        task.span.emit(name, attributes, fact, reserved=True)

    def task_stopped(self, task: TaskInfo, error: BaseException) -> None:
        """Add the event that says that a sibling's failure cancelled the task."""
        fact = TaskStopped(task, error)
        attributes = None if self._capture is None else self._capture.task_stopped(fact)
        task.span.emit(fact.name, attributes, fact, reserved=True)

    def task_interrupted(self, task: TaskInfo, interrupts: Sequence[Any]) -> None:
        """Add the event that says what is waited for; it is no error."""
        attributes: dict[str, Any] = {names.INTERRUPT_IDS: tuple(item.id for item in interrupts)}
        if task.caller is not None:
            # The fact is that of the task that called it.
            task.span.emit(names.CALL_INTERRUPTED, attributes, None, reserved=True)
            return
        fact = TaskInterrupted(task, interrupts)
        if self._capture is not None:
            attributes.update(self._capture.task_interrupted(fact))
        task.span.emit(fact.name, attributes, fact, reserved=True)

    def task_restored(self, task: TaskInfo, writes: Sequence[Write]) -> None:
        """Add the event to the superstep's span: a restored task has none of its own."""
        fact = TaskRestored(task, writes)
        attributes: dict[str, Any] = {names.TASK_ID: task.id, names.NODE: task.name}
        if task.cached:
            attributes[names.CACHE_HIT] = True
        if self._capture is not None:
            attributes.update(self._capture.task_restored(fact))
        task.run.step_span.emit(fact.name, attributes, fact, reserved=True)

    def task_retried(self, task: TaskInfo, error: BaseException, delay: float) -> None:
        """Add the event that says that an attempt failed."""
        fact = TaskRetried(task, error, delay)
        attributes: dict[str, Any] = {names.ERROR_TYPE: type(error).__qualname__, names.DELAY: delay}
        if self._capture is not None:
            attributes.update(self._capture.task_retried(fact))
        task.span.emit(fact.name, attributes, fact, reserved=True)
        if self._meters is not None:
            self._meters.steps.task_retried(task, type(error).__qualname__)

    def task_ended(self, task: TaskInfo, outcome: Outcome, error: BaseException | None) -> None:
        """End the task's span."""
        span: Span = task.span
        if (task.emitted or task.told or task.usage or task.attempt > 1) and span._end_time is None:
            span.annotate(counts_of(task))
        fact = TaskEnded(task, outcome) if self.record.mask & TaskEnded.kind else None
        span.conclude(outcome, fact, error)
        if self._meters is not None:
            self._meters.steps.task_ended(task, outcome)
        if task.caller is not None or task.inside:
            let_go(task, outcome)

    def emitted(self, task: TaskInfo, payload: Any) -> None:
        """Add the event that stands for one item of a stream writer."""
        task.emitted += 1
        fact = None
        if self.record.mask & Emitted.kind or self._capture is not None:
            fact = Emitted(task, payload)
        span = task.span
        if span._end_time is not None:
            # A thread that a node left behind still writes: the run takes it in the node's place.
            span = task.run.span
        attributes = None if fact is None or self._capture is None else self._capture.emitted(fact)
        if task.restored:
            attributes = said_again(task, attributes)
        span.emit(Emitted.name, attributes, fact)

    def message_told(self, task: TaskInfo, message: Any, metadata: dict[str, Any], whole: bool) -> None:
        """Tell streams of a token or a message; the span keeps how many there were, and when the first one was."""
        tell_live(self.record, task, MessageTold(task, message, metadata, whole), self._capture)

    def live_told(self, task: TaskInfo, fact: Fact) -> None:
        """Tell streams of a fact that rides on no span."""
        tell_live(self.record, task, fact, self._capture)

    def branch_called(self, task: TaskInfo, branch: Any, view: Any) -> None:
        """Nothing: to a trace a branch is part of its task."""

    def branch_returned(self, task: TaskInfo, branch: Any, reply: Any) -> None:
        """Nothing."""

    def task_returned(self, task: TaskInfo, result: Any) -> None:
        """Tell streams of the messages in what a node returned."""
        if self.record.mask & MessageTold.kind:
            tell_returned(self, task, result)
