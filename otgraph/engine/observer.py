"""
What the engine tells of a run.

Rule: the engine speaks to one observer, at once and in order, and never learns what becomes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from otgraph.events import Fact, Outcome, Write
from otgraph.infos import RunInfo, TaskInfo

__all__ = ["Observer"]


class Observer(Protocol):
    """The one listener of a run and of all runs nested in it."""

    def run_started(self, run: RunInfo, caller: TaskInfo | None) -> None:
        """A run begins; `caller` is the task inside which it does, if any."""

    def carrier(self, run: RunInfo, outcome: Outcome | None = None) -> Any:
        """
        Return what is to be kept with a run's checkpoint, as plain data; None for nothing.

        Runs that go on from there are begun with it, in their `origin`.

        Args:
            outcome: how the run ends there, where it stops before its end.
        """

    def carrier_lost(self, error: BaseException) -> None:
        """What it gave was not taken by the saver; the run ends as if it had been."""

    def run_ended(self, run: RunInfo, outcome: Outcome, error: BaseException | None) -> None:
        """A run is over."""

    def run_paused(self, run: RunInfo, where: str) -> None:
        """
        The run stops at a breakpoint.

        Args:
            where: `interrupt_before` or `interrupt_after` a node, or `pending` where a graph inside it does.
        """

    def run_resumed(self, run: RunInfo) -> None:
        """The run goes on from where an earlier one stopped."""

    def checkpoint_saved(self, run: RunInfo, tasks: Sequence[TaskInfo]) -> None:
        """The run is at another checkpoint, and these tasks are due."""

    def step_started(self, run: RunInfo, step: int, tasks: Sequence[TaskInfo]) -> None:
        """A superstep was planned; all of its tasks are named before the first one runs."""

    def step_applied(self, run: RunInfo, step: int, changed: Sequence[str], written: Sequence[str]) -> None:
        """The writes of the superstep became state."""

    def step_ended(self, run: RunInfo, outcome: Outcome, error: BaseException | None) -> None:
        """The superstep is over, ended by `error` if that is given."""

    def task_substituted(self, task: TaskInfo, failed: TaskInfo) -> None:
        """An error handler is about to run in the place of a failed task."""

    def task_called(self, task: TaskInfo) -> None:
        """User code has called a task, which is about to run, unless it is restored."""

    def task_committed(self, task: TaskInfo, writes: Sequence[Write]) -> None:
        """A task finished and its writes are kept."""

    def task_failed(self, task: TaskInfo, error: BaseException, writes: Sequence[Write]) -> None:
        """A task failed for good; `writes` is what it had written by then."""

    def task_stopped(self, task: TaskInfo, error: BaseException) -> None:
        """A task was cancelled because one beside it failed."""

    def task_interrupted(self, task: TaskInfo, interrupts: Sequence[Any]) -> None:
        """A task waits for a human."""

    def task_restored(self, task: TaskInfo, writes: Sequence[Write]) -> None:
        """A task need not run: its writes are known."""

    def task_retried(self, task: TaskInfo, error: BaseException, delay: float) -> None:
        """An attempt failed; another one follows after `delay` seconds."""

    def task_ended(self, task: TaskInfo, outcome: Outcome, error: BaseException | None) -> None:
        """A task is over."""

    def emitted(self, task: TaskInfo, payload: Any) -> None:
        """User code handed something to its stream writer."""

    def message_told(self, task: TaskInfo, message: Any, metadata: dict[str, Any], whole: bool) -> None:
        """A token or, if it is `whole`, a message is there."""

    def live_told(self, task: TaskInfo, fact: Fact) -> None:
        """Something is to be streamed that is on no span."""

    def branch_called(self, task: TaskInfo, branch: Any, view: Any) -> None:
        """
        A branch of the task's node is called, and shown `view`.

        Args:
            branch: None for the hidden node `__start__` as a whole, which has nothing but branches.
        """

    def branch_returned(self, task: TaskInfo, branch: Any, reply: Any) -> None:
        """It is done, or failed."""

    def task_returned(self, task: TaskInfo, result: Any) -> None:
        """A task's node and its branches are done, and nothing of what it returned has been told or saved."""
