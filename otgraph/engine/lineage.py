"""
Where a graph inside a graph is saved.

Rule: it inherits the saver and the thread of the graph around it. Its place there is that of the task that runs it,
or, where it asked for memory of its own, that of the node, whichever task runs it.
"""

from __future__ import annotations

from typing import Any

from otgraph.constants import NS_END, NS_SEP
from otgraph.engine.run import Run
from otgraph.engine.task import Task
from otgraph.engine.thread import SavedThread
from otgraph.ids import checkpoint_text

__all__ = ["nameless", "save_in"]


def nameless(ns: tuple[str, ...]) -> tuple[str, ...]:
    """Return a namespace without the ids of tasks."""
    return tuple(level.partition(NS_END)[0] for level in ns)


def save_in(run: Run, graph: Any, task: Task) -> None:
    """Have a run that was begun inside a task saved with the nearest of those around it that is, if the graph wants."""
    own = graph.checkpointer is True
    if own:
        run.ns = nameless(run.ns)
        run.ns_text = NS_SEP.join(run.ns) + NS_SEP
    around: Any = task.state
    unsaved = {}
    while around is not None and around.saved is None:
        unsaved[NS_SEP.join(around.ns)] = checkpoint_text(around.checkpoint)
        around = around.parent
    if around is None or graph.checkpointer is False:
        return
    above = around.saved
    configurable = run.options.config.configurable
    thread = SavedThread(
        above.saver, configurable, run.options.config.metadata, NS_SEP.join(run.ns), above.durability, above
    )
    thread.map.update(reversed(unsaved.items()))
    thread.own = own
    thread.flushes = False
    thread.resuming = above.resuming or task.attempt > 1
    run.keep_in(thread)
