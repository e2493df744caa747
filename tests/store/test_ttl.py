"""Time to live: items that are forgotten, kept by being read, swept away; by a clock that tests turn."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import enumerate as threads
from typing import Any

import pytest
from waiting import until

from otgraph.store.base import GetOp, PutOp, TTLConfig
from otgraph.store.base.index import NO_VECTORS
from otgraph.store.sqlite import AsyncSqliteStore, SqliteStore
from otgraph.store.sqlite.operations import Operations

from .kinds import ON_DISK, Face, Loop, opened

HERE = ("n",)


class Clock:
    """Seconds since 1970, as the test has them."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def minutes(self, count: float) -> None:
        self.now += 60 * count


@pytest.fixture
def clock() -> Clock:
    return Clock()


Open = Callable[[TTLConfig | None], Any]


@pytest.fixture(params=ON_DISK)
def on_disk(request: pytest.FixtureRequest, loop: Loop, clock: Clock) -> Open:
    """Opens each kind of store that forgets."""

    @contextmanager
    def open_(ttl: TTLConfig | None) -> Iterator[Face]:
        with opened(request.param, loop, ttl=ttl, clock=clock) as face:
            yield face

    return open_


def keys(store: Face) -> list[str]:
    return sorted(item.key for item in store.search(HERE, refresh_ttl=False))


def test_an_item_lives_its_minutes(on_disk: Open, clock: Clock) -> None:
    """A sweep deletes what is past its time, and says how much; items without a time stay."""
    with on_disk(None) as store:
        store.put(HERE, "short", {}, ttl=1)
        store.put(HERE, "long", {}, ttl=10.5)
        store.put(HERE, "ever", {})
        clock.minutes(1)
        assert 0 == store.sweep_ttl()
        clock.minutes(0.01)
        assert 1 == store.sweep_ttl()
        assert ["ever", "long"] == keys(store)
        clock.minutes(10)
        assert (1, 0) == (store.sweep_ttl(), store.sweep_ttl())
        assert ["ever"] == keys(store)


def test_the_configuration_gives_a_time(on_disk: Open, clock: Clock) -> None:
    """`default_ttl` is for items put without one; None makes an item live for ever."""
    with on_disk({"default_ttl": 1}) as store:
        store.put(HERE, "default", {})
        store.put(HERE, "own", {}, ttl=3)
        store.put(HERE, "ever", {}, ttl=None)
        clock.minutes(2)
        assert (1, ["ever", "own"]) == (store.sweep_ttl(), keys(store))


@pytest.mark.parametrize("read", ["get", "search"])
def test_reading_keeps_an_item(on_disk: Open, clock: Clock, read: str) -> None:
    """An item that is read lives its time anew, by default."""
    with on_disk({}) as store:
        store.put(HERE, "k", {}, ttl=2)
        for _ in range(3):
            clock.minutes(1.5)
            assert store.get(HERE, "k") if read == "get" else store.search(HERE)
            assert 0 == store.sweep_ttl()
        clock.minutes(2.1)
        assert 1 == store.sweep_ttl()


def test_reading_need_not_keep_an_item(on_disk: Open, clock: Clock) -> None:
    """`refresh_on_read` and `refresh_ttl` say otherwise, the call before the configuration."""
    with on_disk({"refresh_on_read": False}) as store:
        store.put(HERE, "kept", {}, ttl=2)
        store.put(HERE, "lost", {}, ttl=2)
        clock.minutes(1)
        store.get(HERE, "kept", refresh_ttl=True)
        store.get(HERE, "lost")
        store.search(HERE)
        clock.minutes(1.5)
        assert (1, ["kept"]) == (store.sweep_ttl(), keys(store))
        store.search(HERE, refresh_ttl=True)
        clock.minutes(1.5)
        store.batch([PutOp(HERE, "other", {})])
        assert (0, ["kept", "other"]) == (store.sweep_ttl(), keys(store))


def test_a_put_gives_a_new_time(on_disk: Open, clock: Clock) -> None:
    """Putting an item again replaces its time with its value, by none at all if none is given."""
    with on_disk(None) as store:
        store.put(HERE, "k", {}, ttl=1)
        store.put(HERE, "l", {}, ttl=1)
        store.put(HERE, "k", {}, ttl=5)
        store.put(HERE, "l", {})
        clock.minutes(2)
        assert 0 == store.sweep_ttl()
        clock.minutes(4)
        assert (1, ["l"]) == (store.sweep_ttl(), keys(store))


def test_a_new_time_is_not_undone_by_an_old_read(clock: Clock) -> None:
    """An item put again with another time, while somebody has just read it, keeps the new one."""
    with SqliteStore.from_conn_string(":memory:") as store:
        store.put(HERE, "k", {}, ttl=1)
        reading = Operations([GetOp(HERE, "k")], NO_VECTORS, clock())
        reading.perform(store.conn.cursor())
        store.put(HERE, "k", {}, ttl=9)
        before = store.conn.execute("SELECT expires_at FROM store").fetchall()
        reading.refresh(store.conn.cursor())
        assert before == store.conn.execute("SELECT expires_at FROM store").fetchall()


def test_what_is_over_can_be_hidden_at_once(on_disk: Open, clock: Clock) -> None:
    """Until it is swept an item is there; with `omit_expired` it is not, to no method."""
    for omit in (False, True):
        with on_disk({"omit_expired": omit, "refresh_on_read": False}) as store:
            store.put(HERE, "k", {}, ttl=1)
            clock.minutes(1.01)
            there = not omit
            assert there is (store.get(HERE, "k") is not None)
            assert (["k"] if there else []) == keys(store)
            assert ([HERE] if there else []) == store.list_namespaces()
            assert 1 == store.sweep_ttl()


def test_vectors_go_with_their_item(loop: Loop, clock: Clock) -> None:
    """A sweep takes the vectors of an item with it."""
    with opened("sqlite", loop, index={"embed": lambda texts: [[1.0] for _ in texts]}, clock=clock) as store:
        store.put(HERE, "k", {"text": "a"}, ttl=1)
        store.put(HERE, "l", {"text": "a"})
        clock.minutes(2)
        assert 1 == store.sweep_ttl()
        count = "SELECT count(*) FROM store_vectors"
        assert (1,) == store.store.conn.execute(count).fetchone()  # type: ignore[attr-defined]


def sweepers() -> list[Any]:
    return [thread for thread in threads() if thread.name == "otgraph-ttl-sweeper"]


def test_the_sweeper_sweeps() -> None:
    """A started sweeper deletes what is over, once, however often it was started, until it is stopped."""
    with SqliteStore.from_conn_string(":memory:", ttl={"sweep_interval_minutes": 0.0002}) as store:
        store.put(HERE, "k", {}, ttl=0)
        future = store.start_ttl_sweeper()
        assert (future, 1) == (store.start_ttl_sweeper(), len(sweepers()))
        until(lambda: not store.search(HERE))
        assert not future.done()
        assert store.stop_ttl_sweeper(timeout=5)
        assert (None, []) == (future.result(5), sweepers())
        assert store.stop_ttl_sweeper()
        assert store.start_ttl_sweeper() is not future
    assert [] == sweepers()


def test_a_sweeper_stops_when_its_future_is_cancelled() -> None:
    """Cancelling the future is another way to stop."""
    with SqliteStore.from_conn_string(":memory:", ttl={"default_ttl": 1}) as store:
        future = store.start_ttl_sweeper(60)
        future.cancel()
        until(lambda: not sweepers())


def test_a_sweeper_does_not_keep_its_store() -> None:
    """A store that nobody holds any more takes its sweeper with it."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    SqliteStore(connection, ttl={"default_ttl": 1}).start_ttl_sweeper(0.0002)
    until(lambda: not sweepers())
    connection.close()


def test_a_sweep_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """After an error the sweeper says so and goes on."""
    with SqliteStore.from_conn_string(":memory:", ttl={"default_ttl": 1}) as store:
        store.put(HERE, "k", {}, ttl=0)
        store.conn.execute("ALTER TABLE store RENAME TO hidden")
        with caplog.at_level(logging.ERROR):
            store.start_ttl_sweeper(0.0002)
            until(lambda: "sweep of expired items failed" in caplog.text)
        store.conn.execute("ALTER TABLE hidden RENAME TO store")
        until(lambda: not store.search(HERE))


def test_nothing_to_sweep_starts_nothing() -> None:
    """Without a configuration no item was meant to be forgotten: no thread starts."""
    with SqliteStore.from_conn_string(":memory:") as store:
        future: Future[None] = store.start_ttl_sweeper()
        assert (None, []) == (future.result(0), sweepers())


async def test_the_asynchronous_sweeper() -> None:
    """The same for coroutines, by a task."""
    ttl: TTLConfig = {"sweep_interval_minutes": 0.0002}
    async with AsyncSqliteStore.from_conn_string(":memory:", ttl=ttl) as store:
        await store.aput(HERE, "k", {}, ttl=0)
        task = await store.start_ttl_sweeper()
        assert task is await store.start_ttl_sweeper()
        while await store.asearch(HERE):
            await asyncio.sleep(0.002)
        assert await store.stop_ttl_sweeper(timeout=5)
        assert task.cancelled()
        assert await store.stop_ttl_sweeper()
        left = await store.start_ttl_sweeper()
    assert left.cancelled()
    async with AsyncSqliteStore.from_conn_string(":memory:") as store:
        await (await store.start_ttl_sweeper())
