"""
Many calls at once: what `batch` and `abatch` are made of.

Rule: results come in the order of the calls; the first error stops those that have not begun, unless errors are
results.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any

from otgraph.drivers.workers import workers

__all__ = ["run_all", "run_all_async"]


def run_all(calls: Sequence[Callable[[], Any]], limit: int | None, *, errors: bool) -> list[Any]:
    """
    Make all calls in worker threads, `limit` at a time, and return their results.

    Args:
        errors: whether an exception is a result, instead of being raised.
    """
    results: list[Any] = [None] * len(calls)
    done: SimpleQueue[tuple[int, Any, BaseException | None]] = SimpleQueue()
    jobs = [_Call(index, call, done) for index, call in enumerate(calls)]
    room = len(jobs) if limit is None else max(1, limit)
    waiting = deque(jobs[room:])
    failed: BaseException | None = None
    begun = min(room, len(jobs))
    workers.submit(jobs[:room])
    try:
        while begun:
            index, result, error = done.get()
            results[index] = result if error is None else error
            if error is not None and failed is None and not (errors and isinstance(error, Exception)):
                failed = error
                while waiting:
                    waiting.pop().drop()
                begun -= sum(job.drop() for job in jobs)
            if waiting:
                workers.submit((waiting.popleft(),))
            else:
                begun -= 1
    finally:
        for job in jobs:
            job.drop()
    if failed is not None:
        raise failed
    return results


class _Call:
    """One call, in the context variables of whoever wants them all."""

    __slots__ = ("_call", "_context", "_done", "_index", "_turn")

    def __init__(
        self, index: int, call: Callable[[], Any], done: SimpleQueue[tuple[int, Any, BaseException | None]]
    ) -> None:
        self._index = index
        self._call = call
        self._done = done
        self._context = copy_context()
        self._turn = [True]

    def drop(self) -> bool:
        """Have it never begin; return whether that was still possible."""
        try:
            return self._turn.pop()
        except IndexError:
            return False

    def __call__(self) -> None:
        if not self.drop():
            return
        try:
            self._done.put((self._index, self._context.run(self._call), None))
        except BaseException as error:
            self._done.put((self._index, None, error))


async def run_all_async(
    calls: Sequence[Callable[[], Awaitable[Any]]], limit: int | None, *, errors: bool
) -> list[Any]:
    """Make all calls on the event loop, `limit` at a time, and return their results; see `run_all`."""
    import asyncio

    gate = None if limit is None else asyncio.Semaphore(max(1, limit))

    async def one(call: Callable[[], Awaitable[Any]]) -> Any:
        if gate is None:
            return await call()
        async with gate:
            return await call()

    tasks = [asyncio.ensure_future(one(call)) for call in calls]
    try:
        return await asyncio.gather(*tasks, return_exceptions=errors)
    except BaseException:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        raise
