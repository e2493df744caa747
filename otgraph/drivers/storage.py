"""
Storage effects: what the engine asks of caches and savers.

Rule: each effect is performed once for each colour, by the object the user gave; what that raises is the reply.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from time import perf_counter_ns
from typing import Any, Final

from otgraph.engine.effects import (
    Effect,
    Failure,
    ListCheckpoints,
    LoadCheckpoint,
    ReadCache,
    ReadHistory,
    SaveCheckpoint,
    SaveWrites,
    WriteCache,
)
from otgraph.ids import checkpoint_bytes, checkpoint_text, uuid6_bytes
from otgraph.tracing.record import Record

__all__ = ["perform", "perform_async", "stamp"]


def _put(effect: SaveCheckpoint) -> None:
    effect.stored = effect.saver.put(effect.config, effect.checkpoint, effect.metadata, effect.versions)


PERFORM: Final[dict[type[Any], Callable[[Any], Any]]] = {
    SaveWrites: lambda effect: effect.saver.put_writes(
        effect.config, effect.writes, effect.task_id, effect.path
    ),
    SaveCheckpoint: _put,
    LoadCheckpoint: lambda effect: effect.saver.get_tuple(effect.config),
    ReadHistory: lambda effect: effect.saver.get_delta_channel_history(
        config=effect.config, channels=effect.channels
    ),
    ListCheckpoints: lambda effect: list(effect.saver.list(effect.config, **effect.selection)),
    ReadCache: lambda effect: effect.cache.get(effect.keys),
    WriteCache: lambda effect: effect.cache.set(effect.pairs),
}
"""Effect -> what does it on threads."""


def perform(effect: Effect, record: Record | None = None) -> Any:
    """
    Perform an effect in the calling thread and return the reply.

    Args:
        record: that of the run which asks for it, if one does; it knows whether that is measured.
    """
    act, meters = PERFORM[type(effect)], None if record is None else record.meters
    begun = 0 if meters is None else perf_counter_ns()
    try:
        reply = act(effect)
    except Exception as error:
        reply = Failure(error)
    if meters is not None:
        meters.saves.performed(effect, reply, begun, record)
    return reply


async def _aput(effect: SaveCheckpoint) -> None:
    effect.stored = await effect.saver.aput(
        effect.config, effect.checkpoint, effect.metadata, effect.versions
    )


async def _alist(effect: ListCheckpoints) -> list[Any]:
    found = effect.saver.alist(effect.config, **effect.selection)
    return [checkpoint async for checkpoint in found]


PERFORM_ASYNC: Final[dict[type[Any], Callable[[Any], Awaitable[Any]]]] = {
    SaveWrites: lambda effect: effect.saver.aput_writes(
        effect.config, effect.writes, effect.task_id, effect.path
    ),
    SaveCheckpoint: _aput,
    LoadCheckpoint: lambda effect: effect.saver.aget_tuple(effect.config),
    ReadHistory: lambda effect: effect.saver.aget_delta_channel_history(
        config=effect.config, channels=effect.channels
    ),
    ListCheckpoints: _alist,
    ReadCache: lambda effect: effect.cache.aget(effect.keys),
    WriteCache: lambda effect: effect.cache.aset(effect.pairs),
}
"""Effect -> what does it on the event loop."""


async def perform_async(effect: Effect, record: Record | None = None) -> Any:
    """Perform an effect on the event loop and return the reply; see `perform`."""
    act, meters = PERFORM_ASYNC[type(effect)], None if record is None else record.meters
    begun = 0 if meters is None else perf_counter_ns()
    try:
        reply = await act(effect)
    except Exception as error:
        reply = Failure(error)
    if meters is not None:
        meters.saves.performed(effect, reply, begun, record)
    return reply


def stamp(effect: SaveCheckpoint) -> bytes:
    """Give a checkpoint its time and, if it has none, its id; return the 16 bytes of that."""
    checkpoint = effect.checkpoint
    checkpoint["ts"] = datetime.now(timezone.utc).isoformat()
    if checkpoint["id"]:
        return checkpoint_bytes(checkpoint["id"])
    id = uuid6_bytes(effect.metadata["step"])  # noqa: A001
    checkpoint["id"] = checkpoint_text(id)
    return id
