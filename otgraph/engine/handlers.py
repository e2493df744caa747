"""
Error handlers: tasks that run in the place of tasks that failed for good.

Rule: a handler runs in the superstep of the task that failed, with its input. If the run was cut off before the
handler was done, it is the handler that runs again, not the node.
"""

from __future__ import annotations

from collections.abc import Sequence

from otgraph.constants import ERROR, ERROR_SOURCE_NODE, NS_SEP, PUSH
from otgraph.engine.begin import attach
from otgraph.engine.run import Run
from otgraph.engine.task import Task
from otgraph.engine.thread import SavedThread
from otgraph.errors import NodeError
from otgraph.ids import task_id

__all__ = ["handler_task", "taken_up"]

HANDLER = "node_error_handler"
"""Part of the identity of a task that runs in the place of a failed one."""


def handler_task(run: Run, failed: Task, error: BaseException) -> Task:
    """Return the task that runs in the place of `failed`, whose node has an error handler."""
    assert failed.node.error_handler is not None
    node = run.plan.nodes[failed.node.error_handler]
    name = node.name
    above = f"{failed.checkpoint_ns}{NS_SEP}"
    parts = (above, name, str(run.step), name, PUSH, HANDLER, failed.id)
    path = (*failed.path, HANDLER, False)
    task = Task(run, node, task_id(run.checkpoint, parts), failed.input, (PUSH,), path)
    task.ns = failed.inner_ns
    task.failure = NodeError(failed.name, error)
    task.handles = failed.id
    return task


def taken_up(run: Run, thread: SavedThread, tasks: Sequence[Task]) -> Sequence[Task]:
    """Return tasks together with the handlers of those that failed before the run was cut off."""
    if not thread.pending:
        return tasks
    handlers: list[Task] = []
    for task in tasks:
        kept = dict(thread.pending.get(task.id, ()))
        if ERROR_SOURCE_NODE in kept and task.node.error_handler is not None and not task.restored:
            task.restored = task.failed = True
            handlers.append(handler_task(run, task, kept.get(ERROR)))  # type: ignore[arg-type]
    if not handlers:
        return tasks
    attach(run, thread, handlers)
    return [*tasks, *handlers]
