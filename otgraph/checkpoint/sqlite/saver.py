"""
The saver that keeps checkpoints in an SQLite file, for synchronous runs.

Rule: one saver serves all threads of a process; each process opens its own on the same file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, NoReturn

from otgraph.checkpoint.records import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from otgraph.checkpoint.retention import Retention
from otgraph.checkpoint.serde.base import SerializerProtocol
from otgraph.checkpoint.sqlite.database import BUSY_TIMEOUT, Database
from otgraph.checkpoint.sqlite.store import SqliteStore
from otgraph.run_config import RunnableConfig

__all__ = ["SqliteSaver"]


class SqliteSaver(SqliteStore):
    """
    Keeps checkpoints in an SQLite file.

    Args:
        conn: opened with `check_same_thread=False` if several threads will use it.
        serde: turns values into bytes.
        keep_last: how many checkpoints of a namespace stay; None for all.
        ttl: seconds after which followed checkpoints and idle threads may go; None for never.
        busy_timeout: seconds to wait for other connections; None leaves `conn` as it is.
    """

    def __init__(
        self,
        conn: sqlite3.Connection,
        *,
        serde: SerializerProtocol | None = None,
        keep_last: int | None = None,
        ttl: float | timedelta | None = None,
        busy_timeout: float | None = BUSY_TIMEOUT,
    ) -> None:
        if not isinstance(conn, sqlite3.Connection):
            raise TypeError(
                f"SqliteSaver needs an sqlite3.Connection, not {conn!r}; "
                "for a path use SqliteSaver.from_conn_string(path), for asyncio AsyncSqliteSaver"
            )
        super().__init__(Database(conn, busy_timeout), serde, Retention.of(keep_last, ttl))

    @classmethod
    @contextmanager
    def from_conn_string(
        cls,
        conn_string: str | os.PathLike[str],
        *,
        serde: SerializerProtocol | None = None,
        keep_last: int | None = None,
        ttl: float | timedelta | None = None,
        busy_timeout: float | None = BUSY_TIMEOUT,
    ) -> Iterator[SqliteSaver]:
        """
        Open a file for the time of a `with` block; `:memory:` is a database that ends with it.

        Args:
            conn_string: a path, or an SQLite URI that begins with `file:`.
        """
        with closed_where_refused(connect(conn_string)) as conn:
            saver = cls(conn, serde=serde, keep_last=keep_last, ttl=ttl, busy_timeout=busy_timeout)
        saver._database.reopen = partial(connect, conn_string)
        with closing(saver._database):
            yield saver

    @property
    def conn(self) -> sqlite3.Connection:
        """The connection; one that the saver has opened is another one after a fork."""
        return self._database.opened()

    def setup(self) -> None:
        """Prepare connection and tables; done on the first use anyway."""
        self._database.setup()

    @contextmanager
    def cursor(self, transaction: bool = True) -> Iterator[sqlite3.Cursor]:
        """
        Give a cursor on the connection, for statements of your own.

        Args:
            transaction: whether they may change something.
        """
        with self._database.writing() if transaction else self._database.reading() as cursor:
            yield cursor

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Raise `NotImplementedError`."""
        _no_async()

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Raise `NotImplementedError`."""
        _no_async()
        yield

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Raise `NotImplementedError`."""
        _no_async()

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Raise `NotImplementedError`."""
        _no_async()

    async def adelete_thread(self, thread_id: str) -> None:
        """Raise `NotImplementedError`."""
        _no_async()


@contextmanager
def closed_where_refused(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Close a connection that was opened for a saver which its arguments then have kept from being made."""
    try:
        yield connection
    except BaseException:
        connection.close()
        raise


def connect(conn_string: str | os.PathLike[str]) -> sqlite3.Connection:
    """Open a path or a `file:` URI for use by any thread."""
    name = os.fspath(conn_string)
    return sqlite3.connect(name, check_same_thread=False, uri=name.startswith("file:"))


def _no_async() -> NoReturn:
    raise NotImplementedError(
        "The SqliteSaver does not support async methods. Consider using AsyncSqliteSaver instead.\n"
        "from otgraph.checkpoint.sqlite.aio import AsyncSqliteSaver"
    )
