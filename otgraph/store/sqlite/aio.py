"""
The asynchronous store on SQLite: `AsyncSqliteStore`.

Rule: the file is touched by worker threads only, never by the event loop's; what is asked in one tick of the
loop is one transaction.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from sqlite3 import Connection
from types import TracebackType

from typing_extensions import Self

from otgraph.store.base.batch import AsyncBatchedBaseStore
from otgraph.store.base.config import IndexConfig, TTLConfig
from otgraph.store.base.embed import Embeddings
from otgraph.store.base.ops import Op, Result
from otgraph.store.sqlite.base import SWEEP_MINUTES, SqliteStore
from otgraph.store.sqlite.database import Database
from otgraph.store.sqlite.operations import Reader

__all__ = ["AsyncSqliteStore"]

logger = logging.getLogger(__name__)


class AsyncSqliteStore(AsyncBatchedBaseStore):
    """
    A store in a SQLite file, for coroutines; any number of processes may use it at once.

    Args: those of `SqliteStore`.
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
        super().__init__()
        self._store = SqliteStore(conn, deserializer=deserializer, index=index, ttl=ttl, clock=clock)
        self._sweeper: asyncio.Task[None] | None = None
        self.conn = conn
        self.index_config = index
        self.ttl_config = ttl

    @classmethod
    @asynccontextmanager
    async def from_conn_string(
        cls, conn_string: str, *, index: IndexConfig | None = None, ttl: TTLConfig | None = None
    ) -> AsyncIterator[AsyncSqliteStore]:
        """Open a file (or `:memory:`), give a store on it, and close it at the end."""
        database = await asyncio.to_thread(Database.open, conn_string)
        try:
            async with cls(database.connection, index=index, ttl=ttl) as store:
                yield store
        finally:
            await asyncio.to_thread(database.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.stop_ttl_sweeper()

    @property
    def embeddings(self) -> Embeddings | None:
        """What turns texts into vectors, if the store has an index."""
        return self._store.embeddings

    async def setup(self) -> None:
        """Create the tables, if they are not there; the first operation does the same."""
        await asyncio.to_thread(self._store.setup)

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Perform several operations in one transaction and return the result of each, None for a put."""
        return await self._store.abatch(ops)

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Perform several operations in one transaction, from a thread other than the event loop's."""
        self._refuse_on_loop()
        return self._store.batch(ops)

    async def sweep_ttl(self) -> int:
        """Delete the items whose time is over and return how many there were."""
        return await asyncio.to_thread(self._store.sweep_ttl)

    async def start_ttl_sweeper(self, sweep_interval_minutes: float | None = None) -> asyncio.Task[None]:
        """
        Have a task sweep from time to time, unless one does already or the store has no `ttl`.

        Args:
            sweep_interval_minutes: how long it rests; as configured, or five minutes, by default.
        """
        if not self.ttl_config:
            return asyncio.create_task(asyncio.sleep(0))
        if self._sweeper is None or self._sweeper.done():
            minutes = sweep_interval_minutes or self.ttl_config.get("sweep_interval_minutes") or SWEEP_MINUTES
            self._sweeper = asyncio.create_task(
                self._sweep_for_ever(60 * minutes), name="otgraph-ttl-sweeper"
            )
        return self._sweeper

    async def stop_ttl_sweeper(self, timeout: float | None = None) -> bool:
        """Stop the sweeper, wait for it so many seconds, and return whether none is left."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            done, _ = await asyncio.wait([self._sweeper], timeout=timeout)
            if done:
                self._sweeper = None
        return self._sweeper is None

    async def _sweep_for_ever(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            try:
                await self.sweep_ttl()
            except Exception:
                logger.exception("a sweep of expired items failed; the next is in %s s", interval)
