"""
What is said where a run cannot go on: from what is damaged, of a newer release, of another state, or not there.

Rule: it is said which one, of which thread, and what to do; nothing that is stored is changed.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from otgraph.checkpoint.records import CheckpointTuple
from otgraph.constants import CONF

__all__ = [
    "FORMAT",
    "check_sound",
    "explain_reducer",
    "misfit",
    "nodes_lost",
    "note",
    "nothing_asked",
    "nothing_saved",
]

FORMAT: Final = 4
"""The version of the checkpoints that otgraph writes, and the newest that it reads."""

_PARTS: Final = (
    ("id", str),
    ("channel_values", Mapping),
    ("channel_versions", Mapping),
    ("versions_seen", Mapping),
)
_ELSEWHERE: Final = (
    "go on from another checkpoint of the thread (get_state_history lists them; name one as "
    "configurable['checkpoint_id']), or delete the thread and start anew"
)


def name_of(config: Any) -> str:
    """Return how an error names the checkpoint that a config does."""
    conf = (config or {}).get(CONF) or {}
    ns = conf.get("checkpoint_ns")
    named = f"checkpoint {conf.get('checkpoint_id')!r} of thread {conf.get('thread_id')!r}"
    return f"{named}, namespace {ns!r}," if ns else named


def check_sound(found: CheckpointTuple) -> None:
    """
    See to it that a checkpoint is one.

    Raises:
        ValueError: it is damaged, or was written by a newer release.
    """
    checkpoint: Any = found.checkpoint
    metadata: Any = found.metadata
    if not _is_plain(checkpoint, metadata):
        _check_closely(found, checkpoint, metadata)


def _is_plain(checkpoint: Any, metadata: Any) -> bool:
    """Say whether all is there, and of the very types that savers give; states are read often."""
    if type(checkpoint) is not dict or type(metadata) is not dict:
        return False
    get = checkpoint.get
    version = get("v")
    return (
        type(get("channel_values")) is dict
        and type(get("channel_versions")) is dict
        and type(get("versions_seen")) is dict
        and type(get("id")) is str
        and type(metadata.get("step")) is int
        and type(version) is int
        and version <= FORMAT
    )


def _check_closely(found: CheckpointTuple, checkpoint: Any, metadata: Any) -> None:
    lacks = [
        name
        for name, kind in _PARTS
        if not isinstance(checkpoint, Mapping) or not isinstance(checkpoint.get(name), kind)
    ]
    if lacks:
        raise ValueError(
            f"{name_of(found.config)} is damaged: it has no usable {', '.join(lacks)}; {_ELSEWHERE}"
        )
    if not isinstance(metadata, Mapping) or not isinstance(metadata.get("step"), int):
        raise ValueError(
            f"{name_of(found.config)} is damaged: its metadata, {metadata!r:.200}, do not say of which superstep it "
            f"is; {_ELSEWHERE}"
        )
    version = checkpoint.get("v", FORMAT)
    if not isinstance(version, int) or version > FORMAT:
        raise ValueError(
            f"{name_of(found.config)} has the format {version!r}, and this release reads formats up to {FORMAT}: it "
            f"was written by a newer one, so update otgraph, or {_ELSEWHERE}"
        )


def misfit(config: Any, channel: str, kind: type[Any], value: Any, error: Exception) -> ValueError:
    """Return what to raise where a channel cannot hold what a checkpoint has of it."""
    return ValueError(
        f"{name_of(config)} has a {type(value).__name__} for the channel {channel!r}, which a {kind.__name__} cannot "
        f"hold ({type(error).__name__}: {error}): the state's schema has changed since. Go on with the schema that it "
        f"was saved with, or give the key another name; or {_ELSEWHERE}"
    )


def nothing_saved(thread: Any, checkpoint: Any) -> str:
    """Return the rest of a message about a thread of which nothing is saved."""
    which = f"checkpoint {checkpoint!r} of thread {thread!r}" if checkpoint else f"thread {thread!r}"
    return f"nothing is saved of {which}, so there is nothing to go on from: give an input, or look at the id"


def nodes_lost(thread: Any, nodes: Sequence[str]) -> ValueError:
    """Return what to raise where a thread is to go on with nodes that are gone."""
    return ValueError(
        f"thread {thread!r} is to go on with {', '.join(map(repr, nodes))}, which this graph has not: it has changed "
        "since. Go on with the graph that the thread was saved with, say by update_state(..., as_node=...) which node "
        "is done, or give a new input, which starts from the start"
    )


def nothing_asked(thread: Any) -> RuntimeError:
    """Return what to raise where an answer is given to a thread that waits for nothing."""
    return RuntimeError(
        f"Cannot use Command(resume=...) on thread {thread!r}: its last run came to its end and asked nothing. "
        "get_state(config).interrupts lists what a thread asks; for a new turn give an input"
    )


def explain_reducer(thread: Any, channel: str, held: Any, error: Exception) -> None:
    """Say in an error that the reducer of a saved channel raised what it may come from."""
    note(
        error,
        f"While the channel {channel!r} of thread {thread!r}, which held a {type(held).__name__}, took what was "
        "written to it. If the state's schema has changed since the thread was saved, go on with the old one, or "
        "give the key another name",
    )


def note(error: BaseException, text: str) -> None:
    """Add a line to what is printed of an exception, where Python can."""
    if sys.version_info >= (3, 11):
        error.add_note(text)
