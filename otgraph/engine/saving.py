"""
Flows that read and write the thread of a run.

Rule: a checkpoint is handed over before anything that follows from it is shown, and a task's writes before the task
counts as done. With durability `exit` nothing is written before the run ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from otgraph.checkpoint.serde.types import SCHEDULED
from otgraph.constants import ERROR, ERROR_SOURCE_NODE, INPUT, INTERRUPT, NO_WRITES, NULL_TASK_ID, RESUME
from otgraph.engine.deltas import Deltas
from otgraph.engine.effects import Failure, Flow, Flush, Rest, SaveCheckpoint, SaveWrites, checked
from otgraph.engine.restore import FIRST, changed_versions, checkpoint_of, empty_checkpoint, tracked_packet
from otgraph.engine.run import Run
from otgraph.engine.task import Task, path_key
from otgraph.engine.thread import SIGNER, TRACE, SavedThread
from otgraph.events import Outcome, Write
from otgraph.ids import checkpoint_text
from otgraph.ids import task_id as new_task_id

__all__ = ["SPECIAL", "Source", "close_flow", "keep_writes_flow", "put_writes_flow", "save_flow"]

Source = Literal["input", "loop", "update", "fork"]

SPECIAL = frozenset({ERROR, ERROR_SOURCE_NODE, INTERRUPT, RESUME})


def save_flow(run: Run, thread: SavedThread, source: Source) -> Flow:
    """Save the state of a run as its next checkpoint; the superstep after it has the next number."""
    run.ids = new_task_id
    thread.again = False
    if thread.above is None:
        # An answer is for the tasks of one superstep.
        thread.answers.take()
    metadata: dict[str, Any] = {"source": source, "step": run.step, "parents": thread.map}
    carrier = run.observer.carrier(run)
    if carrier is not None:
        metadata[TRACE] = carrier
    deltas = thread.deltas
    checkpoint = checkpoint_of(run)
    checkpoint["versions_seen"].setdefault(INPUT, {})
    if source == "fork" and thread.durability != "exit":
        checkpoint["updated_channels"] = None
    if deltas is not None:
        _advance(run, thread, deltas, source)
        if thread.durability != "exit":
            _renew(run, deltas.keep(checkpoint, thread.stored, thread.next_version))
        deltas.describe(metadata)
    thread.pending, thread.paths, thread.metadata = {}, {}, metadata
    if thread.durability == "exit":
        # What is shown as its parent stays that of the checkpoint the run started from.
        thread.draft = checkpoint
        run.checkpoint = checked((yield Rest(run.step)))
        thread.checkpoint_id = checkpoint["id"] = checkpoint_text(run.checkpoint)
    else:
        thread.parent_config = thread.shown_config(thread.checkpoint_id)
        run.checkpoint = yield from _put_flow(thread, checkpoint, metadata)
    run.step += 1


def _advance(run: Run, thread: SavedThread, deltas: Deltas, source: Source) -> None:
    """Note what became of delta channels, and whose writes became that."""
    if source == "fork":
        deltas.branch_off()
    applied = thread.pending
    if source == "loop":
        handlers = [task.handler for task in run.planned if task.handler is not None]
        known = {NULL_TASK_ID, *(task.id for task in [*run.planned, *handlers])}
        applied = {task_id: writes for task_id, writes in applied.items() if task_id in known}
    else:
        applied = {NULL_TASK_ID: applied.get(NULL_TASK_ID, [])}
    deltas.advance(run.channels, run.updated or (), applied)
    if thread.durability == "exit":
        deltas.collect(applied, thread.paths, run.step)
        deltas.supersteps += source == "loop"


def _renew(run: Run, versions: Mapping[str, Any]) -> None:
    """Give channels new versions although nobody wrote to them; a breakpoint is not to notice."""
    for name, version in versions.items():
        run.versions[name] = version
        run.version = max(run.version, version)
        if name in run.seen.get(INTERRUPT, ()):
            run.seen[INTERRUPT][name] = version


def _put_flow(thread: SavedThread, checkpoint: Any, metadata: Any) -> Flow:
    versions = checkpoint["channel_versions"]
    changed = changed_versions(thread.stored, versions)
    effect = SaveCheckpoint(thread.saver, thread.config(thread.saved_id), checkpoint, metadata, changed)
    effect.wait = thread.durability != "async"
    id = checked((yield effect))  # noqa: A001
    thread.stored = versions
    thread.checkpoint_id = thread.saved_id = checkpoint_text(id)
    return id


def keep_writes_flow(run: Run, task: Task, writes: Sequence[Write]) -> Flow:
    """Keep what a task wrote, or why it wrote nothing, with the checkpoint that its superstep started from."""
    thread = run.saved
    assert thread is not None
    kept = _tracked(run, writes) or [(NO_WRITES, None)]
    if task.resumes:
        # Answers come before what followed from them, and after the question that came next.
        kept.insert(len(kept) if kept[0][0] in SPECIAL else 0, (RESUME, list(task.resumes)))
    yield from put_writes_flow(thread, task.id, kept, path_key(task))
    if task.took_answer:
        # The answer is with the task now; whoever asks next is not to get it too.
        task.took_answer = False
        root = thread
        while root.above is not None:
            root = root.above
        yield from put_writes_flow(root, NULL_TASK_ID, [(RESUME, None)], "")


def _tracked(run: Run, writes: Sequence[Write]) -> list[Write]:
    """Return those of a task's writes that may be saved."""
    untracked = run.plan.untracked
    if not untracked:
        return list(writes)
    return [
        (channel, tracked_packet(value, untracked)) for channel, value in writes if channel not in untracked
    ]


def put_writes_flow(thread: SavedThread, task_id: str, writes: list[Write], path: str) -> Flow:
    """Keep the writes of one task; those it had before of the special channels are replaced."""
    known = thread.pending.get(task_id)
    if known is None:
        thread.pending[task_id] = writes
    elif task_id == NULL_TASK_ID:
        thread.pending[task_id] = merged = _after_earlier_commands(known, writes)
        if any(channel not in SPECIAL for channel, _ in writes):
            writes = merged
    else:
        named = {channel for channel, _ in writes}
        thread.pending[task_id] = [write for write in known if write[0] not in named] + writes
    thread.paths[task_id] = path
    if thread.deltas is not None:
        thread.deltas.fresh.add(task_id)
    if thread.durability == "exit":
        return
    if thread.saved_id is None:
        # There is nothing to keep them with.
        if thread.deltas is not None:
            thread.deltas.branch_off()
    else:
        effect = SaveWrites(thread.saver, thread.config(thread.checkpoint_id), writes, task_id, path)
        effect.wait = thread.durability == "sync"
        checked((yield effect))


def _after_earlier_commands(known: list[Write], writes: list[Write]) -> list[Write]:
    """Return what commands wrote since the checkpoint, in their order; of their answers only the newest counts."""
    plain = [write for write in (*known, *writes) if write[0] not in SPECIAL]
    answers = [write for write in (*known, *writes) if write[0] in SPECIAL]
    return plain + answers[-1:]


def close_flow(run: Run, thread: SavedThread, outcome: Outcome, *, left: bool = False) -> Flow:
    """
    See to it that all is saved when a run is over.

    Args:
        left: whether a command led out of the graph before it came to its end.
    """
    thread.closed = True
    ended = outcome is Outcome.SUCCESS
    # A graph inside that went too far has nothing to go on with.
    kept = thread.above is None or thread.own or not ((ended and not left) or thread.exhausted)
    if kept and thread.durability == "exit" and thread.checkpoint_id is not None:
        yield from _leave_flow(thread)
    if not ended and thread.saved_id is not None and thread.checkpoint_id == thread.saved_id:
        yield from _sign_flow(run, thread, outcome)
    if thread.flushes:
        checked((yield Flush()))


def _sign_flow(run: Run, thread: SavedThread, outcome: Outcome) -> Flow:
    """
    Keep with a checkpoint who left it last: several runs may stop at the same one.

    It is kept as the write of a task that does not exist, because a checkpoint that is saved does not change; to a
    channel of which savers keep one write, the newest.
    """
    observer = run.observer
    carrier = observer.carrier(run, outcome)
    saved_by = thread.metadata.get(TRACE)
    known = outcome is not Outcome.INTERRUPTED and saved_by is not None and saved_by == observer.carrier(run)
    if carrier is None or known:
        return
    writes = [(SCHEDULED, {TRACE: carrier})]
    reply = yield SaveWrites(thread.saver, thread.config(thread.checkpoint_id), writes, SIGNER, "")
    if isinstance(reply, Failure):
        observer.carrier_lost(reply.error)


def _leave_flow(thread: SavedThread) -> Flow:
    if thread.checkpoint_id != thread.saved_id:
        if thread.deltas is not None:
            yield from _leave_deltas_flow(thread, thread.deltas)
        yield from _put_flow(thread, thread.draft, thread.metadata)
    for task_id, kept in thread.pending.items():
        writes = [write for write in kept if write != (RESUME, None)]
        if not writes:
            continue
        config = thread.config(thread.checkpoint_id)
        checked((yield SaveWrites(thread.saver, config, writes, task_id, thread.paths.get(task_id, ""))))


def _leave_deltas_flow(thread: SavedThread, deltas: Deltas) -> Flow:
    """Save what the supersteps wrote to delta channels with the checkpoint that the run went on from."""
    metadata = dict(thread.metadata)
    deltas.keep(thread.draft, thread.stored, thread.next_version)
    deltas.describe(metadata)
    thread.metadata = metadata
    if deltas.unsaved and thread.saved_id is None:
        nothing = empty_checkpoint(deltas.first)
        checked((yield SaveCheckpoint(thread.saver, thread.config(), nothing, {"step": FIRST}, {})))
        thread.saved_id = deltas.first
    config = thread.config(thread.saved_id)
    for task_id, path, writes in deltas.unsaved:
        checked((yield SaveWrites(thread.saver, config, writes, task_id, path)))
    deltas.unsaved = []
