"""
Content capture: what a fact tells, as attributes.

Rule: off unless the user asked. Writes and changed channels are captured, not whole states: a task that reads the
state records which channels it read, and a reader of the trace puts its input together from what was applied before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from otgraph.constants import RETURN, ROOT
from otgraph.events import (
    CheckpointSaved,
    Emitted,
    MessageTold,
    Outcome,
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
    Write,
)
from otgraph.infos import RunInfo
from otgraph.missing import MISSING
from otgraph.snapshot import Interrupt
from otgraph.tracing import names
from otgraph.tracing.content import show_given, show_said
from otgraph.tracing.faults import faults
from otgraph.tracing.instances import Instances
from otgraph.tracing.options import TelemetryOptions
from otgraph.tracing.payload import Captured, class_name, dumps, dumps_within
from otgraph.tracing.redaction import processed, redacted
from otgraph.tracing.span import Span

__all__ = ["Capture"]

Hook: TypeAlias = Callable[[Any], Any]

NO_TEXT: Final = "[not captured]"
"""What an exception says where messages are kept out."""


class Capture:
    """Turns facts into attributes by the user's options: redacted, then capped."""

    __slots__ = ("_instances", "_options", "_withheld")

    def __init__(self, options: TelemetryOptions) -> None:
        self._options = options
        self._instances: dict[RunInfo, Instances] = {}
        self._withheld: dict[RunInfo, list[tuple[Hook, set[str]]]] = {}
        """What nodes with a policy of their own wrote to in the superstep in progress."""

    def _payload(self, fact: str, value: Any) -> dict[str, Any]:
        try:
            text, cut = dumps_within(redacted(self._options, fact, value), self._options.max_payload)
        except Exception as error:
            # What cannot be told must not break the run; an empty payload that says so is better than a lie.
            faults.count(error, "content capture")
            return {names.TRUNCATED: True}
        return {names.PAYLOAD: text, names.TRUNCATED: True} if cut else {names.PAYLOAD: text}

    def run_started(self, span: Span, fact: RunStarted) -> None:
        """Record the state a run starts from and how it is shown."""
        run = fact.run
        fact.load()
        span.annotate(
            {
                names.STREAM_KEYS: dumps(run.stream_keys),
                names.OUTPUT_KEYS: dumps(run.output_keys),
                **self._payload("run", fact.values),
            }
        )
        show_given(self._options, span, run.given)

    def run_ended(self, run: RunInfo, outcome: Outcome) -> None:
        """Record what the run said in the end, and forget what is remembered of it."""
        if outcome is Outcome.SUCCESS:
            show_said(self._options, run.span, partial(_shown_by, run))
        self._instances.pop(run, None)
        self._withheld.pop(run, None)

    def task_started(self, fact: TaskStarted) -> dict[str, Any]:
        """Record a task's input, or which channels it was read from."""
        task = fact.task
        told: dict[str, Any] = {}
        if task.metadata:
            told["metadata"] = task.metadata
        process = _hook(task, "process_inputs")
        if process is not None:
            told["input"] = processed(process, task.input)
        elif task.reads is None:
            told["input"] = task.input
        elif task.reads == (ROOT,):
            told["reads"] = ROOT
        elif type(task.input) is dict:
            told["reads"] = list(task.reads)
            managed = {key: value for key, value in task.input.items() if key not in task.reads}
            if managed:
                told["managed"] = managed
        else:
            told.update(self._instance(fact.run, task.input))
        return self._payload("task", told)

    def _instance(self, run: RunInfo, value: Any) -> dict[str, Any]:
        """Return what is told of a state that is an instance of a class of the user's."""
        known = self._instances.get(run)
        if known is None:
            known = self._instances[run] = Instances()
        look = run.look
        told = None if look is None else known.describe(value, lambda key: look((key,))[key])
        return {"input": value} if told is None else {"instance": told}

    def task_committed(self, fact: TaskCommitted) -> dict[str, Any]:
        """Record a task's writes to the state."""
        return self._writes(fact)

    def task_restored(self, fact: TaskRestored) -> dict[str, Any]:
        """Record the writes of a task that did not run."""
        return self._writes(fact)

    def _writes(self, fact: TaskCommitted | TaskRestored) -> dict[str, Any]:
        return self._payload("writes", self._shown_writes(fact))

    def _shown_writes(self, fact: TaskCommitted | TaskRestored | TaskFailed) -> list[Write]:
        writes = _state_writes(fact.run, fact.writes)
        process = _hook(fact.task, "process_outputs")
        if process is None or not writes:
            return writes
        self._withheld.setdefault(fact.run, []).append((process, {key for key, _ in writes}))
        shown = processed(process, dict(writes))
        return list(shown.items()) if isinstance(shown, dict) else []

    def task_failed(self, fact: TaskFailed) -> dict[str, Any]:
        """Record the exception as an object, besides the event that stands for it, and what it left behind."""
        told = {"error": self._error(fact.error)}
        if fact.writes:
            told["writes"] = self._shown_writes(fact)
        return self._payload("error", told)

    def task_retried(self, fact: TaskRetried) -> dict[str, Any]:
        """Record the exception as an object, and how long it is to the next attempt."""
        return self._payload("error", {"error": self._error(fact.error), "delay": fact.delay})

    def _error(self, error: BaseException) -> Any:
        if self._options.exceptions_full:
            return error
        return Captured(class_name(type(error)), {"args": [], "text": NO_TEXT})

    def task_stopped(self, fact: TaskStopped) -> dict[str, Any]:
        """Record what a cancelled task's stream shows as its error."""
        return self._payload("error", {"error": fact.error})

    def task_interrupted(self, fact: TaskInterrupted) -> dict[str, Any]:
        """Record what is asked."""
        asked = list(fact.interrupts)
        process = _hook(fact.task, "process_outputs")
        if process is not None:
            asked = [Interrupt(processed(process, each.value), each.id) for each in asked]
        return self._payload("interrupts", asked)

    def emitted(self, fact: Emitted) -> dict[str, Any]:
        """Record one item of a stream writer."""
        process = _hook(fact.task, "process_outputs")
        return self._payload("custom", fact.payload if process is None else processed(process, fact.payload))

    def told_live(self, fact: MessageTold | ToolTold) -> tuple[str, dict[str, Any]]:
        """Record what spans do not keep, and whose it is: the span that it is told of may be another one's."""
        task = fact.task
        process = _hook(task, "process_outputs")
        if isinstance(fact, MessageTold):
            message = fact.message if process is None else processed(process, fact.message)
            name, told = names.MESSAGE, {"message": message, "metadata": fact.metadata, "whole": fact.whole}
        else:
            name, told = (
                names.TOOL_TOLD,
                fact.payload if process is None else processed(process, fact.payload),
            )
        return name, {names.TASK_ID: task.id, names.NODE: task.name, **self._payload("message", told)}

    def step_applied(self, fact: StepApplied) -> dict[str, Any]:
        """Record the channels that changed and those that were written to."""
        fact.load()
        values = fact.values or {}
        told: dict[str, Any] = {
            "set": self._let_through(fact.run, values),
            "gone": [key for key, value in values.items() if value is MISSING],
            "written": list(fact.written),
        }
        run = fact.run
        known = self._instances.get(run)
        if known is not None:
            known.forget(values)
        if run.shape is not None and run.parent is None and fact.step >= 0:
            told.update(self._shown(run, run.shape, run.output_keys))
        return {names.STEP: fact.step, **self._payload("applied", told)}

    def checkpoint_saved(self, fact: CheckpointSaved) -> dict[str, Any]:
        """Record which checkpoint it is and what is due; the state was recorded as it changed."""
        fact.load()
        told = dict(fact.told or {})
        run = fact.run
        if run.shape_state is not None and run.parent is None:
            told.update(self._shown(run, run.shape_state, run.stream_keys))
        discreet = {task.id for task in fact.tasks if _hook(task, "process_outputs") is not None}
        if discreet:
            told["tasks"] = [
                {key: value for key, value in task.items() if key not in ("result", "interrupts")}
                if task["id"] in discreet
                else task
                for task in told.get("tasks", ())
            ]
        return self._payload("checkpoint", told)

    def _let_through(self, run: RunInfo, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the new values of channels; of those that nodes with a policy wrote to, what the policies allow."""
        changes = {key: value for key, value in values.items() if value is not MISSING}
        for process, keys in self._withheld.pop(run, ()):
            held = {key: changes.pop(key) for key in keys if key in changes}
            shown = processed(process, held) if held else None
            if isinstance(shown, dict):
                changes.update({key: value for key, value in shown.items() if key in held})
        return changes

    def _shown(
        self, run: RunInfo, shape: Callable[[Any], Any], keys: tuple[str, ...] | str
    ) -> dict[str, Any]:
        """Return what is told of the instance that version 2 of the stream shows of the state."""
        look = run.look
        if look is None or isinstance(keys, str):
            return {}
        values = {key: value for key, value in look(keys).items() if value is not MISSING}
        try:
            return self._instance(run, shape(values))
        except Exception:
            # The state does not fit its class: whoever streams it hears of that.
            return {}


def _shown_by(run: RunInfo) -> Any:
    """Return what a run shows of its state."""
    if run.look is None:
        return None
    keys = run.output_keys
    return run.look((keys,))[keys] if isinstance(keys, str) else run.look(keys)


def _hook(task: Any, name: str) -> Hook | None:
    """Return what a task's node says of its own payloads, if it says anything."""
    node = getattr(task, "node", None)
    policy = None if node is None else node.trace_policy
    return None if policy is None else getattr(policy, name)


def _state_writes(run: RunInfo, writes: Sequence[Write]) -> list[Write]:
    keys = run.stream_keys
    shown = {keys} if isinstance(keys, str) else set(keys)
    return [write for write in writes if write[0] in shown or write[0] == RETURN]
