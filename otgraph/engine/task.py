"""
A task: one execution of one node in one superstep.

Rule: all that its flow needs is here when it is planned; its writes stay here until the superstep is applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from otgraph.constants import NS_END, NS_SEP
from otgraph.events import Write
from otgraph.infos import TaskInfo
from otgraph.plan.model import NodePlan
from otgraph.policies import TimeoutPolicy

if TYPE_CHECKING:
    from otgraph.engine.run import Run

__all__ = ["Task", "path_key"]


class Task(TaskInfo):
    """A task as the engine knows it."""

    interrupts: Sequence[Any] = ()
    """What it waits for."""
    paused: bool = False
    """Whether a graph inside it stopped at a breakpoint."""
    resumes: list[Any] | tuple[()] = ()
    """Answers to its interrupts, in the order in which it asks."""
    took_named: bool = False
    """Whether it has taken an answer that was given by the id of a question."""
    took_answer: bool = False
    """Whether it has just taken an answer that was meant for whoever asks first."""
    failure: Any = None
    """What an error handler is told of the task in whose place it runs."""
    handler: Task | None = None
    """The task that ran in its place after it had failed."""
    left: BaseException | None = None
    """With what it left its graph, or a graph inside it that one; streams and callbacks are told of no result then."""
    abandoned: bool = False
    """Whether a thread that cannot be stopped goes on with it, though nobody waits for it."""
    caller: Task | None = None
    """The task that called it; None for one that was planned."""
    called: int = 0
    """How many tasks it has called in this attempt."""
    asked: int = 0
    """How often it has asked in this attempt."""
    children: int = 0
    """How many runs were begun inside this task so far."""
    timeout: TimeoutPolicy | None = None
    """What the packet that pushed it says in place of its node."""
    cache_keys: Sequence[Any] = ()
    """Under which its writes are kept in the cache, and what it says, if that is kept too."""
    said: list[Any] | None = None
    """What it has handed to its stream writer in this attempt; None if nobody wants to know."""
    first_attempt_time: float | None = None
    """Seconds since 1970; set by the driver that makes the first call."""
    pushed: Sequence[Write] = ()
    """What it wrote in this attempt before it returned."""
    writes: Sequence[Write] = ()
    """What it wrote; state once its superstep is applied."""

    def __init__(
        self, run: Run, node: NodePlan, id: str, input: Any, triggers: tuple[str, ...], path: tuple[Any, ...]
    ) -> None:
        self.run = self.state = run
        self.node = node
        self.id = id
        self.name = node.name
        self.step = run.step
        self.input = input
        self.triggers = triggers
        self.path = path

    @property
    def level(self) -> str:
        """Return what this task adds to the namespace of a run inside it."""
        return f"{self.name}{NS_END}{self.id}"

    @property
    def inner_ns(self) -> tuple[str, ...]:
        """Return the namespace of what is begun inside this task."""
        return (*(self.run.ns if self.ns is None else self.ns), self.level)

    @property
    def checkpoint_ns(self) -> str:
        """Return the namespace of a run inside this task, as one string."""
        return NS_SEP.join(self.inner_ns)

    def child_ns(self) -> tuple[str, ...]:
        """Return the namespace of the next run begun inside this task; a second one is numbered 1."""
        count = self.children
        self.children = count + 1
        return (*self.inner_ns, str(count)) if count else self.inner_ns


def path_key(task: TaskInfo) -> str:
    """Return what tasks are sorted by before their writes are applied: pulled by name, pushed by position."""
    return _path_text((task.path,))


def _path_text(path: tuple[Any, ...]) -> str:
    return ", ".join(
        f"~{_path_text(part)}"
        if isinstance(part, tuple)
        else f"{part:010d}"
        if isinstance(part, int)
        else str(part)
        for part in path
    )
