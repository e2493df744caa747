"""
The saver that keeps checkpoints in an SQLite file, for asynchronous runs.

Rule: the event loop never waits for the disk. All work on the connection is done by one thread, in order.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar, cast

from otgraph.checkpoint.records import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from otgraph.checkpoint.retention import Retention
from otgraph.checkpoint.selection import Selection
from otgraph.checkpoint.serde.base import SerializerProtocol
from otgraph.checkpoint.sqlite.database import BUSY_TIMEOUT, Database
from otgraph.checkpoint.sqlite.saver import closed_where_refused, connect
from otgraph.checkpoint.sqlite.store import Listing, SqliteStore
from otgraph.run_config import RunnableConfig

__all__ = ["AsyncSqliteSaver"]

T = TypeVar("T")


class AsyncSqliteSaver(SqliteStore):
    """
    Keeps checkpoints in an SQLite file without holding up the event loop.

    The synchronous methods work too, from any thread; in the loop's own thread they hold it up.

    Args:
        conn: an `sqlite3.Connection` opened with `check_same_thread=False`, or an `aiosqlite.Connection`.
        serde: turns values into bytes.
        keep_last: how many checkpoints of a namespace stay; None for all.
        ttl: seconds after which followed checkpoints and idle threads may go; None for never.
        busy_timeout: seconds to wait for other connections; None leaves `conn` as it is.
    """

    def __init__(
        self,
        conn: Any,
        *,
        serde: SerializerProtocol | None = None,
        keep_last: int | None = None,
        ttl: float | timedelta | None = None,
        busy_timeout: float | None = BUSY_TIMEOUT,
    ) -> None:
        own = isinstance(conn, sqlite3.Connection)
        super().__init__(Database(conn if own else None, busy_timeout), serde, Retention.of(keep_last, ttl))
        self._given = conn
        self._worker: _OwnThread | _Aiosqlite = _OwnThread() if own else _Aiosqlite(conn, self._database)

    @classmethod
    @asynccontextmanager
    async def from_conn_string(
        cls,
        conn_string: str | os.PathLike[str],
        *,
        serde: SerializerProtocol | None = None,
        keep_last: int | None = None,
        ttl: float | timedelta | None = None,
        busy_timeout: float | None = BUSY_TIMEOUT,
    ) -> AsyncIterator[AsyncSqliteSaver]:
        """
        Open a file for the time of an `async with` block; `:memory:` is a database that ends with it.

        Args:
            conn_string: a path, or an SQLite URI that begins with `file:`.
        """
        with closed_where_refused(connect(conn_string)) as opened:
            saver = cls(opened, serde=serde, keep_last=keep_last, ttl=ttl, busy_timeout=busy_timeout)
        saver._database.reopen = partial(connect, conn_string)
        try:
            yield saver
        finally:
            await asyncio.shield(saver._run(saver._database.close))
            saver._worker.end()

    @property
    def conn(self) -> Any:
        """The connection; one that the saver has opened is another one after a fork."""
        return self._given if self._database.reopen is None else self._database.opened()

    async def setup(self) -> None:
        """Prepare connection and tables; done on the first use anyway."""
        await self._run(self._database.setup)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the checkpoint that `config` names with all that belongs to it, or None."""
        return await self._run(partial(self.get_tuple, config))

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield checkpoints, the newest first; see `BaseCheckpointSaver.list`."""
        listing = Listing(self, Selection.of(config, filter, before, limit))
        while not listing.done:
            for found in await self._run(listing.next_page):
                yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint and return the config that names it; see `BaseCheckpointSaver.put`."""
        return await self._run(partial(self.put, config, checkpoint, metadata, new_versions))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a task wrote; see `BaseCheckpointSaver.put_writes`."""
        await self._run(partial(self.put_writes, config, writes, task_id, task_path))

    async def adelete_thread(self, thread_id: str) -> None:
        """Forget a thread: all its checkpoints and writes in all namespaces."""
        await self._run(partial(self.delete_thread, thread_id))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Forget the checkpoints whose metadata has one of these `run_id`s, with their writes."""
        await self._run(partial(self.delete_for_runs, run_ids))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Give another thread a copy of all checkpoints and writes, under the same checkpoint ids."""
        await self._run(partial(self.copy_thread, source_thread_id, target_thread_id))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Shorten the history of threads; see `BaseCheckpointSaver.prune`."""
        await self._run(partial(self.prune, thread_ids, strategy=strategy))

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Return from what the values of `channels` can be rebuilt; reads no writes to other channels."""
        return await self._run(partial(self.get_delta_channel_history, config=config, channels=channels))

    async def _run(self, call: Callable[[], T]) -> T:
        # Its thread would not be there.
        self._database.check_process()
        return cast(T, await self._worker.run(call))


class _OwnThread:
    """Does calls in a thread that nothing else occupies."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="otgraph-sqlite")

    async def run(self, call: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    def end(self) -> None:
        self._pool.shutdown(wait=False)


class _Aiosqlite:
    """Does calls in the thread of an `aiosqlite` connection, which alone may use its connection."""

    def __init__(self, conn: Any, database: Database) -> None:
        if not all(hasattr(type(conn), name) for name in ("__await__", "_conn", "_execute")):
            raise TypeError(
                f"AsyncSqliteSaver needs an sqlite3.Connection or an aiosqlite.Connection, not {conn!r}; "
                "for a path use AsyncSqliteSaver.from_conn_string(path)"
            )
        self._conn = conn
        self._database = database

    async def run(self, call: Callable[[], Any]) -> Any:
        if self._database.connection is None:
            try:
                self._database.connection = self._conn._conn
            except ValueError:  # it was not awaited yet
                await self._conn
                self._database.connection = self._conn._conn
        return await self._conn._execute(call)

    def end(self) -> None:
        pass  # its owner closes it
