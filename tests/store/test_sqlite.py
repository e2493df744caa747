"""What a store on disk adds: files, threads, processes, transactions, and what JSON cannot hold."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from otgraph.store.base import BaseStore, PutOp
from otgraph.store.base.batch import AsyncBatchedBaseStore
from otgraph.store.sqlite import AsyncSqliteStore, SqliteStore

from .kinds import letters
from .oracle import TESTS

HERE = ("users", "ann")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "store.db")


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    with SqliteStore.from_conn_string(":memory:") as opened:
        yield opened


def test_items_outlive_the_store(path: str) -> None:
    """What was put, with its times and texts, is there when the file is opened again."""
    index: Any = {"embed": letters, "fields": ["text"]}
    with SqliteStore.from_conn_string(path, index=index) as first:
        first.put(HERE, "k", {"text": "aaa"})
        before = first.get(HERE, "k")
    with SqliteStore.from_conn_string(f"file:{path}", index=index) as second:
        assert before == second.get(HERE, "k")
        (found,) = second.search((), query="a")
        assert 0.998 == round(found.score or 0, 3)


async def test_both_colours_share_a_file(path: str) -> None:
    """What one store puts the other finds, while both are open."""
    with SqliteStore.from_conn_string(path) as plain:
        async with AsyncSqliteStore.from_conn_string(path) as other:
            await other.setup()
            assert isinstance(other, AsyncBatchedBaseStore)
            assert isinstance(plain, BaseStore)
            plain.put(HERE, "1", {"by": "plain"})
            await other.aput(HERE, "2", {"by": "other"})
            assert {"by": "other"} == getattr(plain.get(HERE, "2"), "value", None)
            assert {"by": "plain"} == getattr(await other.aget(HERE, "1"), "value", None)


async def test_the_asynchronous_store_answers_threads(path: str) -> None:
    """Its synchronous methods work in any thread but the loop's."""
    async with AsyncSqliteStore.from_conn_string(path, index={"embed": letters}) as store:
        await asyncio.to_thread(store.put, HERE, "k", {"n": 1})
        assert {"n": 1} == getattr(await asyncio.to_thread(store.get, HERE, "k"), "value", None)
        assert store.embeddings is not None
        with pytest.raises(asyncio.InvalidStateError, match="await store.aget"):
            store.get(HERE, "k")


async def test_one_bad_request_fails_one_caller(path: str) -> None:
    """Of what is asked for in one tick, a value that cannot be kept and an unknown operator fail alone."""
    async with AsyncSqliteStore.from_conn_string(path) as store:
        bad, worse, good = await asyncio.gather(
            store.aput(HERE, "bad", {"x": object()}),
            store.asearch(HERE, filter={"x": {"$like": 1}}),
            store.aput(HERE, "good", {"x": 1}),
            return_exceptions=True,
        )
        assert (TypeError, ValueError, None) == (type(bad), type(worse), good)
        assert await store.aget(HERE, "good")


def test_the_file_has_a_write_ahead_log(path: str) -> None:
    """Readers of a file never wait for its writers."""
    with SqliteStore.from_conn_string(path) as store:
        store.put(HERE, "k", {"n": 1})
        assert ("wal",) == store.conn.execute("PRAGMA journal_mode").fetchone()
        with SqliteStore.from_conn_string(path) as reader:
            reader.setup()
            store.conn.execute("BEGIN IMMEDIATE")
            store.conn.execute("DELETE FROM store")
            assert reader.get(HERE, "k")
            store.conn.execute("ROLLBACK")


def test_many_threads_share_a_store(path: str) -> None:
    """Threads that put, get, search and delete at once lose nothing and disturb nobody."""
    with (
        SqliteStore.from_conn_string(path, ttl={"default_ttl": 5}) as one,
        SqliteStore.from_conn_string(path, ttl={"default_ttl": 5}) as other,
    ):

        def work(number: int) -> int:
            store = (one, other)[number % 2]
            for turn in range(20):
                store.put(("t", str(number)), str(turn), {"turn": turn})
                assert store.get(("t", str(number)), str(turn))
                store.search(("t",), filter={"turn": turn})
                if turn % 2:
                    store.delete(("t", str(number)), str(turn))
            return len(store.search(("t", str(number)), limit=100))

        with ThreadPoolExecutor(8) as pool:
            assert [10] * 8 == list(pool.map(work, range(8)))
        assert 80 == len(one.search((), limit=1000))


def test_many_processes_share_a_file(path: str) -> None:
    """Processes that open a new file at the same moment, and then all write to it, lose nothing."""
    command = [sys.executable, "-m", "store.sqlite_worker", path]
    workers = [
        subprocess.Popen([*command, str(number)], cwd=TESTS, stderr=subprocess.PIPE, text=True)
        for number in range(5)
    ]
    outcomes = [(worker.communicate(timeout=60)[1], worker.returncode) for worker in workers]
    assert [("", 0)] * 5 == outcomes
    with SqliteStore.from_conn_string(path) as store:
        assert [("p", str(number)) for number in range(5)] == store.list_namespaces(prefix=("p",))
        assert 5 * 40 == len(store.search(("p",), limit=1000))
        last = store.get(("shared",), "k")
        assert last is not None
        assert 39 == last.value["turn"]


def test_a_batch_is_one_transaction(store: SqliteStore) -> None:
    """A value that JSON cannot hold keeps the whole batch from happening, and says what is wrong."""
    store.setup()
    with pytest.raises(TypeError, match=r"of type set is nothing that JSON can hold"):
        store.batch([PutOp(HERE, "1", {}), PutOp(HERE, "2", {"x": {1}})])
    with pytest.raises(TypeError, match=r"key 1 of .* is of type int; JSON's keys are strings"):
        store.put(HERE, "3", {"x": [{1: 2}]})
    store.conn.execute(
        "CREATE TRIGGER no BEFORE INSERT ON store WHEN new.key = 'no' BEGIN SELECT raise(ABORT, 'no'); END"
    )
    with pytest.raises(sqlite3.IntegrityError):
        store.batch([PutOp(HERE, "4", {}), PutOp(HERE, "no", {})])
    assert [] == store.search(())


def test_joins_the_transaction_of_the_connection() -> None:
    """On a connection in the middle of a transaction the store's work is the transaction's, to commit or not."""
    connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    store = SqliteStore(connection)
    connection.execute("BEGIN")
    store.put(HERE, "kept", {})
    connection.execute("COMMIT")
    connection.execute("BEGIN")
    store.put(HERE, "lost", {})
    with pytest.raises(TypeError):
        store.put(HERE, "bad", {"x": object()})
    assert store.get(HERE, "lost")
    connection.execute("ROLLBACK")
    assert ["kept"] == [item.key for item in store.search(())]
    connection.close()


def test_any_connection_will_do() -> None:
    """A connection with Python's own transactions and rows of its own serves as well."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.row_factory = lambda cursor, row: {"row": row}
    store = SqliteStore(connection)
    store.put(HERE, "k", {"n": 1})
    assert not connection.in_transaction
    assert [HERE] == store.list_namespaces()
    assert {"n": 1} == store.search(())[0].value
    connection.close()
    with pytest.raises(TypeError, match="standard library's sqlite3, not on 'store.db'"):
        SqliteStore("store.db")  # type: ignore[arg-type]


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    when: date


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ({"t": (1, 2)}, {"t": [1, 2]}),
        ({"when": datetime(2026, 1, 2, 3)}, {"when": "2026-01-02T03:00:00"}),
        ({"id": UUID(int=5)}, {"id": "00000000-0000-0000-0000-000000000005"}),
        ({"colour": Colour.RED}, {"colour": "red"}),
        ({"point": Point(1, date(2026, 1, 2))}, {"point": {"x": 1, "when": "2026-01-02"}}),
        ({"x": float("nan"), "y": [float("inf")]}, {"x": None, "y": [None]}),
        ({"big": 2**70, "text": "ü\0\ud800\n'"}, {"big": 2**70, "text": "ü\0\ud800\n'"}),
    ],
)
def test_values_are_json(store: SqliteStore, kept: dict[str, Any], expected: dict[str, Any]) -> None:
    """Values come back as JSON has them: tuples are lists, times and ids texts, what is no number null."""
    store.put(HERE, "k", kept)
    found = store.get(HERE, "k")
    assert found is not None
    assert expected == found.value


def test_the_reader_of_values_can_be_replaced() -> None:
    """`deserializer` turns the JSON of a value into the value, for gets, searches and filters."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    store = SqliteStore(connection, deserializer=lambda text: {**json.loads(text), "read": True})
    store.put(HERE, "k", {"n": 1})
    found = store.get(HERE, "k")
    assert found is not None
    assert {"n": 1, "read": True} == found.value
    assert 1 == len(store.search((), filter={"n": {"$ne": 2}}))
    connection.close()


def test_reads_files_of_langgraph(path: str) -> None:
    """A file laid out by LangGraph opens: bytes for values, seconds without a zone for times."""
    with sqlite3.connect(path) as file:
        file.execute(
            "CREATE TABLE store (prefix text NOT NULL, key text NOT NULL, value text NOT NULL, created_at TIMESTAMP, "
            "updated_at TIMESTAMP, expires_at TIMESTAMP, ttl_minutes REAL, PRIMARY KEY (prefix, key))"
        )
        when = "2026-01-02 03:04:05"
        row = ("users.ann", "k", b'{"n":1}', when, when, f"{when}.500000+00:00", 5.0)
        file.execute("INSERT INTO store VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    file.close()
    with SqliteStore.from_conn_string(path) as store:
        item = store.get(HERE, "k", refresh_ttl=False)
        assert item is not None
        assert ({"n": 1}, datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)) == (item.value, item.created_at)
        assert ["k"] == [found.key for found in store.search((), filter={"n": 1}, refresh_ttl=False)]
        assert 1 == store.sweep_ttl()


def test_reads_files_from_before_items_could_expire(path: str) -> None:
    """A file without the columns for a time to live gets them."""
    with sqlite3.connect(path) as file:
        file.execute(
            "CREATE TABLE store (prefix, key, value, created_at, updated_at, PRIMARY KEY (prefix, key))"
        )
    file.close()
    with SqliteStore.from_conn_string(path) as store:
        store.put(HERE, "k", {}, ttl=5)
        assert store.get(HERE, "k")


def test_setup_may_be_called_often(path: str) -> None:
    """Creating the tables is left undone where they are."""
    for _ in range(2):
        with SqliteStore.from_conn_string(path) as store:
            store.setup()
            store.setup()
            store.put(HERE, "k", {})
