"""Asynchronous stores: what is asked in one tick is one batch, in order, and nobody is left waiting."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterable
from typing import Any
from weakref import ref

import pytest

from otgraph.store.base import GetOp, Op, PutOp, SearchOp
from otgraph.store.base.batch import AsyncBatchedBaseStore

HERE = ("n",)


class Slow(AsyncBatchedBaseStore):
    """Answers every operation with its place in the batch, after a moment."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[Op]] = []
        self.gate: asyncio.Event | None = None
        self.running = 0

    async def abatch(self, ops: Iterable[Op]) -> list[Any]:
        ops = list(ops)
        self.batches.append(ops)
        self.running += 1
        assert self.running == 1
        await (self.gate.wait() if self.gate else asyncio.sleep(0))
        self.running -= 1
        if any(getattr(op, "key", None) == "boom" for op in ops):
            raise RuntimeError("boom")
        if any(getattr(op, "key", None) == "bad" for op in ops):
            raise ValueError("bad")
        return list(range(len(ops)))


async def test_one_tick_is_one_batch() -> None:
    """What coroutines ask in one tick goes to the store together, and each gets its own answer."""
    store = Slow()
    answers = await asyncio.gather(
        store.aget(HERE, "1"), store.aget(HERE, "2"), store.asearch(HERE), store.alist_namespaces()
    )
    assert [0, 1, 2, 3] == answers
    assert [4] == [len(batch) for batch in store.batches]


async def test_what_is_asked_twice_is_done_once() -> None:
    """Equal reads are one, however often asked; of the puts to one key the last counts."""
    store = Slow()
    await asyncio.gather(
        store.aget(HERE, "1"),
        store.aget(HERE, "1"),
        store.asearch(HERE, filter={"n": 1}),
        store.asearch(HERE, filter={"n": 1}),
        store.asearch(HERE, filter={"n": 2}),
        store.aput(HERE, "k", {"n": 1}),
        store.aput(HERE, "k", {"n": 2}),
        store.adelete(HERE, "l"),
    )
    expected = [
        GetOp(HERE, "1"),
        SearchOp(HERE, {"n": 1}),
        SearchOp(HERE, {"n": 2}),
        PutOp(HERE, "k", {"n": 2}),
        PutOp(HERE, "l", None),
    ]
    assert [expected] == store.batches


async def test_batches_come_one_after_another() -> None:
    """While a batch is under way the next gathers; the order of asking is kept."""
    store = Slow()
    store.gate = asyncio.Event()
    first = asyncio.create_task(store.aput(HERE, "k", {"n": 1}))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(store.aput(HERE, str(number), {})) for number in range(3)]
    await asyncio.sleep(0.01)
    assert 1 == len(store.batches)
    store.gate.set()
    await asyncio.gather(first, *others)
    assert [1, 3] == [len(batch) for batch in store.batches]


async def test_an_error_reaches_all_who_asked() -> None:
    """Whoever is in a batch that fails gets its error, and the store goes on."""
    store = Slow()
    errors = await asyncio.gather(store.aget(HERE, "boom"), store.aget(HERE, "1"), return_exceptions=True)
    assert ["boom", "boom"] == [str(error) for error in errors]
    assert 0 == await store.aget(HERE, "1")


async def test_a_request_that_cannot_be_performed_fails_alone() -> None:
    """After an error that speaks of a request, each request is tried by itself; only the bad one fails."""
    store = Slow()
    one, bad, other, again = await asyncio.gather(
        store.aget(HERE, "1"),
        store.aget(HERE, "bad"),
        store.aput(HERE, "2", {}),
        store.aget(HERE, "bad"),
        return_exceptions=True,
    )
    assert (0, None) == (one, other)
    assert ["bad", "bad"] == [str(bad), str(again)]
    assert [3, 1, 1, 1] == [len(batch) for batch in store.batches]


async def test_who_gives_up_disturbs_nobody() -> None:
    """A cancelled caller is left out of the next batch, and costs the others nothing."""
    store = Slow()
    leaving, staying = (asyncio.create_task(store.aget(HERE, key)) for key in ("1", "2"))
    await asyncio.sleep(0)
    leaving.cancel()
    assert 0 == await staying
    assert [[GetOp(HERE, "2")]] == store.batches
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_who_gives_up_late_disturbs_nobody() -> None:
    """A caller cancelled while its batch is under way costs the others nothing either."""
    store = Slow()
    store.gate = asyncio.Event()
    leaving, staying = (asyncio.create_task(store.aget(HERE, key)) for key in ("1", "2"))
    await asyncio.sleep(0.01)
    leaving.cancel()
    store.gate.set()
    assert 1 == await staying


def test_a_loop_that_ends_leaves_nobody_waiting() -> None:
    """What is under way or queued when the loop is taken down is cancelled; the next loop finds a clean store."""
    store: Slow | None = None

    async def leave() -> list[asyncio.Task[Any]]:
        nonlocal store
        store = Slow()
        store.gate = asyncio.Event()
        under_way = asyncio.create_task(store.aget(HERE, "1"))
        await asyncio.sleep(0.01)
        return [under_way, asyncio.create_task(store.aget(HERE, "2"))]

    tasks = asyncio.run(leave())
    assert all(task.cancelled() for task in tasks)
    assert store is not None
    store.gate, store.running = None, 0
    assert 0 == asyncio.run(asyncio.wait_for(store.aget(HERE, "1"), 5))


def test_a_store_may_be_made_anywhere() -> None:
    """Made without a loop, a store works on the first that uses it."""
    store = Slow()
    with pytest.raises(asyncio.InvalidStateError, match="no running event loop"):
        store.get(HERE, "k")

    async def both() -> list[Any]:
        return await asyncio.gather(store.aget(HERE, "1"), store.aget(HERE, "2"))

    assert [0, 1] == asyncio.run(both())


async def test_synchronous_methods_work_from_other_threads() -> None:
    """A thread may ask synchronously; the loop's own thread is told to await instead."""
    store = Slow()
    assert 0 == await asyncio.to_thread(store.get, HERE, "1")
    assert [0] == await asyncio.to_thread(store.batch, [PutOp(HERE, "k", {})])
    for call in (lambda: store.get(HERE, "1"), lambda: store.put(HERE, "1", {}), store.list_namespaces):
        with pytest.raises(asyncio.InvalidStateError, match="await the asynchronous one"):
            call()


async def test_another_loop_asks_the_stores_own() -> None:
    """Coroutines of a loop in another thread are answered by the store's loop."""
    store = Slow()
    assert 0 == await asyncio.to_thread(lambda: asyncio.run(store.aget(HERE, "1")))
    assert 0 == await store.aget(HERE, "2")


async def test_a_bad_request_stays_with_its_caller() -> None:
    """What is wrong with a request is said before it joins a batch."""
    store = Slow()
    errors = await asyncio.gather(store.aget(("",), "k"), store.aget(HERE, "1"), return_exceptions=True)
    assert [ValueError, int] == [type(errors[0]).__mro__[1], type(errors[1])]


async def test_an_idle_store_can_be_forgotten() -> None:
    """No task of an idle store keeps it alive."""
    store = Slow()
    await store.aget(HERE, "1")
    await asyncio.sleep(0)
    forgotten = ref(store)
    del store
    gc.collect()
    assert forgotten() is None
