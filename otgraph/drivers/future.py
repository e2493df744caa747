"""
TaskFuture: what a call of a task returns where it may be waited for in a thread.

Rule: it is one of `concurrent.futures`, so whatever waits for those waits for it; and it can be awaited, on any event
loop.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from concurrent.futures import Future
from typing import Any

from otgraph.engine.effects import CANCELLED, Failure
from otgraph.errors import GraphBubbleUp, RunEndedError

__all__ = ["TaskFuture", "settle"]


class TaskFuture(Future[Any]):
    """See the module."""

    def __await__(self) -> Generator[Any, None, Any]:
        from asyncio import wrap_future  # whoever awaits has imported it

        return wrap_future(self).__await__()


def settle(future: Any, name: str, reply: Any) -> None:
    """
    Give a future, of either kind, the reply of a flow; one that its owner has cancelled is left alone.

    Args:
        name: the task's, for the error of one that was given up.
    """
    if isinstance(future, TaskFuture):
        if not future.set_running_or_notify_cancel():
            return
    elif future.done():
        return
    elif reply is CANCELLED:
        future.cancel()
        return
    if reply is CANCELLED:
        future.set_exception(
            RunEndedError(f"task {name!r} was stopped because the run that called it is over")
        )
    elif not isinstance(reply, Failure):
        future.set_result(reply)
    else:
        _fail(future, name, reply.error)


def _fail(future: Any, name: str, error: BaseException) -> None:
    asyncio = sys.modules.get("asyncio")
    if isinstance(error, StopIteration) or (asyncio is not None and type(error) is asyncio.CancelledError):
        # Neither may be the exception of a future: the one ends generators, the other cancels who waits.
        caused = RuntimeError(f"task {name!r} raised {error!r}")
        caused.__cause__ = error
        error = caused
    future.set_exception(error)
    if isinstance(error, GraphBubbleUp):
        # It is no fault, so nobody needs to be told that nobody asked.
        future.exception()
