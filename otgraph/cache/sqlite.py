"""
The cache on SQLite: `SqliteCache`, for results that outlive the process and are shared by several.

Rule: what was kept is kept all or not at all; the rows that have expired go whenever something is kept.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from sqlite3 import Cursor
from types import TracebackType
from weakref import finalize

from typing_extensions import Self

from otgraph.cache.base import BaseCache, FullKey, Namespace, ValueT
from otgraph.checkpoint.serde.base import SerializerProtocol
from otgraph.store.sqlite.database import Database

__all__ = ["SqliteCache"]

_TABLE = """
CREATE TABLE IF NOT EXISTS cache_entries (
    namespace TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, data BLOB NOT NULL, expires_at REAL,
    PRIMARY KEY (namespace, key)
) WITHOUT ROWID"""
_EXPIRY = "CREATE INDEX IF NOT EXISTS cache_expiry ON cache_entries (expires_at) WHERE expires_at IS NOT NULL"


class SqliteCache(BaseCache[ValueT]):
    """
    A cache in a SQLite file; any number of threads and processes may use it at once.

    Args:
        path: the file.
        serde: turns values into bytes and back.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        *,
        path: str,
        serde: SerializerProtocol | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(serde=serde)
        self._clock = clock
        self._database = Database.open(path)
        self._close = finalize(self, self._database.close)
        self._database.use_log()
        # What a power cut takes of a cache is worked out again.
        self._database.connection.execute("PRAGMA synchronous=NORMAL")
        with self._database.write() as cursor:
            cursor.execute(_TABLE)
            cursor.execute(_EXPIRY)

    def close(self) -> None:
        """Close the file; the cache cannot be used any more."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.close()

    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, ValueT]:
        """Return the values of those keys that have one."""
        now = self._clock()
        with self._database.read() as cursor:
            rows = list(_rows(cursor, keys, now))
        return {key: self.serde.loads_typed((kind, data)) for key, kind, data in rows}

    async def aget(self, keys: Sequence[FullKey]) -> dict[FullKey, ValueT]:
        """Return the values of those keys that have one."""
        return await asyncio.to_thread(self.get, keys)

    def set(self, pairs: Mapping[FullKey, tuple[ValueT, int | None]]) -> None:
        """Keep values, each with the seconds it lives, None for ever."""
        now = self._clock()
        rows = [
            (_encode(namespace), key, *self.serde.dumps_typed(value), None if ttl is None else now + ttl)
            for (namespace, key), (value, ttl) in pairs.items()
        ]
        with self._database.write() as cursor:
            cursor.execute("DELETE FROM cache_entries WHERE expires_at <= ?", (now,))
            cursor.executemany("INSERT OR REPLACE INTO cache_entries VALUES (?, ?, ?, ?, ?)", rows)

    async def aset(self, pairs: Mapping[FullKey, tuple[ValueT, int | None]]) -> None:
        """Keep values, each with the seconds it lives, None for ever."""
        await asyncio.to_thread(self.set, pairs)

    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Forget the values of some namespaces, or all."""
        with self._database.write() as cursor:
            if namespaces is None:
                cursor.execute("DELETE FROM cache_entries")
            else:
                cursor.executemany(
                    "DELETE FROM cache_entries WHERE namespace = ?", [(_encode(each),) for each in namespaces]
                )

    async def aclear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Forget the values of some namespaces, or all."""
        await asyncio.to_thread(self.clear, namespaces)


def _encode(namespace: Namespace) -> str:
    return json.dumps(namespace)


def _rows(cursor: Cursor, keys: Sequence[FullKey], now: float) -> Iterator[tuple[FullKey, str, bytes]]:
    for namespace, key in keys:
        row = cursor.execute(
            "SELECT kind, data FROM cache_entries "
            "WHERE namespace = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)",
            (_encode(namespace), key, now),
        ).fetchone()
        if row is not None:
            yield (namespace, key), *row
