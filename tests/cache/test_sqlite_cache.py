"""What a cache on disk adds: other processes, a file that stays small, and closing."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from otgraph.cache.base import FullKey
from otgraph.cache.sqlite import SqliteCache

from .clock import Clock

TESTS = Path(__file__).resolve().parents[1]
KEY: FullKey = (("n",), "k")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "cache.db")


def test_values_outlive_the_cache(path: str) -> None:
    """What was kept is there when the file is opened again, and in another process."""
    with SqliteCache[Any](path=path) as first:
        first.set({KEY: ({"x": (1, 2)}, None)})
        with SqliteCache[Any](path=path) as second:
            assert first.get([KEY]) == second.get([KEY]) != {}


def test_processes_share_a_file(path: str) -> None:
    """Processes that open a new file at once and keep, read and clear lose nothing of their own."""
    command = [sys.executable, "-m", "cache.sqlite_worker", path]
    workers = [
        subprocess.Popen([*command, str(number)], cwd=TESTS, stderr=subprocess.PIPE, text=True)
        for number in range(4)
    ]
    assert [("", 0)] * 4 == [(worker.communicate(timeout=60)[1], worker.returncode) for worker in workers]
    with SqliteCache[int](path=path) as cache:
        expected = {((str(number),), str(turn)): turn for number in range(4) for turn in range(30)}
        assert expected == cache.get(list(expected))


def test_the_file_forgets_what_has_expired(path: str, clock: Clock) -> None:
    """Rows of expired values go when something is kept."""
    with SqliteCache[int](path=path, clock=clock) as cache:
        cache.set({(("n",), str(number)): (number, 5) for number in range(10)})
        clock.now += 6
        cache.set({KEY: (1, None)})
    with sqlite3.connect(path) as file:
        assert [(1,)] == file.execute("SELECT count(*) FROM cache_entries").fetchall()
        assert [("wal",)] == file.execute("PRAGMA journal_mode").fetchall()
    file.close()


def test_the_loop_is_not_blocked(path: str) -> None:
    """A coroutine's file access happens in another thread."""
    threads: list[Any] = []

    def clock() -> float:
        threads.append(threading.current_thread())
        return 0.0

    async def use(cache: SqliteCache[int]) -> None:
        await cache.aset({KEY: (1, None)})
        await cache.aget([KEY])

    with SqliteCache[int](path=path, clock=clock) as cache:
        asyncio.run(use(cache))
    assert 2 == len(threads)
    assert threading.main_thread() not in threads


def test_a_forgotten_cache_closes_its_file(path: str) -> None:
    """A cache that nobody holds any more closes its file; a closed one says so."""
    SqliteCache[int](path=path).set({KEY: (1, None)})
    gc.collect()
    cache = SqliteCache[int](path=path)
    cache.close()
    cache.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        cache.get([KEY])
