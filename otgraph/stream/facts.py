"""
Exported spans back into facts: who ran, and what its record said, in the order of `otgraph.seq`.

Rule: it knows the spans and nothing else. Only runs whose content was captured can be read; what was hidden or cut
stays hidden or cut, and what never arrived is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import inf
from typing import Any, Final, TypeAlias

from otgraph.constants import NS_SEP, ROOT
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
    TaskCommitted,
    TaskFailed,
    TaskInterrupted,
    TaskRestored,
    TaskRetried,
    TaskStarted,
    TaskStopped,
    ToolTold,
)
from otgraph.infos import RunInfo, TaskInfo
from otgraph.missing import MISSING
from otgraph.snapshot import Interrupt
from otgraph.stream.exported import ExportedEvent, ExportedSpan
from otgraph.stream.modes import NOTHING_TOLD
from otgraph.tracing import names
from otgraph.tracing.instances import Instances
from otgraph.tracing.payload import Truncated, loads

__all__ = ["RecordedRun", "RecordedStates", "SpanFacts", "Told"]

Attributes = Mapping[str, Any]
Told: TypeAlias = tuple[Fact, Any]
"""A fact, and what its payload says."""


class RecordedRun:
    """
    A root run and all runs nested in it, as their spans tell of them.

    Args:
        run: the root run.
        start_ns: when it began.
    """

    def __init__(self, run: RunInfo, start_ns: int) -> None:
        self.run = run
        self.start_ns = start_ns
        self._entries: list[Told] = []
        """Facts in any order, each with its payload."""
        self._end = inf
        """The place in the record from which on the run's own stream heard nothing more."""

    def add(self, span: ExportedSpan, run: RunInfo) -> None:
        """Take the facts that rode on a span of `run`, which is the root run or nested in it."""
        told = SpanFacts(span["attributes"], run)
        self._keep(told.start(span["start_ns"]))
        # Tokens are there only where a trace store has kept them.
        live: list[ExportedEvent] = span.get("live") or []  # type: ignore[assignment]
        for event in sorted((*span["events"], *live), key=_seq_of):
            self._keep(told.event(event))
            if event["name"] == names.STREAM_ENDED and run is self.run:
                self._end = min(self._end, _seq_of(event))
        self._keep(told.end(span["attributes"], span["end_ns"]))

    def _keep(self, told: Told | None) -> None:
        if told is not None:
            self._entries.append(told)

    def facts(self) -> Iterator[Fact]:
        """Yield the facts in their order, each complete when it is yielded."""
        states = RecordedStates()
        for fact, told in sorted(self._entries, key=lambda entry: entry[0].seq):
            if fact.seq > self._end:
                return
            states.complete(fact, told)
            yield fact
            states.leave(fact)


class SpanFacts:
    """
    The facts that ride on one span.

    Args:
        attributes: the span's, at its start or later.
        run: the run that it belongs to.
    """

    def __init__(self, attributes: Attributes, run: RunInfo) -> None:
        self._attributes = attributes
        self._run = run
        self._is_run = names.STREAM_KEYS in attributes
        self._task = None if self._is_run or names.TASK_ID not in attributes else _task(run, attributes)
        self._attempt = 1

    def start(self, time_ns: int) -> Told | None:
        """Return the fact that rides on the start, if one does that streams show."""
        told = _payload(self._attributes)
        if self._is_run:
            return _at(RunStarted(self._run), self._attributes.get(names.SEQ), time_ns, told)
        if self._task is None or told is MISSING:
            # Where an error handler stands in, which streams do not show.
            return None
        return _at(TaskStarted(self._task), self._attributes.get(names.SEQ), time_ns, told)

    def event(self, event: ExportedEvent) -> Told | None:
        """Return the fact that an event stands for; they are to come in their order."""
        attributes = event["attributes"]
        make = EVENTS.get(event["name"])
        told = _payload(attributes)
        if make is None or (told is MISSING and event["name"] not in BARE):
            # User code may add events of any name; none of those bears a payload.
            return None
        fact = make(self._run, self._task or _task(self._run, {**self._attributes, **attributes}), told)
        fact.attempt = self._attempt
        if isinstance(fact, TaskRetried):
            self._attempt += 1
        return _at(fact, attributes.get(names.SEQ), event["time_ns"], told)

    def end(self, attributes: Attributes, time_ns: int) -> Told | None:
        """Return the fact that rides on the end, given the attributes that the span has then."""
        if not self._is_run:
            return None
        outcome = Outcome(attributes.get(names.OUTCOME, Outcome.SUCCESS))
        return _at(RunEnded(self._run, outcome), attributes.get(names.END_SEQ), time_ns, None)


def _at(fact: Fact, seq: int | None, time_ns: int, told: Any) -> Told | None:
    if seq is None:
        return None
    fact.seq = seq
    fact.time_ns = time_ns
    return fact, told


class RecordedStates:
    """The states of runs, put together from what was recorded of their changes."""

    def __init__(self) -> None:
        self._states: dict[RunInfo, _State] = {}

    def complete(self, fact: Fact, told: Any) -> None:
        """Add to a fact what its payload leaves to those before it; to be called in their order."""
        state = self._states.get(fact.run)
        if state is None:
            state = self._states[fact.run] = _State()
        if isinstance(fact, RunStarted):
            fact.values = told if isinstance(told, dict) else {}
            state.values.update(fact.values)
        elif isinstance(fact, StepApplied):
            state.apply(fact, told)
        elif isinstance(fact, TaskStarted):
            fact.task.input = state.input_of(told)
            fact.task.metadata = told.get("metadata") if isinstance(told, dict) else None
        elif isinstance(fact, CheckpointSaved):
            fact.told = {**NOTHING_TOLD, **told} if isinstance(told, dict) else NOTHING_TOLD
            fact.values = state.in_order(fact.run)
            fact.run.shape_state = state.shape_of(told) or fact.run.shape_state

    def leave(self, fact: Fact) -> None:
        """Forget a run that has ended."""
        if isinstance(fact, RunEnded):
            self._states.pop(fact.run, None)


class _State:
    """The channels of one run, as far as they were captured."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.instances = Instances()

    def apply(self, fact: StepApplied, told: Any) -> None:
        """Take the changes of a superstep."""
        changes = fact.values or {}
        for key, value in changes.items():
            if value is MISSING:
                self.values.pop(key, None)
            else:
                self.values[key] = value
        self.instances.forget(changes)
        shape = self.shape_of(told)
        if shape is not None:
            fact.run.shape = fact.run.shape_state = shape

    def shape_of(self, told: Any) -> Callable[[Any], Any] | None:
        """Return what makes an instance of the state, where it was told that there is one."""
        described = told.get("instance") if isinstance(told, dict) else None
        if not isinstance(described, dict):
            return None
        self.instances.build(described, self.values)
        kind, fields = described["type"], described["fields"]
        return lambda _: self.instances.instance(kind, fields, self.values)

    def in_order(self, run: RunInfo) -> dict[str, Any]:
        """Return the state as the live run shows it, in the order of its keys."""
        keys, values = run.stream_keys, self.values
        return {key: values[key] for key in ((keys,) if isinstance(keys, str) else keys) if key in values}

    def input_of(self, told: Any) -> Any:
        """Return the input of a task that starts now."""
        if not isinstance(told, dict):
            return told
        if "input" in told:
            return told["input"]
        if "instance" in told:
            described = told["instance"]
            return self.instances.build(described, self.values) if isinstance(described, dict) else described
        reads = told.get("reads")
        if reads == ROOT:
            return self.values.get(ROOT)
        if not isinstance(reads, list):
            return reads
        read = {key: self.values[key] for key in reads if key in self.values}
        managed = told.get("managed")
        return {**read, **managed} if isinstance(managed, dict) else read


# ---- one span, one event


def _payload(attributes: Attributes) -> Any:
    """Return what was captured; `Truncated` where it cannot be read any more, MISSING where there is nothing."""
    text = attributes.get(names.PAYLOAD)
    if text is None:
        return Truncated("", 0) if attributes.get(names.TRUNCATED) else MISSING
    try:
        return loads(text)
    except ValueError:
        # A limit on the length of attributes has cut the JSON itself.
        return Truncated(text, len(text))


def _task(run: RunInfo, attributes: Attributes) -> TaskInfo:
    task = TaskInfo(
        run,
        attributes.get(names.TASK_ID, ""),
        attributes.get(names.NODE, ""),
        attributes.get(names.STEP, 0),
        None,
        tuple(attributes.get(names.TRIGGERS, ())),
        (),
    )
    ns = attributes.get(names.TASK_NS)
    if ns is not None:
        task.ns = tuple(ns.split(NS_SEP))
    return task


def _seq_of(event: ExportedEvent) -> int:
    seq: int = event["attributes"].get(names.SEQ, 0)
    return seq


def _writes(told: Any) -> list[Any]:
    return [write for write in told if isinstance(write, tuple)] if isinstance(told, list) else []


def _failed(run: RunInfo, task: TaskInfo, told: Any) -> Fact:
    if not isinstance(told, dict):
        return TaskFailed(task, told)
    error: Any = told.get("error")
    return TaskFailed(task, error, _writes(told.get("writes")))


def _retried(run: RunInfo, task: TaskInfo, told: Any) -> Fact:
    if not isinstance(told, dict):
        told = {}
    error: Any = told.get("error")
    return TaskRetried(task, error, told.get("delay", 0.0))


def _interrupted(run: RunInfo, task: TaskInfo, told: Any) -> Fact:
    asked = told if isinstance(told, list) else []
    # What a size cap cut is a question all the same.
    return TaskInterrupted(
        task, [Interrupt(item, id="") if isinstance(item, Truncated) else item for item in asked]
    )


def _message(run: RunInfo, task: TaskInfo, told: Any) -> Fact:
    if not isinstance(told, dict):
        told = {"message": told}
    metadata = told.get("metadata")
    whole = bool(told.get("whole"))
    return MessageTold(task, told.get("message"), metadata if isinstance(metadata, dict) else {}, whole)


def _applied(run: RunInfo, task: TaskInfo, told: Any) -> Fact:
    if not isinstance(told, dict):
        told = {}
    written = told.get("written")
    written = written if isinstance(written, list) else []
    changes = told.get("set")
    if not isinstance(changes, dict):
        changes = dict.fromkeys(written, changes)
    gone = told.get("gone")
    changes = {**changes, **dict.fromkeys(gone if isinstance(gone, list) else (), MISSING)}
    fact = StepApplied(run, task.step, list(changes), written)
    fact.values = changes
    return fact


EVENTS: Final[dict[str, Callable[[RunInfo, TaskInfo, Any], Fact]]] = {
    "otgraph.task.started": lambda run, task, told: TaskStarted(task),
    TaskCommitted.name: lambda run, task, told: TaskCommitted(task, _writes(told)),
    TaskRestored.name: lambda run, task, told: TaskRestored(task, _writes(told)),
    TaskRetried.name: _retried,
    TaskFailed.name: _failed,
    TaskFailed.passed_on: _failed,
    TaskStopped.name: lambda run, task, told: TaskStopped(
        task,
        told.get("error") if isinstance(told, dict) else told,  # type: ignore[arg-type]
    ),
    TaskInterrupted.name: _interrupted,
    Emitted.name: lambda run, task, told: Emitted(task, told),
    names.MESSAGE: _message,
    names.TOOL_TOLD: lambda run, task, told: ToolTold(task, told),
    StepApplied.name: _applied,
    RunPaused.name: lambda run, task, told: RunPaused(run),
    RunResumed.name: lambda run, task, told: RunResumed(run),
    CheckpointSaved.name: lambda run, task, told: CheckpointSaved(run, (), dict),
}
"""Name of a span event -> the fact that rode on it, given its run, its task and its payload."""

BARE: Final = frozenset({RunPaused.name, RunResumed.name, TaskRetried.name})
"""Events that have no payload."""
