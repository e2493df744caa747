"""
The published savers, opened as their users open them.

Rule: nothing here knows of otgraph.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

__all__ = ["ASYNC", "KINDS", "SYNC", "Opener", "opener_of"]

Opener = Callable[[], AbstractAsyncContextManager[Any]]

SYNC: Final = ("memory", "sqlite", "postgres", "postgres pipeline", "postgres pool")
ASYNC: Final = ("amemory", "asqlite", "apostgres", "apostgres pipeline", "apostgres pool")
KINDS: Final = (*SYNC, *ASYNC)


def opener_of(kind: str, place: Any) -> Opener:
    """
    Return what opens a saver of this kind anew, on the same store each time.

    Args:
        place: the folder of a file, or the URI of a database.
    """
    if kind.endswith("memory"):
        return _memory()
    if kind.endswith("sqlite"):
        return _sqlite(kind, Path(place) / "checkpoints.db")
    return _postgres(kind, place)


def _memory() -> Opener:
    from langgraph.checkpoint.memory import InMemorySaver

    saver = InMemorySaver()

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        yield saver

    return opened


def _sqlite(kind: str, path: Path) -> Opener:
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        if kind == "sqlite":
            with SqliteSaver.from_conn_string(str(path)) as saver:
                yield saver
        else:
            async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
                yield saver

    return opened


def _postgres(kind: str, uri: str) -> Opener:
    from langgraph.checkpoint.postgres import PostgresSaver
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    from psycopg.rows import dict_row
    from psycopg_pool import AsyncConnectionPool, ConnectionPool

    wanted: Any = {"kwargs": {"autocommit": True, "row_factory": dict_row}, "min_size": 1, "max_size": 4}
    pipeline = "pipeline" in kind
    with PostgresSaver.from_conn_string(uri) as first:
        first.setup()  # once for a database, and never in a pipeline

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        if kind == "postgres pool":
            with ConnectionPool(uri, **wanted) as pool:
                yield PostgresSaver(pool)
        elif kind == "apostgres pool":
            async with AsyncConnectionPool(uri, open=False, **wanted) as pool:
                yield AsyncPostgresSaver(pool)
        elif kind.startswith("postgres"):
            with PostgresSaver.from_conn_string(uri, pipeline=pipeline) as saver:
                yield saver
        else:
            async with AsyncPostgresSaver.from_conn_string(uri, pipeline=pipeline) as saver:
                yield saver

    return opened
