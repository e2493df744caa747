"""
Stepper: awaits a coroutine in a context of its own, inside the task of whoever awaits the stepper.

Rule: each step runs by `context.run(coroutine.send, …)`, so context variables that the coroutine sets stay in its
context, on every Python from 3.10 on, and no task is made for it.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Generator
from contextvars import Context
from typing import Any

from otgraph.tracing.record import Record

__all__ = ["Stepper"]


class Stepper:
    """
    See the module.

    Args:
        record: asked between two steps whether a subscriber is behind.
        room: awaited if so.
    """

    __slots__ = ("_context", "_inner", "_record", "_room", "interrupted")

    def __init__(
        self,
        awaitable: Awaitable[Any],
        context: Context,
        record: Record | None = None,
        room: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._inner: Any = awaitable if hasattr(awaitable, "send") else awaitable.__await__()
        self._context = context
        self._record = record
        self._room = room
        self.interrupted = False
        """Whether a cancellation was sent into the coroutine."""

    def __await__(self) -> Generator[Any, Any, Any]:
        inner, run, record, room = self._inner, self._context.run, self._record, self._room
        step, value = inner.send, None
        while True:
            try:
                waits_for = run(step, value)
            except StopIteration as stop:
                return stop.value
            try:
                if record is not None and record.crowded and room is not None:
                    yield from room().__await__()
                value = yield waits_for
                step = inner.send
            except BaseException as error:
                self.interrupted = isinstance(error, CancelledError)
                step, value = inner.throw, error
