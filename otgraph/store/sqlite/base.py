"""
The store on SQLite: `SqliteStore`, for items that outlive the process and are shared by several.

Rule: a batch is one transaction. Texts are embedded and values encoded before it begins.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from sqlite3 import Connection

from otgraph.store.base.config import IndexConfig, TTLConfig
from otgraph.store.base.embed import Embeddings
from otgraph.store.base.index import NO_VECTORS, TextIndex, Vectors
from otgraph.store.base.ops import Op, Result, validate_op_namespace
from otgraph.store.base.store import BaseStore
from otgraph.store.sqlite.database import Database
from otgraph.store.sqlite.operations import Operations, Reader, delete_expired
from otgraph.store.sqlite.sweeper import Sweeper
from otgraph.store.sqlite.tables import create_tables

__all__ = ["SWEEP_MINUTES", "SqliteStore"]

SWEEP_MINUTES = 5.0
"""How long the sweeper rests, unless told."""


class SqliteStore(BaseStore):
    """
    A store in a SQLite file; any number of threads and processes may use it at once.

    Args:
        conn: a connection that several threads may use (`check_same_thread=False`); `from_conn_string` opens one.
        deserializer: turns the JSON of a value into the value.
        index: how items are searched by meaning; a search with a query finds items with embedded texts only.
        ttl: how long items live.
        clock: seconds since 1970.
    """

    supports_ttl = True

    def __init__(
        self,
        conn: Connection,
        *,
        deserializer: Reader | None = None,
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not isinstance(conn, Connection):
            raise TypeError(
                f"SqliteStore works on a connection of the standard library's sqlite3, not on {conn!r}; "
                f"open one, or use from_conn_string"
            )
        self.conn = conn
        self.index_config = index
        self.ttl_config = ttl
        self._database = Database(conn)
        self._index = TextIndex(index) if index else None
        self._read_value = deserializer or json.loads
        self._clock = clock
        self._ready = False
        self._sweeper: Sweeper | None = None

    @classmethod
    @contextmanager
    def from_conn_string(
        cls, conn_string: str, *, index: IndexConfig | None = None, ttl: TTLConfig | None = None
    ) -> Iterator[SqliteStore]:
        """Open a file (or `:memory:`), give a store on it, and close it at the end."""
        database = Database.open(conn_string)
        try:
            store = cls(database.connection, index=index, ttl=ttl)
            try:
                yield store
            finally:
                store.stop_ttl_sweeper()
        finally:
            database.close()

    @property
    def embeddings(self) -> Embeddings | None:
        """What turns texts into vectors, if the store has an index."""
        return self._index.embeddings if self._index else None

    def setup(self) -> None:
        """Create the tables, if they are not there; the first operation does the same."""
        with self._database.lock:
            if not self._ready:
                self._database.use_log()
                with self._database.write() as cursor:
                    create_tables(cursor)
                self._ready = True

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Perform several operations in one transaction and return the result of each, None for a put."""
        ops = list(ops)
        return self._perform(ops, self._index.embed(ops) if self._index else NO_VECTORS)

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Perform several operations in one transaction and return the result of each, None for a put."""
        ops = list(ops)
        vectors = await self._index.aembed(ops) if self._index else NO_VECTORS
        return await asyncio.to_thread(self._perform, ops, vectors)

    def _perform(self, ops: Sequence[Op], vectors: Vectors) -> list[Result]:
        for op in ops:
            validate_op_namespace(op)
        omit_expired = bool(self.ttl_config and self.ttl_config.get("omit_expired"))
        operations = Operations(ops, vectors, self._clock(), omit_expired, self._read_value)
        if not self._ready:
            self.setup()
        if operations.writes:
            with self._database.write() as cursor:
                results = operations.perform(cursor)
                if operations.refreshed:
                    operations.refresh(cursor)
            return results
        with self._database.read() as cursor:
            results = operations.perform(cursor)
        if operations.refreshed:
            # Not in the transaction above: one that has read may have to give up when it turns to writing.
            with self._database.write() as cursor:
                operations.refresh(cursor)
        return results

    def sweep_ttl(self) -> int:
        """Delete the items whose time is over and return how many there were."""
        self.setup()
        with self._database.write() as cursor:
            return delete_expired(cursor, self._clock())

    def start_ttl_sweeper(self, sweep_interval_minutes: float | None = None) -> Future[None]:
        """
        Have a thread sweep from time to time, unless one does already or the store has no `ttl`.

        Args:
            sweep_interval_minutes: how long it rests; as configured, or five minutes, by default.

        Returns a future that is done when the sweeper has stopped; cancelling it stops the sweeper.
        """
        if not self.ttl_config:
            nothing: Future[None] = Future()
            nothing.set_result(None)
            return nothing
        if self._sweeper is None or not self._sweeper.running:
            minutes = sweep_interval_minutes or self.ttl_config.get("sweep_interval_minutes") or SWEEP_MINUTES
            self._sweeper = Sweeper(self.sweep_ttl, 60 * minutes)
        return self._sweeper.future

    def stop_ttl_sweeper(self, timeout: float | None = None) -> bool:
        """Stop the sweeper, wait for it so many seconds, and return whether none is left."""
        if self._sweeper is not None and self._sweeper.stop(timeout):
            self._sweeper = None
        return self._sweeper is None
