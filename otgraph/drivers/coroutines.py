"""
AsyncCall: a call of an async node that has an asyncio task of its own.

Rule: a coroutine that is cancelled may clean up, and is waited for; one that goes on for `PATIENCE` seconds all the
same is closed. So after a cancel no coroutine of the run is left.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from otgraph.drivers.call import open_coroutine, runnable_result
from otgraph.drivers.job import own_cancellation
from otgraph.drivers.scope import CallScope
from otgraph.drivers.stepper import Owner, Stepper
from otgraph.engine.effects import CANCELLED, CallNode, Failure

if TYPE_CHECKING:
    from otgraph.drivers.aio import AsyncDriver
    from otgraph.drivers.strands import Strand

__all__ = ["PATIENCE", "AsyncCall", "step_through"]

logger = logging.getLogger(__name__)

PATIENCE: Final = 5.0
"""Seconds that a cancelled coroutine may take to come to its end."""
NOT_STOPPED: Final = object()


class AsyncCall:
    """
    See the module; it begins at once.

    Args:
        strand: whose effect is the call.
    """

    __slots__ = ("_driver", "_effect", "_stopped", "_timer", "scope", "stepper", "strand", "task")

    def __init__(self, driver: AsyncDriver, strand: Strand, effect: CallNode, scope: CallScope) -> None:
        self._driver = driver
        self._effect = effect
        self._stopped: Any = NOT_STOPPED
        self._timer: asyncio.TimerHandle | None = None
        self.strand = strand
        self.scope = scope
        self.stepper: Stepper | None = None
        self.task = driver.loop.create_task(step_through(driver, effect, scope, self))
        self.task.add_done_callback(self._done)

    def survived(self) -> None:
        """Nothing: whoever cancels it sets it a limit."""

    async def room(self) -> None:
        """Wait until subscribers have caught up."""
        await self._driver.room()

    def stop(self, reply: Any) -> None:
        """Cancel it; `reply` is its reply, whatever it makes of that."""
        if reply is CANCELLED:
            self.scope.muted = True
        if self._stopped is NOT_STOPPED:
            self._stopped = reply
            self._timer = self._driver.loop.call_later(PATIENCE, self._end)
        self.task.cancel()

    def _end(self) -> None:
        logger.warning("Node %r did not stop when it was cancelled; it is closed", self._effect.task.name)
        if self.stepper is not None:
            self.stepper.doomed = True
        self.task.cancel()

    def _done(self, task: asyncio.Task[Any]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._driver.deliver(self, self._reply(task))

    def _reply(self, task: asyncio.Task[Any]) -> Any:
        error = None if task.cancelled() else task.exception()
        if self._stopped is not NOT_STOPPED:
            self.scope.give_up()
            if error is not None:
                logger.warning("Node %r, while it was cancelled: %r", self._effect.task.name, error)
            return self._stopped
        if task.cancelled():
            return own_cancellation(self._effect, asyncio.CancelledError())
        return task.result() if error is None else Failure(error)


async def step_through(driver: AsyncDriver, effect: CallNode, scope: CallScope, owner: Owner) -> Any:
    """Call the async colour of a callable, inside the task of `owner`, and return its result."""
    awaitable, context = open_coroutine(effect, scope, scope.context or driver.context)
    while True:
        stepper = owner.stepper = Stepper(awaitable, context, owner, driver.record)
        result = await stepper
        if effect.callee.bare or not runnable_result(result):
            return result
        awaitable = context.run(result.ainvoke, effect.input, scope.config)
