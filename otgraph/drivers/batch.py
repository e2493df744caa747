"""
Many calls at once: what `batch` and `abatch` are made of.

Rule: results come in the order of the calls; the first error stops those that have not begun, unless errors are
results.
"""

from __future__ import annotations

import asyncio
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

    def job(index: int) -> Callable[[], None]:
        context = copy_context()

        def work() -> None:
            try:
                done.put((index, context.run(calls[index]), None))
            except BaseException as error:
                done.put((index, None, error))

        return work

    begun = ended = 0
    failed: BaseException | None = None
    while ended < len(calls):
        room = len(calls) if limit is None else limit
        while failed is None and begun < len(calls) and begun - ended < room:
            workers.submit((job(begun),))
            begun += 1
        if ended == begun:
            break
        if workers.backlog:
            workers.nudge()
        index, result, error = done.get()
        ended += 1
        if error is None:
            results[index] = result
        elif errors and isinstance(error, Exception):
            results[index] = error
        elif failed is None:
            failed = error
    if failed is not None:
        raise failed
    return results


async def run_all_async(
    calls: Sequence[Callable[[], Awaitable[Any]]], limit: int | None, *, errors: bool
) -> list[Any]:
    """Make all calls on the event loop, `limit` at a time, and return their results; see `run_all`."""
    gate = None if limit is None else asyncio.Semaphore(limit)

    async def one(call: Callable[[], Awaitable[Any]]) -> Any:
        if gate is None:
            return await call()
        async with gate:
            return await call()

    return await asyncio.gather(*(one(call) for call in calls), return_exceptions=errors)
