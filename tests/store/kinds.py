"""
Every kind of store in every colour, behind one synchronous face.

Rule: a test that takes a kind proves its fact of a store in memory, in a file, and asked by coroutines.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from otgraph.store.base import BaseStore, IndexConfig, TTLConfig
from otgraph.store.memory import InMemoryStore
from otgraph.store.sqlite import AsyncSqliteStore, SqliteStore

__all__ = ["KINDS", "ON_DISK", "Face", "Loop", "letters", "opened"]

KINDS = ("memory", "memory async", "sqlite", "sqlite async", "async sqlite")
ON_DISK = tuple(kind for kind in KINDS if "sqlite" in kind)


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


class Face:
    """The methods of a store without their colour: `face.get` is `get`, or `aget` on a loop."""

    def __init__(self, store: BaseStore, loop: Loop | None) -> None:
        self.store = store
        self._loop = loop

    def __getattr__(self, name: str) -> Callable[..., Any]:
        loop = self._loop
        if loop is None:
            return getattr(self.store, name)
        method = getattr(self.store, name if name in ("setup", "sweep_ttl") else f"a{name}")

        def call(*args: Any, **kwargs: Any) -> Any:
            async def answer() -> Any:
                found = method(*args, **kwargs)
                return await found if asyncio.iscoroutine(found) else found

            return loop.run(answer())

        return call


@contextmanager
def opened(
    kind: str,
    loop: Loop,
    *,
    path: str = ":memory:",
    index: IndexConfig | None = None,
    ttl: TTLConfig | None = None,
    clock: Callable[[], float] | None = None,
) -> Iterator[Face]:
    """Give a fresh store of a kind; its clock ticks a second whenever it is looked at, unless given."""
    if kind.startswith("memory"):
        yield Face(InMemoryStore(index=index), loop if "async" in kind else None)
        return
    ticks = itertools.count(1_800_000_000)
    options: dict[str, Any] = {"index": index, "ttl": ttl, "clock": clock or (lambda: float(next(ticks)))}
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        if kind == "async sqlite":

            async def make() -> AsyncSqliteStore:
                return AsyncSqliteStore(connection, **options)

            yield Face(loop.run(make()), loop)
        else:
            yield Face(SqliteStore(connection, **options), loop if "async" in kind else None)
    finally:
        connection.close()


def letters(texts: Any) -> list[list[float]]:
    """Embed texts by how often they say a, b, c and d."""
    return [[*(float(text.count(letter)) for letter in "abcd"), 0.1] for text in texts]
