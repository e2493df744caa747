"""
The base of asynchronous stores: `AsyncBatchedBaseStore` gathers what is asked in one tick of the event loop.

Rule: one batch is under way at a time, so operations on a key happen in the order they were asked for; of a
batch each distinct read is performed once and of the puts to one key the last. Whoever asked and gave up is not
waited for, and a request that cannot be performed fails its own caller only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeAlias

from otgraph.store.base.ops import GetOp, Op, PutOp, Result
from otgraph.store.base.store import BaseStore

__all__ = ["AsyncBatchedBaseStore"]

Asked: TypeAlias = "tuple[Op, asyncio.Future[Result]]"


class AsyncBatchedBaseStore(BaseStore):
    """
    A store whose subclasses know `abatch` and are asked many things at once.

    The synchronous methods work from any thread but that of the event loop, which they would block.
    """

    __slots__ = ("_asked", "_loop", "_task")

    def __init__(self) -> None:
        self._asked: list[Asked] = []
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = _running_loop()
        """The loop that the store works on: the one it was made on, else the first that used it."""

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Perform several operations at once, from a thread other than the event loop's."""
        self._refuse_on_loop()
        if self._loop is None or not self._loop.is_running():
            raise asyncio.InvalidStateError(
                f"{type(self).__name__} has no running event loop to work on; use its asynchronous methods"
            )
        return asyncio.run_coroutine_threadsafe(self.abatch(ops), self._loop).result()

    def _refuse_on_loop(self) -> None:
        if self._loop is not None and _running_loop() is self._loop:
            raise asyncio.InvalidStateError(
                f"a synchronous method of {type(self).__name__} was called on its event loop, which it would "
                f"block; await the asynchronous one: `await store.aget(…)` for `store.get(…)`"
            )

    async def _aperform(self, op: Op) -> Result:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._loop is not None and self._loop.is_running():
                elsewhere = asyncio.run_coroutine_threadsafe(self._aperform(op), self._loop)
                return await asyncio.wrap_future(elsewhere)
            self._loop, self._asked, self._task = loop, [], None
        future: asyncio.Future[Result] = loop.create_future()
        self._asked.append((op, future))
        if self._task is None:
            self._task = loop.create_task(self._work())
        return await future

    async def _work(self) -> None:
        batch: list[Asked] = []
        try:
            while self._asked:
                batch, self._asked = self._asked, []
                batch = [(op, future) for op, future in batch if not future.cancelled()]
                if batch:
                    await self._answer(batch)
        finally:
            # Empty by now, unless the loop is being taken down: then nobody else will answer.
            for _, future in [*batch, *self._asked]:
                if not future.done():
                    future.cancel()
            self._asked, self._task = [], None

    async def _answer(self, batch: Sequence[Asked]) -> None:
        callers: dict[Hashable, list[Asked]] = {}
        for asked in batch:
            callers.setdefault(_identity(asked[0]), []).append(asked)
        try:
            results = await self.abatch([group[-1][0] for group in callers.values()])
        except Exception as error:
            if len(callers) > 1 and isinstance(error, (TypeError, ValueError)):
                # Somebody asked for what cannot be; the others are not to suffer for it.
                for group in callers.values():
                    await self._answer(group)
            else:
                _give(batch, error)
        else:
            for group, result in zip(callers.values(), results, strict=True):
                _give(group, result)


def _give(batch: Sequence[Asked], outcome: Result | Exception) -> None:
    for _, future in batch:
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)


def _identity(op: Op) -> Hashable:
    """Return what is equal for two operations of which one is enough; the later one is kept."""
    if isinstance(op, PutOp):
        return PutOp, op.namespace, op.key
    # Filters are dicts and cannot be hashed; those that look alike are alike.
    return op if isinstance(op, GetOp) else repr(op)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
