"""
Storage effects: what the engine asks of caches and savers.

Rule: each effect is performed once for each colour, by the object the user gave; what that raises is the reply.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from otgraph.engine.effects import (
    Effect,
    Failure,
    ListCheckpoints,
    LoadCheckpoint,
    ReadCache,
    SaveCheckpoint,
    SaveWrites,
    WriteCache,
)
from otgraph.ids import checkpoint_bytes, checkpoint_text, uuid6_bytes

__all__ = ["perform", "perform_async", "stamp"]


def perform(effect: Effect | None) -> Any:
    """Perform an effect in the calling thread and return the reply."""
    try:
        match effect:
            case SaveWrites():
                return effect.saver.put_writes(effect.config, effect.writes, effect.task_id, effect.path)
            case SaveCheckpoint():
                effect.saver.put(effect.config, effect.checkpoint, effect.metadata, effect.versions)
                return None
            case LoadCheckpoint():
                return effect.saver.get_tuple(effect.config)
            case ListCheckpoints():
                return list(effect.saver.list(effect.config, **effect.selection))
            case ReadCache():
                return effect.cache.get(effect.keys)
            case WriteCache():
                return effect.cache.set(effect.pairs)
    except Exception as error:
        return Failure(error)
    raise AssertionError(f"no driver knows the effect {effect!r}")


async def perform_async(effect: Effect | None) -> Any:
    """Perform an effect on the event loop and return the reply."""
    try:
        match effect:
            case SaveWrites():
                return await effect.saver.aput_writes(
                    effect.config, effect.writes, effect.task_id, effect.path
                )
            case SaveCheckpoint():
                await effect.saver.aput(effect.config, effect.checkpoint, effect.metadata, effect.versions)
                return None
            case LoadCheckpoint():
                return await effect.saver.aget_tuple(effect.config)
            case ListCheckpoints():
                found = effect.saver.alist(effect.config, **effect.selection)
                return [checkpoint async for checkpoint in found]
            case ReadCache():
                return await effect.cache.aget(effect.keys)
            case WriteCache():
                return await effect.cache.aset(effect.pairs)
    except Exception as error:
        return Failure(error)
    raise AssertionError(f"no driver knows the effect {effect!r}")


def stamp(effect: SaveCheckpoint) -> bytes:
    """Give a checkpoint its time and, if it has none, its id; return the 16 bytes of that."""
    checkpoint = effect.checkpoint
    checkpoint["ts"] = datetime.now(timezone.utc).isoformat()
    if checkpoint["id"]:
        return checkpoint_bytes(checkpoint["id"])
    id = uuid6_bytes(effect.metadata["step"])  # noqa: A001
    checkpoint["id"] = checkpoint_text(id)
    return id
