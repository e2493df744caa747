"""
Content capture: what a fact tells, as attributes.

Rule: off unless the user asked. Writes and changed channels are captured, not whole states: a task that reads the
state records which channels it read, and a reader of the trace puts its input together from what was applied before.
"""

from __future__ import annotations

from typing import Any

from otgraph.events import (
    Emitted,
    RunStarted,
    StepApplied,
    TaskCommitted,
    TaskFailed,
    TaskInterrupted,
    TaskRestored,
    TaskStarted,
    Write,
)
from otgraph.missing import MISSING
from otgraph.tracing import names
from otgraph.tracing.faults import faults
from otgraph.tracing.options import TelemetryOptions
from otgraph.tracing.payload import dumps
from otgraph.tracing.redaction import redacted
from otgraph.tracing.span import Span

__all__ = ["Capture"]


class Capture:
    """Turns facts into attributes by the user's options: redacted, then capped."""

    __slots__ = ("_options",)

    def __init__(self, options: TelemetryOptions) -> None:
        self._options = options

    def _payload(self, fact: str, value: Any) -> dict[str, Any]:
        try:
            text = dumps(redacted(self._options, fact, value))
        except Exception as error:
            # What cannot be told must not break the run; an empty payload that says so is better than a lie.
            faults.count(error, "content capture")
            return {names.TRUNCATED: True}
        most = self._options.max_payload
        if len(text) > most:
            return {names.PAYLOAD: text[:most], names.TRUNCATED: True}
        return {names.PAYLOAD: text}

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

    def task_started(self, span: Span, fact: TaskStarted) -> None:
        """Record a task's input, or which channels it was read from."""
        task = fact.task
        told: dict[str, Any] = {"metadata": task.metadata}
        if task.reads is None:
            told["input"] = task.input
        else:
            told["reads"] = task.reads
            told["managed"] = task.managed
            told["type"] = task.input_type
        span.annotate(self._payload("task", told))

    def task_committed(self, fact: TaskCommitted) -> dict[str, Any]:
        """Record a task's writes to the state."""
        return self._payload("writes", _state_writes(fact))

    def task_restored(self, fact: TaskRestored) -> dict[str, Any]:
        """Record the writes of a task that did not run."""
        return self._payload("writes", _state_writes(fact))

    def task_failed(self, fact: TaskFailed) -> dict[str, Any]:
        """Record the exception as an object, besides the event that stands for it."""
        return self._payload("error", fact.error)

    def task_interrupted(self, fact: TaskInterrupted) -> dict[str, Any]:
        """Record what is asked."""
        return self._payload("interrupts", list(fact.interrupts))

    def emitted(self, fact: Emitted) -> dict[str, Any]:
        """Record one item of a stream writer."""
        return self._payload("custom", fact.payload)

    def step_applied(self, fact: StepApplied) -> dict[str, Any]:
        """Record the channels that changed and those that were written to."""
        fact.load()
        values = fact.values or {}
        told = {
            "set": {key: value for key, value in values.items() if value is not MISSING},
            "gone": [key for key, value in values.items() if value is MISSING],
            "written": list(fact.written),
        }
        return {names.STEP: fact.step, **self._payload("applied", told)}


def _state_writes(fact: TaskCommitted | TaskRestored) -> list[Write]:
    keys = fact.run.stream_keys
    shown = {keys} if isinstance(keys, str) else set(keys)
    return [write for write in fact.writes if write[0] in shown]
