"""
The facts of a run: what the engine tells its observer, and what streams are made of.

Rule: a fact is one object that rides on one span start, span event or span end. It carries the live Python
values by reference, and the observer stamps it with its place (`seq`) and time in the record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, ClassVar, TypeAlias

from otgraph.infos import RunInfo, TaskInfo
from otgraph.missing import MISSING

__all__ = [
    "ANYTHING",
    "Emitted",
    "BlockTold",
    "CheckpointSaved",
    "Fact",
    "MessageTold",
    "Outcome",
    "RunEnded",
    "RunPaused",
    "RunResumed",
    "RunStarted",
    "SpanNoted",
    "StepApplied",
    "StepEnded",
    "StepStarted",
    "TaskCommitted",
    "TaskEnded",
    "TaskFailed",
    "TaskInterrupted",
    "TaskRestored",
    "TaskRetried",
    "TaskStarted",
    "TaskStopped",
    "ToolTold",
    "Write",
    "snapshot",
]

Write: TypeAlias = "tuple[str, Any]"
"""(channel, value)"""


class Outcome(str, Enum):
    """How a run or a task came to its end; only the last four are errors."""

    SUCCESS = "success"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"
    DRAINED = "drained"
    ERROR = "error"
    TIMEOUT = "timeout"
    RECURSION_LIMIT = "recursion_limit"
    BUDGET_EXCEEDED = "budget_exceeded"

    def __init__(self, text: str) -> None:
        self.text = text
        """The value, without the detour through the property that `value` is."""
        self.is_error = text in ("error", "timeout", "recursion_limit", "budget_exceeded")
        """Whether the span's status is ERROR."""


class Fact:
    """The base of all facts."""

    name: ClassVar[str] = ""
    """The name of the span event it becomes; empty for facts that ride on a span's start or end."""

    kind: ClassVar[int]
    """One bit per class, by which listeners say what they want."""

    seq: int = 0
    """Place in the record of the root run, from 1."""
    time_ns: int = 0
    """Nanoseconds since 1970."""
    attempt: int = 1
    task: Any = None
    """The task it tells of, if it is one."""
    shot: dict[str, Any] | None = None
    """The span it rides on, as plain data; only where somebody watches spans."""

    def __init__(self, run: RunInfo) -> None:
        self.run = run

    @property
    def ns(self) -> tuple[str, ...]:
        """The namespace that chunks of it bear."""
        return self.run.ns

    def load(self) -> None:
        """Read from the live run what the fact tells of it; called at once, and only if somebody wants to know."""


class RunStarted(Fact):
    """A run begins; rides on the start of its span."""

    kind = 1 << 0

    def __init__(self, run: RunInfo) -> None:
        self.run = run
        self.values: dict[str, Any] | None = None
        """The state before the first write; see `load`."""

    def load(self) -> None:
        if self.values is None:
            self.values = snapshot(self.run)


class RunEnded(Fact):
    """A run ends; rides on the end of its span."""

    kind = 1 << 1

    def __init__(self, run: RunInfo, outcome: Outcome) -> None:
        self.run = run
        self.outcome = outcome


class StepStarted(Fact):
    """A superstep was planned; rides on the start of its span and announces all of its tasks."""

    kind = 1 << 2

    def __init__(self, run: RunInfo, step: int, tasks: Sequence[TaskInfo]) -> None:
        self.run = run
        self.step = step
        self.tasks = tasks


class TaskStarted(Fact):
    """A task is about to run; rides on the start of its span."""

    kind = 1 << 3

    def __init__(self, task: TaskInfo) -> None:
        self.run = task.run
        self.task = task
        self.attempt = task.attempt


class TaskCommitted(Fact):
    """A task finished and its writes are kept; they become state when the superstep is applied."""

    name = "otgraph.task.committed"
    kind = 1 << 4

    def __init__(self, task: TaskInfo, writes: Sequence[Write]) -> None:
        self.run = task.run
        self.task = task
        self.attempt = task.attempt
        self.writes = writes


class TaskFailed(Fact):
    """A task failed for good; what it had written by then does not count."""

    name = "exception"
    passed_on: ClassVar[str] = "otgraph.task.failed"
    """The name of the event where the exception came out of a graph inside, which has recorded it."""
    kind = 1 << 5

    def __init__(self, task: TaskInfo, error: BaseException, writes: Sequence[Write] = ()) -> None:
        self.run = task.run
        self.task = task
        self.attempt = task.attempt
        self.error = error
        self.writes = writes


class TaskStopped(Fact):
    """A task was cancelled because one beside it failed; that is no error of its own."""

    name = "otgraph.task.stopped"
    kind = 1 << 15

    def __init__(self, task: TaskInfo, error: BaseException) -> None:
        self.run = task.run
        self.task = task
        self.attempt = task.attempt
        self.error = error


class TaskInterrupted(Fact):
    """A task waits for a human."""

    name = "otgraph.task.interrupted"
    kind = 1 << 6

    def __init__(self, task: TaskInfo, interrupts: Sequence[Any]) -> None:
        self.run = task.run
        self.task = task
        self.attempt = task.attempt
        self.interrupts = interrupts


class TaskRestored(Fact):
    """A task did not run: its writes came from a checkpoint or a cache."""

    name = "otgraph.task.restored"
    kind = 1 << 7

    def __init__(self, task: TaskInfo, writes: Sequence[Write]) -> None:
        self.run = task.run
        self.task = task
        self.attempt = task.attempt
        self.writes = writes


class TaskRetried(Fact):
    """An attempt failed and another one follows; what the failed one put out should be discarded."""

    name = "otgraph.task.retried"
    kind = 1 << 8

    def __init__(self, task: TaskInfo, error: BaseException, delay: float) -> None:
        self.run = task.run
        self.task = task
        self.attempt = task.attempt
        self.error = error
        self.delay = delay


class Emitted(Fact):
    """A node handed something to its stream writer."""

    name = "otgraph.custom"
    kind = 1 << 9

    def __init__(self, task: TaskInfo, payload: Any) -> None:
        self.run = task.run
        self.task = task
        self.attempt = task.attempt
        self.payload = payload

    @property
    def ns(self) -> tuple[str, ...]:
        ns = self.task.ns
        return self.run.ns if ns is None else ns


class MessageTold(Fact):
    """
    A token or a message is handed out; a live event: streams hear of it, and the span only counts it.

    Args:
        metadata: where the message comes from, as the stream shows it.
        whole: whether it is a complete message, which nobody is shown who knows its id.
    """

    kind = 1 << 18

    def __init__(self, task: TaskInfo, message: Any, metadata: dict[str, Any], whole: bool = False) -> None:
        self.run = task.run
        self.task = task
        self.attempt = task.attempt
        self.message = message
        self.metadata = metadata
        self.whole = whole


class BlockTold(Fact):
    """An event of the content of a message is there; a live event, told in place of the message's tokens."""

    kind = 1 << 20
    whole = False

    def __init__(self, task: TaskInfo, message: dict[str, Any], metadata: dict[str, Any]) -> None:
        self.run = task.run
        self.task = task
        self.attempt = task.attempt
        self.message = message
        self.metadata = metadata


class ToolTold(Fact):
    """
    LangChain began, went on with, or ended a call of a tool; a live event: only streams hear of it.

    Args:
        payload: what it tells, as the stream shows it.
    """

    kind = 1 << 19

    def __init__(self, task: TaskInfo, payload: dict[str, Any]) -> None:
        self.run = task.run
        self.task = task
        self.attempt = task.attempt
        self.payload = payload


class StepApplied(Fact):
    """The writes of a superstep became state."""

    name = "otgraph.superstep.applied"
    kind = 1 << 10

    def __init__(self, run: RunInfo, step: int, changed: Sequence[str], written: Sequence[str]) -> None:
        self.run = run
        self.step = step
        self.changed = changed
        """State channels whose value is another one now."""
        self.written = written
        """State channels that some task wrote to."""
        self.values: dict[str, Any] | None = None
        """The new values of `changed`, or MISSING; see `load`."""

    def load(self) -> None:
        look = self.run.look
        if self.values is None and look is not None:
            self.values = look(self.changed)


class RunPaused(Fact):
    """The run stops at a breakpoint."""

    name = "otgraph.run.paused"
    kind = 1 << 14


class RunResumed(Fact):
    """The run goes on from where an earlier one stopped."""

    name = "otgraph.run.resumed"
    kind = 1 << 16


class CheckpointSaved(Fact):
    """The run is at another checkpoint: one that it has just saved, or the one that it goes on from."""

    name = "otgraph.checkpoint.saved"
    kind = 1 << 17

    def __init__(
        self, run: RunInfo, tasks: Sequence[TaskInfo], describe: Callable[[], dict[str, Any]]
    ) -> None:
        self.run = run
        self.tasks = tasks
        """What is due."""
        self._describe = describe
        self.told: dict[str, Any] | None = None
        """Config, metadata and what is due, as streams show them; see `load`."""
        self.values: dict[str, Any] | None = None
        """The state; see `load`."""

    def load(self) -> None:
        if self.told is None:
            self.told = self._describe()
            self.values = snapshot(self.run)


class StepEnded(Fact):
    """A superstep is over; rides on the end of its span."""

    kind = 1 << 11

    def __init__(self, run: RunInfo, step: int) -> None:
        self.run = run
        self.step = step


class TaskEnded(Fact):
    """A task is over; rides on the end of its span."""

    kind = 1 << 12

    def __init__(self, task: TaskInfo, outcome: Outcome) -> None:
        self.run = task.run
        self.task = task
        self.attempt = task.attempt
        self.outcome = outcome


class SpanNoted(Fact):
    """A foreign span started or ended inside the run, or user code added an event to a span."""

    kind = 1 << 13


ANYTHING = (1 << 19) - 1
"""Every kind of fact."""


def snapshot(run: RunInfo) -> dict[str, Any]:
    """Return the state of a live run: channel -> value, channels without a value left out."""
    if run.look is None:
        return {}
    keys = run.stream_keys
    values = run.look((keys,) if isinstance(keys, str) else keys)
    return {name: value for name, value in values.items() if value is not MISSING}
