"""
States that are written from outside: an update is what some node is to have returned.

Rule: an update goes the way of a node's result, through its edges and branches, and makes a new checkpoint. What
was there stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from otgraph.checkpoint.records import CheckpointTuple
from otgraph.constants import CONF, END, INPUT, INTERRUPT, NULL_TASK_ID, START
from otgraph.engine.branches import branches_flow
from otgraph.engine.effects import Failure, Flow, LoadCheckpoint, SaveCheckpoint, SaveWrites, checked
from otgraph.engine.origins import inherit_flow
from otgraph.engine.restore import changed_versions, checkpoint_of, go_on
from otgraph.engine.run import Run
from otgraph.engine.snapshots import NewRun, Place, apply_pending, load_flow
from otgraph.engine.task import Task, path_key
from otgraph.engine.thread import TRACE, SavedThread, with_map
from otgraph.engine.writes import apply_writes, result_writes, written_by_nobody
from otgraph.errors import InvalidUpdateError
from otgraph.ids import checkpoint_text, task_id
from otgraph.snapshot import StateUpdate
from otgraph.tracebacks import hinted

__all__ = ["COPY", "check_supersteps", "update_flow"]

COPY = "__copy__"
"""As this node an update is a copy of the checkpoint beside it."""


def check_supersteps(supersteps: Sequence[Sequence[Any]]) -> list[list[StateUpdate]]:
    """
    Return updates in one form.

    Raises:
        ValueError: there are none.
    """
    if not supersteps:
        raise ValueError("No supersteps provided")
    if not all(supersteps):
        raise ValueError("No updates provided")
    return [[StateUpdate(*update) for update in updates] for updates in supersteps]


def update_flow(new_run: NewRun, place: Place, supersteps: Sequence[Sequence[StateUpdate]]) -> Flow:
    """Apply updates, each superstep on the checkpoint of the one before; return the config of the last."""
    config: Any = None
    for updates in supersteps:
        config = yield from _superstep_flow(new_run, place, updates)
        place = place._replace(configurable={**place.configurable, **config[CONF]})
    return config


def _superstep_flow(new_run: NewRun, place: Place, updates: Sequence[StateUpdate]) -> Flow:
    run = new_run(place)
    thread = run.saved
    assert thread is not None
    found = checked((yield LoadCheckpoint(thread.saver, thread.config(thread.asked_for))))
    due: list[Task] = []
    if found is not None:
        due = yield from load_flow(run, thread, found)
        go_on(run)
        thread.map = dict(found.metadata.get("parents") or {})
    else:
        run.step = 0
    first = updates[0]
    special = {COPY: _copy_flow, INPUT: _input_flow}.get(first.as_node or "")
    if special is None and first.as_node == END and first.values is None:
        special = _end_flow
    if special is None:
        return (yield from _update_flow(run, thread, updates, found, due))
    if len(updates) > 1:
        raise InvalidUpdateError(_ALONE[special])
    config = yield from special(run, thread, first, found, due)
    if special is _copy_flow and isinstance(first.values, (list, tuple)) and first.values:
        config = yield from _follow_flow(new_run, place, first.values, config)
    return config


def _follow_flow(new_run: NewRun, place: Place, values: Any, config: Any) -> Flow:
    """Apply updates to the copy that was just made, those of one node together."""
    steps: dict[Any, list[StateUpdate]] = {}
    for update in values:
        made = StateUpdate(*update)
        steps.setdefault(made.as_node, []).append(made)
    place = Place(place.graph, config[CONF], {})
    return (yield from update_flow(new_run, place, list(steps.values())))


# ---- what an update may be


def _update_flow(
    run: Run,
    thread: SavedThread,
    updates: Sequence[StateUpdate],
    found: CheckpointTuple | None,
    due: Sequence[Task],
) -> Flow:
    nodes = _nodes_of(run, updates, known=found is not None)
    left = list(due)
    tasks: list[Task] = []
    for update, name in zip(updates, nodes, strict=True):
        node = run.plan.nodes.get(name)
        if node is None:
            known = ", ".join(map(repr, run.plan.nodes))
            raise hinted(InvalidUpdateError(f"Node {name} does not exist"), f"as_node may be one of {known}")
        meant = next((task for task in left if task.name == name), None)
        if meant is not None:
            left.remove(meant)
        id = update.task_id or (meant.id if meant else task_id(run.checkpoint, (INTERRUPT, str(len(tasks)))))  # noqa: A001
        task = Task(run, node, id, update.values, (INTERRUPT,), (INTERRUPT, len(tasks)))
        if node.writes is not None:
            task.writes = node.writes(update.values)
        else:
            task.writes = [*result_writes(update.values, run.plan.state_keys), *node.edges]
        if node.branches:
            failure = yield from branches_flow(run, task, update.values)
            if isinstance(failure, Failure):
                raise failure.error
        tasks.append(task)
    if found is not None:
        yield from _keep_flow(thread, tasks)
    apply_writes(run, tasks)
    return (yield from _save_flow(run, thread, "update", tasks))


def _end_flow(
    run: Run, thread: SavedThread, update: StateUpdate, found: CheckpointTuple | None, due: Sequence[Task]
) -> Flow:
    """Let go of all tasks that are due, and keep what those that are done have written."""
    apply_pending(run, thread, ())
    for task in due:
        if not task.restored:
            task.writes = ()
    if due:
        apply_writes(run, due)
    commanded = written_by_nobody(run, thread.pending.get(NULL_TASK_ID, ()))
    return (yield from _save_flow(run, thread, "update", [*due, commanded]))


def _input_flow(
    run: Run, thread: SavedThread, update: StateUpdate, found: CheckpointTuple | None, due: Sequence[Task]
) -> Flow:
    """Take the values as the input of a run that has not begun."""
    if update.values is None:
        raise InvalidUpdateError(f"Received no input writes for {START}")
    writes = [(START, update.values)]
    given = written_by_nobody(run, writes)
    if found is not None:
        kept = written_by_nobody(run, writes)
        kept.id = task_id(run.checkpoint, (INPUT,))
        yield from _keep_flow(thread, [kept])
    else:
        run.step = -1
    apply_writes(run, [given])
    run.seen.setdefault(INPUT, {})
    return (yield from _save_flow(run, thread, "input", [given]))


def _copy_flow(
    run: Run, thread: SavedThread, update: StateUpdate, found: CheckpointTuple | None, due: Sequence[Task]
) -> Flow:
    """Make a copy of the checkpoint beside it."""
    if found is None:
        raise InvalidUpdateError("Cannot copy a non-existent checkpoint")
    parent = found.parent_config
    thread.saved_id = None if parent is None else parent[CONF]["checkpoint_id"]
    thread.stored = {}
    return (yield from _save_flow(run, thread, "fork", [], copied=found))


_ALONE: dict[Any, str] = {
    _end_flow: "Cannot apply multiple updates when clearing state",
    _input_flow: "Cannot apply multiple updates when updating as input",
    _copy_flow: "Cannot copy checkpoint with multiple updates",
}


def _nodes_of(run: Run, updates: Sequence[StateUpdate], *, known: bool) -> list[str]:
    """
    Return as which node each update is made.

    Raises:
        InvalidUpdateError: it is not said, and not clear.
    """
    if all(update.as_node is not None for update in updates):
        return [update.as_node or "" for update in updates]
    if len(updates) > 1:
        raise InvalidUpdateError("as_node is required when applying multiple updates")
    if not known:
        return [START]
    ran = sorted(
        (version, name)
        for name, seen in run.seen.items()
        if name in run.plan.nodes
        for version in seen.values()
    )
    if not ran:
        return [START]
    if len(ran) > 1 and ran[-1][0] == ran[-2][0] and ran[-1][1] != ran[-2][1]:
        raise InvalidUpdateError(
            f"Ambiguous update, specify as_node: {ran[-2][1]!r} and {ran[-1][1]!r} ran last, at the same time"
        )
    return [ran[-1][1]]


# ---- saving it


def _keep_flow(thread: SavedThread, tasks: Sequence[Task]) -> Flow:
    """Keep what updates write with the checkpoint they are made on, unless others have gone on from it."""
    if thread.asked_for is not None:
        newest = checked((yield LoadCheckpoint(thread.saver, thread.config())))
        if newest is None or newest.checkpoint["id"] != thread.checkpoint_id:
            if thread.deltas is not None:
                thread.deltas.branch_off()
            return
    config = thread.config(thread.checkpoint_id)
    for task in tasks:
        if task.writes:
            path = path_key(task) if task.path else ""
            checked((yield SaveWrites(thread.saver, config, list(task.writes), task.id, path)))


def _save_flow(
    run: Run,
    thread: SavedThread,
    source: str,
    tasks: Sequence[Task],
    *,
    copied: CheckpointTuple | None = None,
) -> Flow:
    """
    Save the state that the updates made.

    Args:
        tasks: whose writes made it.
        copied: the checkpoint that is copied, if one is; then nothing of the caller's config becomes metadata.
    """
    checkpoint = checkpoint_of(run)
    checkpoint["updated_channels"] = None
    metadata: dict[str, Any] = {"source": source, "step": run.step, "parents": thread.map}
    inherited = yield from inherit_flow(thread)
    if inherited is not None:
        metadata[TRACE] = inherited
    config = thread.config(thread.saved_id)
    deltas = thread.deltas
    if deltas is not None:
        if copied is None:
            if thread.saved_id is None:
                # There is nothing that the writes could have been kept with.
                deltas.branch_off()
            deltas.advance(run.channels, run.updated or (), {task.id: task.writes for task in tasks})
            deltas.keep(checkpoint, thread.stored, thread.next_version)
        else:
            deltas.copy(checkpoint["channel_values"], copied)
        deltas.describe(metadata)
    if copied is not None:
        names = ("thread_id", "checkpoint_ns", "checkpoint_id")
        config = {CONF: {name: config[CONF][name] for name in names if name in config[CONF]}}
    changed = changed_versions(thread.stored, checkpoint["channel_versions"])
    id = checked((yield SaveCheckpoint(thread.saver, config, checkpoint, metadata, changed)))  # noqa: A001
    conf = {
        "thread_id": str(config[CONF]["thread_id"]),
        "checkpoint_ns": thread.ns,
        "checkpoint_id": checkpoint_text(id),
    }
    return with_map({CONF: conf}, metadata)
