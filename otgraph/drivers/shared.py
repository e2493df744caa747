"""
SharedTask: calls of async nodes inside the asyncio task of the run's consumer.

Rule: who was meant by a cancellation is told by counting: a node's own timeouts take back theirs, so what is left
over was meant for the run. Such a cancellation stops the run, also where the node kept it to itself.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from otgraph.drivers import coroutines
from otgraph.drivers.job import own_cancellation
from otgraph.drivers.stepper import Stepper
from otgraph.engine.effects import CallNode, Failure

if TYPE_CHECKING:
    from otgraph.drivers.aio import AsyncDriver

__all__ = ["SharedTask"]

logger = logging.getLogger(__name__)


class SharedTask:
    """
    See the module.

    Args:
        task: the consumer's; one that counts its cancellations, as tasks do from Python 3.11 on.
    """

    __slots__ = ("_before", "_doom", "_driver", "_name", "_task", "stepper", "task")

    def __init__(self, driver: AsyncDriver, task: asyncio.Task[Any]) -> None:
        self._driver = driver
        self.task = task
        self._task: Any = task
        self._before = 0
        """How often the task had been cancelled when the call began."""
        self._doom: asyncio.TimerHandle | None = None
        self._name = ""
        self.stepper: Stepper | None = None

    async def call(self, effect: CallNode) -> Any:
        """Make a call; return its result or a `Failure`."""
        driver, task = self._driver, self._task
        before = self._before = task.cancelling()
        self._name = effect.task.name
        try:
            reply = await coroutines.step_through(driver, effect, driver.scope_of(effect), self)
        except BaseException as error:
            if not isinstance(error, asyncio.CancelledError):
                reply = Failure(error)
            elif task.cancelling() > before:
                raise
            else:
                reply = own_cancellation(effect, error)
        finally:
            if self._doom is not None:
                self._doom.cancel()
                self._doom = None
        if task.cancelling() > before:
            # The node kept it to itself.
            raise asyncio.CancelledError
        return reply

    def survived(self) -> None:
        """Give a coroutine that goes on after a cancellation some time to come to its end."""
        if self._doom is None and self._task.cancelling() > self._before:
            self._doom = self._driver.loop.call_later(coroutines.PATIENCE, self._end)

    async def room(self) -> None:
        """Wait until subscribers have caught up."""
        await self._driver.room()

    def _end(self) -> None:
        self._doom = None
        if self.stepper is not None and self._task.cancelling() > self._before:
            logger.warning("Node %r did not stop when it was cancelled; it is closed", self._name)
            self.stepper.doomed = True
            self._task.cancel()
            # That was not one more reason to stop.
            self._task.uncancel()
