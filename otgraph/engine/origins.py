"""
Where a run comes from: the checkpoint that it starts from, and what observers kept with that.

Rule: what an observer keeps is data that the engine hands on and does not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from otgraph.checkpoint.records import CheckpointTuple
from otgraph.constants import INTERRUPT
from otgraph.engine.effects import Failure, Flow, LoadCheckpoint, checked
from otgraph.engine.saving import SPECIAL
from otgraph.engine.thread import SIGNER, TRACE, SavedThread
from otgraph.infos import Origin

__all__ = ["inherit_flow", "is_newest_flow", "origin_of", "question_ids"]

OF, BRANCHES = "of", "branches"
"""What an update keeps of the checkpoint that it changed: what was kept there, and whether that was of the past."""


def origin_of(
    thread: SavedThread, found: CheckpointTuple, *, goes_on: bool, branches: bool, answered: bool
) -> Origin:
    """
    Return what a run comes from that is at a checkpoint.

    Args:
        goes_on: whether the run takes no new input.
        branches: whether the thread has gone on from there already, or will be made to go another way.
    """
    kept, branched = _kept(thread)
    return Origin(
        "fork" if branches or branched else "resume" if goes_on else None,
        found.checkpoint["id"],
        found.checkpoint.get("ts", ""),
        kept,
        tuple(dict.fromkeys(_open_questions(thread))),
        answered,
        thread.is_newest and not branched,
        thread.above is not None,
    )


def question_ids(asked: Any) -> tuple[str, ...]:
    """Return the ids of interrupts; of what was kept as such and is none, nothing."""
    ids = [getattr(question, "id", None) for question in asked] if isinstance(asked, (list, tuple)) else []
    return tuple(id for id in ids if isinstance(id, str))  # noqa: A001


def _open_questions(thread: SavedThread) -> Iterator[str]:
    for writes in thread.pending.values():
        if all(channel in SPECIAL for channel, _ in writes):
            for channel, value in writes:
                if channel == INTERRUPT:
                    yield from question_ids(value)


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
    signs = [value for _, value in thread.pending.get(SIGNER, ())]
    left = [sign[TRACE] if isinstance(sign, Mapping) and TRACE in sign else sign for sign in signs]
    kept = thread.metadata.get(TRACE)
    if kept is None:
        return left, False
    if isinstance(kept, Mapping) and OF in kept:
        before = kept[OF]
        return [*(before if isinstance(before, list) else [before]), *left], bool(kept.get(BRANCHES))
    return [kept, *left], False
