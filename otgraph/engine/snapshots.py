"""
The state of a thread, read from its checkpoints.

Rule: reading changes nothing. The newest checkpoint is shown together with what tasks have done since; one that was
named is shown as it was saved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from otgraph.checkpoint.records import CheckpointTuple
from otgraph.constants import CONF, NULL_TASK_ID
from otgraph.engine.begin import attach
from otgraph.engine.effects import Flow, ListCheckpoints, LoadCheckpoint, checked
from otgraph.engine.restore import go_on, look_flow
from otgraph.engine.run import Run
from otgraph.engine.saving import SPECIAL
from otgraph.engine.shown import own_filter, own_metadata, shown_tasks
from otgraph.engine.task import Task
from otgraph.engine.tasks import plan_tasks
from otgraph.engine.thread import SavedThread, with_map
from otgraph.engine.writes import apply_writes, written_by_nobody
from otgraph.snapshot import PregelTask, StateSnapshot

__all__ = ["Inside", "NewRun", "Place", "apply_pending", "history_flow", "load_flow", "state_flow"]


class Place(NamedTuple):
    """A graph, and where in a thread its states are."""

    graph: Any
    """The compiled graph."""
    configurable: Mapping[str, Any]
    """Names thread, namespace and, if one is meant, the checkpoint."""
    metadata: Mapping[str, Any]
    """Of the caller's config."""


NewRun: TypeAlias = Callable[[Place], Run]
"""Makes a run of a graph that nobody drives, to hold the state of a checkpoint."""

Inside: TypeAlias = Callable[[Place, Task], "Place | None"]
"""Returns the place of the graph that a task runs, or None."""


def state_flow(new_run: NewRun, place: Place, inside: Inside | None) -> Flow:
    """
    Return the state of a thread.

    Args:
        inside: finds the graphs inside, whose states are then part of this one.
    """
    run = new_run(place)
    thread = run.saved
    assert thread is not None
    found = checked((yield LoadCheckpoint(thread.saver, thread.config(thread.asked_for))))
    if found is None:
        return _nothing(place)
    due = yield from load_flow(run, thread, found)
    states = yield from _states_inside_flow(new_run, place, due, inside)
    return _snapshot(run, found, due, states, pending=thread.asked_for is None)


def history_flow(new_run: NewRun, place: Place, **selection: Any) -> Flow:
    """Return the states of a thread, the newest first; `selection` is what savers take to list them."""
    thread = new_run(place).saved
    assert thread is not None
    before = selection.pop("before", None)
    wanted = own_filter(selection.pop("filter", None))
    if wanted is None:
        return []
    config = thread.config(thread.asked_for)
    listed = ListCheckpoints(thread.saver, config, before=before, filter=wanted or None, **selection)
    states = []
    for each in checked((yield listed)):
        run = new_run(place)
        assert run.saved is not None
        due = yield from load_flow(run, run.saved, each)
        states.append(_snapshot(run, each, due, {}, pending=False))
    return states


def _nothing(place: Place) -> StateSnapshot:
    """Return the state of a thread that nothing is known of."""
    config: Any = {CONF: dict(place.configurable)}
    if place.metadata:
        config["metadata"] = dict(place.metadata)
    return StateSnapshot({}, (), config, None, None, None, (), ())


def load_flow(run: Run, thread: SavedThread, found: CheckpointTuple) -> Flow:
    """
    Have a run show the state of a checkpoint.

    Returns the tasks that are due there, with what they have done; as LangGraph shows them, in the order in which
    the nodes were declared.
    """
    yield from look_flow(run, thread, found)
    tasks = plan_tasks(run, inputs=False)
    if tasks and thread.pending:
        attach(run, thread, tasks)
    return tasks


def _states_inside_flow(new_run: NewRun, place: Place, due: Sequence[Task], inside: Inside | None) -> Flow:
    """Return task id -> state of the graph that the task runs, for the tasks that are due."""
    states: dict[str, Any] = {}
    if inside is None:
        return states
    for task in due:
        within = inside(place, task)
        if within is not None:
            states[task.id] = yield from state_flow(new_run, within, inside)
    return states


def _snapshot(
    run: Run, found: CheckpointTuple, due: Sequence[Task], states: Mapping[str, Any], *, pending: bool
) -> StateSnapshot:
    thread = run.saved
    assert thread is not None
    tasks = shown_tasks(run, thread, due, current=pending) if due else ()
    shown: Sequence[PregelTask] = tasks
    if states:
        shown = [task._replace(state=states.get(task.id, task.state)) for task in tasks]
    apply_pending(run, thread, due if pending else ())
    return StateSnapshot(
        run.read(run.plan.stream_keys),
        tuple([task.name for task in due if not (pending and task.restored)]),
        _named(with_map(found.config, found.metadata)),
        own_metadata(found.metadata),
        found.checkpoint["ts"],
        _named(with_map(found.parent_config, found.metadata)),
        tuple(shown),
        tuple([question for task in tasks for question in task.interrupts]),
    )


def apply_pending(run: Run, thread: SavedThread, due: Sequence[Task]) -> None:
    """Have the state show what commands, and the finished ones of some tasks, have written since its checkpoint."""
    writes = [write for write in thread.pending.get(NULL_TASK_ID, ()) if write[0] not in SPECIAL]
    finished = [task for task in due if task.restored]
    if not (writes or finished):
        return
    go_on(run)
    if writes:
        apply_writes(run, [written_by_nobody(run, writes)])
    if finished:
        apply_writes(run, finished)
        # What lasts for one superstep is not of the state after it.
        for name in run.lively:
            run.channels[name].update(())


def _named(config: Any) -> Any:
    """Return a config with nothing but what names a checkpoint."""
    if not config:
        return None
    conf = config[CONF]
    shown = {
        "thread_id": str(conf["thread_id"]),
        "checkpoint_ns": conf.get("checkpoint_ns", ""),
        "checkpoint_id": conf["checkpoint_id"],
    }
    if "checkpoint_map" in conf:
        shown["checkpoint_map"] = conf["checkpoint_map"]
    return {CONF: shown}
