"""
Stepper: awaits a coroutine in a context of its own, inside the task of whoever awaits the stepper.

Rule: each step runs by `context.run(coroutine.send, …)`, so context variables that the coroutine sets stay in its
context, on every Python from 3.10 on, and no task is made for it.
"""

from __future__ import annotations

import logging
from asyncio import CancelledError
from collections.abc import Awaitable, Generator
from contextvars import Context
from typing import Any, Protocol

from otgraph.tracing.record import Record

__all__ = ["Owner", "Stepper"]

logger = logging.getLogger(__name__)


class Owner(Protocol):
    """Whoever makes the call that is stepped through."""

    stepper: Stepper | None

    def survived(self) -> None:
        """The coroutine goes on after a cancellation was sent into it."""

    async def room(self) -> None:
        """Wait until subscribers have caught up."""


class Stepper:
    """
    See the module.

    Args:
        record: asked between two steps whether a subscriber is behind.
    """

    __slots__ = ("_context", "_inner", "_owner", "_record", "doomed")

    def __init__(self, awaitable: Awaitable[Any], context: Context, owner: Owner, record: Record) -> None:
        self._inner: Any = awaitable if hasattr(awaitable, "send") else awaitable.__await__()
        self._context = context
        self._owner = owner
        self._record = record
        self.doomed = False
        """Whether the next thing that is sent in ends the coroutine, whatever it thinks of that."""

    def __await__(self) -> Generator[Any, Any, Any]:
        inner, run, record = self._inner, self._context.run, self._record
        step, value = inner.send, None
        while True:
            try:
                waits_for = run(step, value)
            except StopIteration as stop:
                return stop.value
            if type(value) is CancelledError:
                self._owner.survived()
            try:
                if record.crowded:
                    yield from self._wait_for_room(waits_for)
                value = yield waits_for
                step = inner.send
            except BaseException as error:
                if self.doomed:
                    self._end()
                    raise
                step, value = inner.throw, error

    def _wait_for_room(self, waits_for: Any) -> Generator[Any, Any, Any]:
        try:
            yield from self._owner.room().__await__()
        except CancelledError:
            # What the coroutine itself waits for would have been cancelled, had it been waited for.
            if waits_for is not None:
                waits_for.cancel()
            raise

    def _end(self) -> None:
        try:
            self._context.run(self._inner.close)
        except BaseException as error:
            logger.warning("A node that was closed while it ran: %r", error)
