"""What is particular to SQLite: files, connections, transactions, damage."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from .savers import checkpoint, config

OLD_TABLES = """
    CREATE TABLE checkpoints (
        thread_id TEXT NOT NULL, checkpoint_ns TEXT NOT NULL DEFAULT '', checkpoint_id TEXT NOT NULL,
        parent_checkpoint_id TEXT, type TEXT, checkpoint BLOB, metadata BLOB,
        PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id));
    CREATE TABLE writes (
        thread_id TEXT NOT NULL, checkpoint_ns TEXT NOT NULL DEFAULT '', checkpoint_id TEXT NOT NULL,
        task_id TEXT NOT NULL, idx INTEGER NOT NULL, channel TEXT NOT NULL, type TEXT, value BLOB,
        PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx));
    INSERT INTO writes VALUES ('t', '', '1', 'old', 0, 'a', 'msgpack', x'01');
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoints.db"


@pytest.fixture
def conn(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, check_same_thread=False)
    yield connection
    connection.close()


def put(saver: SqliteSaver, id: str, values: dict[str, Any] | None = None, **place: Any) -> None:
    saver.put(config(**place), checkpoint(id, values), {"step": 1}, {})


def test_a_file_outlives_its_saver(path: Path) -> None:
    """What was put is there when the file is opened again; `:memory:` is new each time."""
    for name, expected in ((path, 1), (f"file:{path}?mode=rw", 1), (":memory:", 0), ("file::memory:", 0)):
        with SqliteSaver.from_conn_string(name) as saver:
            put(saver, "1", {"a": 1})
        with SqliteSaver.from_conn_string(name) as saver:
            assert expected == len(list(saver.list(None)))


def test_setup_comes_by_itself(conn: sqlite3.Connection) -> None:
    """Tables are made on the first use, once, in write-ahead mode; asking for it again is no error."""
    saver = SqliteSaver(conn)
    assert not saver.is_setup
    saver.setup()
    saver.setup()
    assert saver.is_setup
    assert ("wal",) == conn.execute("PRAGMA journal_mode").fetchone()
    assert (30_000,) == conn.execute("PRAGMA busy_timeout").fetchone()
    assert None is saver.get_tuple(config())


def test_the_busy_timeout_can_be_chosen(conn: sqlite3.Connection) -> None:
    """`busy_timeout` sets how long to wait; None leaves the connection alone."""
    SqliteSaver(conn, busy_timeout=1.5).setup()
    assert (1500,) == conn.execute("PRAGMA busy_timeout").fetchone()
    SqliteSaver(conn, busy_timeout=None).setup()
    assert (1500,) == conn.execute("PRAGMA busy_timeout").fetchone()


def test_a_file_of_an_old_release_gains_its_column(conn: sqlite3.Connection) -> None:
    """A file whose writes have no task path is read, and gets the column for new writes."""
    conn.executescript(OLD_TABLES)
    saver = SqliteSaver(conn)
    put(saver, "1")
    saver.put_writes(config("1"), [("a", 2)], "new", "~path")
    found = saver.get_tuple(config())
    assert found is not None
    assert [("old", "a", 1), ("new", "a", 2)] == found.pending_writes
    saver.copy_thread("t", "u")
    copied = saver.get_tuple(config(thread="u"))
    assert copied is not None
    assert found.pending_writes == copied.pending_writes


def test_a_path_is_no_connection(path: Path) -> None:
    """The constructor wants a connection and says how to open a path."""
    with pytest.raises(TypeError, match="from_conn_string"):
        SqliteSaver(str(path))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="from_conn_string"):
        AsyncSqliteSaver(str(path))


def test_another_file_is_refused_and_left_alone(path: Path) -> None:
    """A file that is no database is named in the error and not changed."""
    path.write_bytes(b"not a database at all" * 99)
    with (
        SqliteSaver.from_conn_string(path) as saver,
        pytest.raises(ValueError, match=r"checkpoints\.db'|this file"),
    ):
        saver.get_tuple(config())
    assert b"not a database at all" * 99 == path.read_bytes()


async def test_the_synchronous_saver_sends_async_callers_on(conn: sqlite3.Connection) -> None:
    """Its asynchronous methods say which saver has them."""
    saver = SqliteSaver(conn)
    for name, arguments in {
        "aget_tuple": (config(),),
        "aput": (config(), checkpoint("1"), {}, {}),
        "aput_writes": (config("1"), [], "t"),
        "adelete_thread": ("t",),
    }.items():
        with pytest.raises(NotImplementedError, match=r"AsyncSqliteSaver instead"):
            await getattr(saver, name)(*arguments)
    with pytest.raises(NotImplementedError, match="AsyncSqliteSaver instead"):
        _ = [found async for found in saver.alist(None)]


DAMAGE = {
    "UPDATE checkpoints SET checkpoint = x'c1' WHERE checkpoint_id = '2'": "cannot read the checkpoint: .*damaged",
    "UPDATE checkpoints SET type = 'zzz' WHERE checkpoint_id = '2'": "cannot read the checkpoint: .*zzz",
    "UPDATE checkpoints SET type = NULL WHERE checkpoint_id = '2'": "cannot read the checkpoint: .*None",
    "UPDATE checkpoints SET checkpoint = NULL WHERE checkpoint_id = '2'": "cannot read the checkpoint",
    "UPDATE checkpoints SET metadata = '{\"a' WHERE checkpoint_id = '2'": "cannot read the metadata",
    "UPDATE checkpoints SET metadata = x'ff' WHERE checkpoint_id = '2'": "cannot read the metadata",
    "UPDATE writes SET value = x'92'": "cannot read the write of task task to 'a': .*damaged",
}


@pytest.mark.parametrize("statement", DAMAGE)
def test_a_damaged_row_is_named_and_left(statement: str, conn: sqlite3.Connection) -> None:
    """Reading a damaged row says which one it is; others are still read, and nothing is changed."""
    saver = SqliteSaver(conn)
    for name in ("1", "2"):
        put(saver, name, {"a": 1})
    saver.put_writes(config("2"), [("a", 1)], "task")
    put(saver, "1", thread="u")
    with conn:
        conn.execute(statement)
    before = list(conn.iterdump())
    with pytest.raises(
        (ValueError, NotImplementedError), match=f"^checkpoint '2' of thread 't': {DAMAGE[statement]}"
    ):
        saver.get_tuple(config())
    with pytest.raises((ValueError, NotImplementedError), match="checkpoint '2' of thread 't'"):
        list(saver.list(None))
    assert saver.get_tuple(config("1"))
    assert saver.get_tuple(config(thread="u"))
    assert before == list(conn.iterdump())
    saver.delete_thread("t")
    assert 1 == len(list(saver.list(None)))


def test_metadata_of_other_writers_is_read(conn: sqlite3.Connection) -> None:
    """Metadata stored as text, or not at all, is read too."""
    saver = SqliteSaver(conn)
    for name in ("1", "2"):
        put(saver, name)
    with conn:
        conn.execute("UPDATE checkpoints SET metadata = '{\"run_id\": \"r\"}' WHERE checkpoint_id = '1'")
        conn.execute("UPDATE checkpoints SET metadata = NULL WHERE checkpoint_id = '2'")
    assert [{}, {"run_id": "r"}] == [found.metadata for found in saver.list(None)]
    saver.delete_for_runs(["r"])
    assert ["2"] == [found.checkpoint["id"] for found in saver.list(None)]


def test_a_connection_may_have_settings_of_its_owner(path: Path) -> None:
    """Row factories and transaction modes of the connection do not disturb the saver."""
    modes: list[dict[str, Any]] = [{"isolation_level": None}, {"isolation_level": "EXCLUSIVE"}]
    if sys.version_info >= (3, 12):
        modes += [{"autocommit": True}, {"autocommit": False}]
    for number, mode in enumerate(modes):
        conn = sqlite3.connect(path, check_same_thread=False, **mode)
        for factory in (sqlite3.Row, lambda cursor, row: {"row": row}):
            conn.row_factory = factory
            saver = SqliteSaver(conn)
            put(saver, "1", {"a": number})
            found = saver.get_tuple(config())
            assert found is not None
            assert {"a": number} == found.checkpoint["channel_values"]
            assert 1 == len(list(saver.list(None)))
        conn.close()
        with SqliteSaver.from_conn_string(path) as other:
            found = other.get_tuple(config())
            assert found is not None
            assert {"a": number} == found.checkpoint["channel_values"]


def test_the_owners_transaction_is_respected(conn: sqlite3.Connection, path: Path) -> None:
    """In the middle of the owner's transaction a failed call undoes its own part only; a good one commits."""
    saver = SqliteSaver(conn, keep_last=1)
    saver.setup()
    conn.execute("CREATE TABLE mine (x)")
    conn.execute("INSERT INTO mine VALUES (1)")
    put(saver, "1")
    with conn:
        conn.execute("UPDATE checkpoints SET metadata = x'ff'")
    conn.execute("INSERT INTO mine VALUES (2)")
    with pytest.raises(ValueError, match="cannot read the metadata"):
        put(saver, "2")
    assert conn.in_transaction
    conn.commit()
    with sqlite3.connect(path) as other:
        assert [(1,), (2,)] == other.execute("SELECT x FROM mine").fetchall()
        assert [("1",)] == other.execute("SELECT checkpoint_id FROM checkpoints").fetchall()
    other.close()


def test_reading_leaves_the_owners_transaction_open(conn: sqlite3.Connection) -> None:
    """In the middle of the owner's transaction a call that reads commits nothing of it."""
    saver = SqliteSaver(conn)
    put(saver, "1")
    conn.execute("DELETE FROM checkpoints")
    assert None is saver.get_tuple(config())
    assert [] == list(saver.list(None))
    assert conn.in_transaction
    conn.rollback()
    assert saver.get_tuple(config())


def test_a_failed_call_leaves_no_transaction(conn: sqlite3.Connection) -> None:
    """When a statement fails everything of the call is undone, and the saver can be used again."""
    saver = SqliteSaver(conn)
    put(saver, "1")
    with conn:
        conn.execute(
            "CREATE TRIGGER full BEFORE INSERT ON writes BEGIN SELECT raise(ABORT, 'disk full'); END"
        )
    with pytest.raises(sqlite3.IntegrityError, match="disk full"):
        saver.put_writes(config("1"), [("a", 1), ("b", 2)], "task")
    assert not conn.in_transaction
    with conn:
        conn.execute("DROP TRIGGER full")
    saver.put_writes(config("1"), [("b", 2)], "task")
    found = saver.get_tuple(config())
    assert found is not None
    assert [("task", "b", 2)] == found.pending_writes


def test_a_cursor_is_lent(conn: sqlite3.Connection) -> None:
    """`cursor` gives statements of one's own a transaction; the saver can be used inside it."""
    saver = SqliteSaver(conn)
    with saver.cursor() as cursor:
        put(saver, "1")
        cursor.execute("UPDATE checkpoints SET parent_checkpoint_id = '0'")
    with saver.cursor(transaction=False) as cursor:
        assert [("0",)] == cursor.execute("SELECT parent_checkpoint_id FROM checkpoints").fetchall()
    assert not conn.in_transaction


def test_a_writer_waits_for_another(path: Path) -> None:
    """While another connection writes, a call waits; when it waited too long it says so and changes nothing."""
    with SqliteSaver.from_conn_string(path) as saver:
        put(saver, "1")
        other = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.3, lambda: other.execute("COMMIT"))
        timer.start()
        put(saver, "2")
        timer.join()
        other.execute("BEGIN IMMEDIATE")
        with (
            SqliteSaver.from_conn_string(path, busy_timeout=0.05) as hasty,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            put(hasty, "3")
        assert saver.get_tuple(config())
        other.execute("ROLLBACK")
        other.close()
        assert ["2", "1"] == [found.checkpoint["id"] for found in saver.list(None)]


def test_a_writer_takes_its_turn_at_its_start(path: Path) -> None:
    """A transaction that may write keeps others from writing before it wrote; one that reads does not."""
    with (
        SqliteSaver.from_conn_string(path) as saver,
        SqliteSaver.from_conn_string(path, busy_timeout=0.05) as other,
    ):
        put(saver, "1")
        with saver.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM checkpoints")
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                put(other, "2")
        with saver.cursor(transaction=False) as cursor:
            cursor.execute("SELECT count(*) FROM checkpoints")
            put(other, "3")


def test_the_first_use_waits_for_a_writer(path: Path) -> None:
    """Changing the journal of a file that another connection writes to waits until that is done."""
    other = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    other.execute("CREATE TABLE mine (x)")
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    timer.start()
    with SqliteSaver.from_conn_string(path) as saver:
        put(saver, "1")
        timer.join()
    other.execute("SELECT * FROM mine").fetchall()  # it learns of the change by reading
    assert ("wal",) == other.execute("PRAGMA journal_mode").fetchone()
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN IMMEDIATE")
    with (
        SqliteSaver.from_conn_string(path, busy_timeout=0.05) as saver,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        put(saver, "2")
    other.close()


def test_a_readers_snapshot_does_not_block_writers(path: Path) -> None:
    """A listing that was left in the middle keeps nobody from writing."""
    with (
        SqliteSaver.from_conn_string(path) as one,
        SqliteSaver.from_conn_string(path, busy_timeout=0.1) as two,
    ):
        put(one, "1")
        put(one, "2")
        listing = one.list(None)
        next(listing)
        put(two, "3")
        two.delete_thread("t")
        assert [] == [found.checkpoint["id"] for found in one.list(None)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes fork")
def test_a_forked_child_is_told_to_open_its_own(path: Path) -> None:
    """SQLite forbids a connection in a forked child; the saver says so before harm is done."""
    with SqliteSaver.from_conn_string(path) as saver:
        put(saver, "1")
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            try:
                saver.get_tuple(config())
            except RuntimeError as error:
                os.write(writer, str(error).encode())
            os._exit(0)
        os.close(writer)
        with open(reader) as told:
            assert "open a saver in each process" in told.read()
        os.waitpid(child, 0)
        assert saver.get_tuple(config())


def test_many_threads_share_one_saver(path: Path) -> None:
    """Threads that use one saver at once lose nothing and fail nowhere."""
    faults: list[BaseException] = []
    with SqliteSaver.from_conn_string(path) as saver:

        def work(number: int) -> None:
            try:
                for turn in range(10):
                    put(saver, f"{turn}", {"a": turn}, thread=f"{number}")
                    saver.put_writes(config(f"{turn}", f"{number}"), [("a", 1)], "task")
                    assert saver.get_tuple(config(thread=f"{number}"))
                    assert turn < len(list(saver.list(config(thread=f"{number}"))))
            except BaseException as fault:
                faults.append(fault)

        workers = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert [] == faults
        assert 80 == len(list(saver.list(None)))


async def test_the_event_loop_is_not_held_up(path: Path) -> None:
    """While the asynchronous saver waits for a lock, other coroutines run."""
    async with AsyncSqliteSaver.from_conn_string(path) as saver:
        await saver.setup()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.ensure_future(saver.aput(config(), checkpoint("1"), {}, {}))
        for _ in range(5):
            await asyncio.sleep(0.02)
        assert not waiting.done()
        other.execute("COMMIT")
        other.close()
        assert config("1") == await waiting


async def test_many_coroutines_share_one_saver(path: Path) -> None:
    """Coroutines that use one saver at once lose nothing."""
    async with AsyncSqliteSaver.from_conn_string(path) as saver:

        async def work(number: int) -> None:
            for turn in range(10):
                place = config(thread=f"{number}")
                await saver.aput(place, checkpoint(f"{turn}", {"a": turn}), {}, {})
                await saver.aput_writes(config(f"{turn}", f"{number}"), [("a", 1)], "task")
                assert await saver.aget_tuple(place)

        await asyncio.gather(*map(work, range(20)))
        assert 200 == len([found async for found in saver.alist(None)])


async def test_an_own_connection_serves_the_asynchronous_saver(conn: sqlite3.Connection) -> None:
    """It takes a plain connection, has the attributes of the other, and its thread ends with it."""
    saver = AsyncSqliteSaver(conn, keep_last=2)
    assert (conn, False) == (saver.conn, saver.is_setup)
    for name in "123":
        await saver.aput(config(), checkpoint(name), {}, {})
    assert saver.is_setup
    assert ["3", "2"] == [found.checkpoint["id"] async for found in saver.alist(None)]
    assert ["3", "2"] == [found.checkpoint["id"] for found in saver.list(None)]
    with saver.lock:
        pass


def test_an_asynchronous_saver_survives_its_loop(path: Path) -> None:
    """The same saver can be used from one loop after another."""
    conn = sqlite3.connect(path, check_same_thread=False)
    saver = AsyncSqliteSaver(conn)
    for name in "12":
        asyncio.run(saver.aput(config(), checkpoint(name), {}, {}))
    found = asyncio.run(saver.aget_tuple(config()))
    assert found is not None
    assert "2" == found.checkpoint["id"]
    conn.close()


async def test_a_cancelled_call_does_not_tear_the_store(path: Path) -> None:
    """A caller that is cancelled leaves a whole checkpoint or none, and a saver that works."""
    async with AsyncSqliteSaver.from_conn_string(path) as saver:
        await saver.setup()
        for turn in range(20):
            call = asyncio.ensure_future(saver.aput(config(), checkpoint(f"{turn:02}", {"a": turn}), {}, {}))
            await asyncio.sleep(0 if turn % 2 else 0.001)
            call.cancel()
            await asyncio.wait([call])
            assert call.cancelled() or config(f"{turn:02}") == call.result()
        await saver.aput(config(), checkpoint("99"), {}, {})
        found = [found async for found in saver.alist(None)]
        assert "99" == found[0].checkpoint["id"]
