"""
Storage effects: what the engine asks of caches.

Rule: each effect is performed once for each colour, by the object the user gave; what that raises is the reply.
"""

from __future__ import annotations

from typing import Any

from otgraph.engine.effects import Effect, Failure, ReadCache, WriteCache

__all__ = ["perform", "perform_async"]


def perform(effect: Effect | None) -> Any:
    """Perform an effect in the calling thread and return the reply."""
    try:
        if type(effect) is ReadCache:
            return effect.cache.get(effect.keys)
        if type(effect) is WriteCache:
            return effect.cache.set(effect.pairs)
    except Exception as error:
        return Failure(error)
    raise AssertionError(f"no driver knows the effect {effect!r}")


async def perform_async(effect: Effect | None) -> Any:
    """Perform an effect on the event loop and return the reply."""
    try:
        if type(effect) is ReadCache:
            return await effect.cache.aget(effect.keys)
        if type(effect) is WriteCache:
            return await effect.cache.aset(effect.pairs)
    except Exception as error:
        return Failure(error)
    raise AssertionError(f"no driver knows the effect {effect!r}")
