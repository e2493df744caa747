"""
What is said where a run cannot go on: from what is damaged, of a newer release, of another state, or not there.

Rule: it is said which one, of which thread, and what to do; nothing that is stored is changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from otgraph.checkpoint.records import CheckpointTuple
from otgraph.constants import CONF
from otgraph.errors import InvalidUpdateError
from otgraph.tracebacks import hinted

__all__ = [
    "FORMAT",
    "check_sound",
    "explain_route",
    "explain_update",
    "misfit",
    "nodes_lost",
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


def explain_update(
    error: Exception, channel: str, held: Any, written: Sequence[tuple[str, Any]], thread: Any
) -> None:
    """
    Say in an error that a channel raised who wrote what it could not take.

    Args:
        held: what it held before.
        written: the names of those who wrote to it, and what they wrote.
        thread: the thread that it was saved in; None if it was not.
    """
    if isinstance(error, InvalidUpdateError):
        if len(written) > 1:
            names = _and(repr(name) for name, _ in written)
            hinted(
                error,
                f"{names} wrote to it in one superstep. To keep what all of them wrote, say in the state how it is put "
                f"together, as in {channel}: Annotated[list, operator.add]",
            )
        return
    of = "" if thread is None else f" of thread {thread!r}"
    wrote = _and(f"{_a(value)} by {name!r}" for name, value in written)
    text = f"While the key {channel!r}{of}, which held {_a(held)}, took what was written to it: {wrote}"
    if thread is not None:
        text += (
            ". If the state's schema has changed since the thread was saved, go on with the old one, or give the key "
            "another name"
        )
    hinted(error, text)


def explain_route(error: KeyError, node: str, branch: str, known: Iterable[Any]) -> None:
    """Say in an error which branch returned what its path map has not."""
    hinted(
        error,
        f"The branch {branch!r} of {node!r} returned it, and its path map has {_and(map(repr, known))}: add it there, "
        "or return one of these",
    )


def _a(value: Any) -> str:
    kind = "nothing" if value is None else type(value).__name__
    return kind if value is None else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _and(words: Iterable[str]) -> str:
    listed = list(words)
    return ", ".join(listed[:-1]) + " and " + listed[-1] if len(listed) > 1 else "".join(listed)
