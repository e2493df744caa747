"""
Where a run comes from: the checkpoint that it starts from, and what observers kept with that.

Rule: what an observer keeps is data that the engine hands on and does not read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from otgraph.checkpoint.records import CheckpointTuple
from otgraph.engine.effects import Failure, Flow, LoadCheckpoint, checked
from otgraph.engine.thread import TRACE, SavedThread
from otgraph.infos import Origin

__all__ = ["inherit_flow", "is_newest_flow", "origin_of"]

OF, BRANCHES = "of", "branches"
"""What an update keeps of the checkpoint that it changed: what was kept there, and whether that was of the past."""


def origin_of(
    thread: SavedThread,
    found: CheckpointTuple,
    questions: Sequence[str],
    *,
    goes_on: bool,
    branches: bool,
    answered: bool,
) -> Origin:
    """
    Return what a run comes from that is at a checkpoint.

    Args:
        questions: the ids of the interrupts that nobody has answered there.
        goes_on: whether the run takes no new input.
        branches: whether the thread has gone on from there already, or will be made to go another way.
    """
    kept, branched = _kept(thread)
    return Origin(
        "fork" if branches or branched else "resume" if goes_on else None,
        found.checkpoint["id"],
        found.checkpoint["ts"],
        kept,
        tuple(questions),
        answered,
        thread.above is not None,
    )


def is_newest_flow(thread: SavedThread, checkpoint_id: str) -> Flow:
    """Say whether a checkpoint is the newest of its thread."""
    newest = yield LoadCheckpoint(thread.saver, thread.config())
    if isinstance(newest, Failure):
        return False  # it cannot be read, so it is not the one that was
    found = checked(newest)
    return found is not None and found.checkpoint["id"] == checkpoint_id


def inherit_flow(thread: SavedThread) -> Flow:
    """Return what an update keeps of the traces of the checkpoint that it changes; None for nothing."""
    kept, branched = _kept(thread)
    if not kept:
        return None
    named = thread.asked_for
    if named is not None and not branched:
        branched = not (yield from is_newest_flow(thread, named))
    return {OF: kept, BRANCHES: branched}


def _kept(thread: SavedThread) -> tuple[list[Any], bool]:
    """
    Return what observers kept with the checkpoint: the one who saved it, and those who left it.

    The second item says whether it is an update of a checkpoint of the past.
    """
    left = [value for writes in thread.pending.values() for channel, value in writes if channel == TRACE]
    kept = thread.metadata.get(TRACE)
    if kept is None:
        return left, False
    if isinstance(kept, Mapping) and OF in kept:
        before = kept[OF]
        return [*(before if isinstance(before, list) else [before]), *left], bool(kept.get(BRANCHES))
    return [kept, *left], False
