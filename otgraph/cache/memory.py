"""
The cache in memory: `InMemoryCache`.

Rule: entries that have expired are dropped when they are met, and all of them whenever the cache has doubled
since they were last looked for; so those that nobody asks for do not pile up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Final, NamedTuple

from otgraph.cache.base import BaseCache, FullKey, Namespace, ValueT
from otgraph.checkpoint.serde.base import SerializerProtocol

__all__ = ["InMemoryCache"]

ROOM: Final = 1024
"""Entries that are not worth looking through."""


class _Entry(NamedTuple):
    kind: str
    data: bytes
    expires_at: float | None
    """Seconds since 1970."""


class InMemoryCache(BaseCache[ValueT]):
    """
    A cache that is gone when the process is.

    Args:
        serde: turns values into bytes and back.
        clock: seconds since 1970.
    """

    def __init__(
        self, *, serde: SerializerProtocol | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(serde=serde)
        self._entries: dict[Namespace, dict[str, _Entry]] = {}
        self._clock = clock
        self._lock = Lock()
        self._size = 0
        """How many entries were added since it was last exact: never less than there are."""
        self._room = ROOM

    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, ValueT]:
        """Return the values of those keys that have one."""
        found: dict[FullKey, _Entry] = {}
        now = self._clock()
        with self._lock:
            for namespace, key in keys:
                bucket = self._entries.get(namespace, {})
                entry = bucket.get(key)
                if entry is None:
                    continue
                if entry.expires_at is not None and entry.expires_at <= now:
                    del bucket[key]
                else:
                    found[namespace, key] = entry
        return {key: self.serde.loads_typed((entry.kind, entry.data)) for key, entry in found.items()}

    async def aget(self, keys: Sequence[FullKey]) -> dict[FullKey, ValueT]:
        """Return the values of those keys that have one."""
        return self.get(keys)

    def set(self, pairs: Mapping[FullKey, tuple[ValueT, int | None]]) -> None:
        """Keep values, each with the seconds it lives, None for ever."""
        now = self._clock()
        entries = {
            key: _Entry(*self.serde.dumps_typed(value), None if ttl is None else now + ttl)
            for key, (value, ttl) in pairs.items()
        }
        with self._lock:
            for (namespace, key), entry in entries.items():
                self._entries.setdefault(namespace, {})[key] = entry
            self._size += len(entries)
            if self._size > self._room:
                self._drop_expired(now)

    async def aset(self, pairs: Mapping[FullKey, tuple[ValueT, int | None]]) -> None:
        """Keep values, each with the seconds it lives, None for ever."""
        self.set(pairs)

    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Forget the values of some namespaces, or all."""
        with self._lock:
            if namespaces is None:
                self._entries.clear()
            else:
                for namespace in namespaces:
                    self._entries.pop(namespace, None)

    async def aclear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Forget the values of some namespaces, or all."""
        self.clear(namespaces)

    def _drop_expired(self, now: float) -> None:
        alive = {
            namespace: {
                key: entry
                for key, entry in bucket.items()
                if entry.expires_at is None or entry.expires_at > now
            }
            for namespace, bucket in self._entries.items()
        }
        self._entries = {namespace: bucket for namespace, bucket in alive.items() if bucket}
        self._size = sum(map(len, self._entries.values()))
        self._room = max(ROOM, 2 * self._size)
