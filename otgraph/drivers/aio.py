"""
The driver for async code: the consumer's asyncio task coordinates; nodes run inline, as tasks, or in worker threads.

Rule: one coroutine at a time needs no task of its own: it is stepped inside the consumer's task, unless chunks may
be asked for meanwhile. A sync node never runs on the event loop. After a cancel no coroutine of the run is left.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from threading import get_ident
from time import monotonic
from typing import Any

from otgraph.drivers.base import Driver
from otgraph.drivers.call import open_coroutine, settle_result
from otgraph.drivers.delay import seconds_of
from otgraph.drivers.job import Job
from otgraph.drivers.room import wait_for_room
from otgraph.drivers.scope import CallScope
from otgraph.drivers.stepper import Stepper
from otgraph.drivers.storage import perform_async
from otgraph.drivers.strands import Strand
from otgraph.drivers.workers import NUDGE_AFTER, workers
from otgraph.engine.effects import CANCELLED, CallNode, Failure, Rest, Sleep, Stopped
from otgraph.errors import NodeCancelledError, StreamOverflowError
from otgraph.ids import uuid6_bytes
from otgraph.stream.subscription import Subscription

__all__ = ["AsyncDriver"]

TURN_SECONDS = 0.005
"""How long a run may keep the event loop to itself before others have a turn."""


class AsyncDriver(Driver):
    """See the module; the constructor is the one of `Driver`."""

    _waiter: asyncio.Future[None] | None = None
    _loop: asyncio.AbstractEventLoop
    _thread: int
    _turn: float

    async def run(self) -> Any:
        """Drive the run to its end and return its result."""
        try:
            await self.pump(None)
        except BaseException:
            await self.close()
            raise
        return self.result()

    async def pump(self, subscription: Subscription | None) -> None:
        """Drive until the subscription has something to hand out, or the run is over."""
        self._loop = asyncio.get_running_loop()
        self._thread = get_ident()
        self._turn = monotonic()
        coordinator = self.coordinator
        ready = coordinator.ready
        pending = () if subscription is None else subscription.queue
        while not coordinator.done:
            if pending:
                return
            if self.held is not None:
                asking, self.held = self.held, None
                await self._perform(asking)
            elif ready:
                strand = coordinator.resume()
                if coordinator.stopped:
                    self._stop_siblings(subscription)
                if strand is None:
                    continue
                if pending:
                    # What was said before the call is heard before the call.
                    self.held = strand
                    return
                await self._perform(strand)
            else:
                await self._wait(subscription)

    # ---- effects

    async def _perform(self, strand: Strand) -> None:
        effect = strand.effect
        kind = type(effect)
        if kind is CallNode:
            await self._call(strand, effect)  # type: ignore[arg-type]
        elif kind is Rest:
            await self._rest(strand, effect)  # type: ignore[arg-type]
        elif kind is Sleep:
            self._sleep(strand, effect)  # type: ignore[arg-type]
        else:
            self.coordinator.answer_now(strand, await perform_async(effect))

    async def _call(self, strand: Strand, effect: CallNode) -> None:
        if self.above is not None and self.above.ended:
            self.coordinator.answer(strand, CANCELLED)
        elif (
            self.coordinator.width == 1
            and not self.live
            and not self.coordinator.timed
            and effect.callee.coro is not None
        ):
            scope = self.scope_of(effect)
            stepper: Stepper | None = None
            try:
                awaitable, context = open_coroutine(effect, scope, self.context)
                stepper = Stepper(awaitable, context)
                reply = await settle_result(await stepper, effect, scope)
            except asyncio.CancelledError:
                if _cancelled_from_outside(stepper):
                    raise
                reply = Failure(NodeCancelledError(effect.task.name))
            except BaseException as error:
                reply = Failure(error)
            self.coordinator.answer(strand, reply)
        elif self.begin_call(strand):
            self._begin(strand)

    def _begin(self, strand: Strand) -> None:
        effect = strand.effect
        assert type(effect) is CallNode
        scope = self.scopes[strand] = self.scope_of(effect)
        if effect.callee.coro is None:
            strand.handle = job = Job(strand, scope, self.context, self.job_done)
            workers.submit((job,))
            if workers.backlog:
                self._loop.call_later(NUDGE_AFTER, self._nudge)
            return
        try:
            awaitable, context = open_coroutine(effect, scope, self.context)
        except BaseException as error:
            self._returned(strand, Failure(error))
            return
        stepper = Stepper(awaitable, context, self.record, self._room)
        task = context.run(self._loop.create_task, _await(stepper, effect, scope))
        strand.handle = task
        task.add_done_callback(partial(self._task_done, strand))

    def _task_done(self, strand: Strand, task: asyncio.Task[Any]) -> None:
        if strand.handle is not task:
            return
        if task.cancelled():
            effect = strand.effect
            assert type(effect) is CallNode
            if self.closed:
                reply: Any = CANCELLED
            elif strand.reply is CANCELLED:
                reply = Stopped(asyncio.CancelledError())
            else:
                reply = Failure(NodeCancelledError(effect.task.name))
        else:
            error = task.exception()
            reply = task.result() if error is None else Failure(error)
        self._returned(strand, reply)

    def _returned(self, strand: Strand, reply: Any) -> None:
        following = self.end_call(strand, reply)
        if following is not None:
            self._begin(following)
        self._wake_here()

    async def _rest(self, strand: Strand, effect: Rest) -> None:
        if self.above is not None and self.above.ended:
            self.coordinator.answer(strand, CANCELLED)
            return
        if self.record.crowded:
            await self._room()
        if monotonic() - self._turn > TURN_SECONDS:
            await asyncio.sleep(0)
            self._turn = monotonic()
        self.coordinator.answer_now(strand, uuid6_bytes(effect.step))

    def _sleep(self, strand: Strand, effect: Sleep) -> None:
        strand.handle = self._loop.call_later(seconds_of(effect), self._woken, strand)

    def _woken(self, strand: Strand) -> None:
        self.coordinator.answer(strand, None)
        self._wake_here()

    def _stop_siblings(self, subscription: Subscription | None) -> None:
        """Cancel what runs beside a task that failed."""
        self.drop_queued()
        self.seal(subscription)
        coordinator = self.coordinator
        for group in coordinator.stopped:
            for strand in list(coordinator.waiting(group)):
                self._cancel(strand)
        coordinator.stopped.clear()

    def _cancel(self, strand: Strand) -> None:
        handle = strand.handle
        if isinstance(handle, asyncio.Task):
            strand.reply = CANCELLED
            handle.cancel()
        elif isinstance(handle, asyncio.TimerHandle):
            handle.cancel()
            self.coordinator.answer(strand, Stopped(asyncio.CancelledError()))
        elif isinstance(handle, Job):
            # The thread cannot be stopped; from here on its result does not count.
            handle.give_up()
            following = self.end_call(strand, Stopped(asyncio.CancelledError()))
            if following is not None:
                self._begin(following)

    # ---- waiting

    async def _wait(self, subscription: Subscription | None) -> None:
        self._waiter = self._loop.create_future()
        if subscription is not None:
            subscription.wake = self.wake
            if len(subscription):
                subscription.wake = None
                self._waiter = None
                return
        deadline = self.deadline()
        timer = (
            None
            if deadline is None
            else self._loop.call_later(max(0.0, deadline - monotonic()), self._wake_here)
        )
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()
        if deadline is not None and monotonic() >= deadline and not self.coordinator.ready:
            for group in self.expire(asyncio.TimeoutError()):
                for strand in list(self.coordinator.waiting(group)):
                    self._cancel(strand)
        self._turn = monotonic()

    def wake(self) -> None:
        """Have `pump` look again; may be called from any thread."""
        if get_ident() == self._thread:
            self._wake_here()
        else:
            self._loop.call_soon_threadsafe(self._wake_here)

    def _wake_here(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _nudge(self) -> None:
        if workers.backlog:
            workers.nudge()
            self._loop.call_later(NUDGE_AFTER, self._nudge)

    async def _room(self) -> None:
        """Wait until subscribers have caught up."""
        if not self.record.crowded:
            return
        loop = asyncio.get_running_loop()
        room = loop.create_future()

        def relieved() -> None:
            loop.call_soon_threadsafe(_resolve, room)

        self.record.when_relieved(relieved)
        await room

    def pause(self, scope: CallScope) -> None:
        """
        Hold up user code: a thread waits here; a coroutine is held up at its next await.

        Raises:
            StreamOverflowError: a coroutine that never awaits has written ten times what a subscriber has room for.
        """
        if get_ident() != self._thread:
            if not scope.ended:
                wait_for_room(self.record)
            return
        if self.record.flooded:
            raise StreamOverflowError(
                f"node {scope.task.name!r} wrote ten times as much as a subscriber's buffer holds without awaiting "
                "anything, so it cannot be held up: await in its loop, or give the subscriber another buffer policy"
            )

    def job_done(self, strand: Strand, reply: Any) -> None:
        """Take the result of a sync node; called by the worker that ran it."""
        try:
            self._loop.call_soon_threadsafe(self._job_done, strand, reply)
        except RuntimeError:
            # The loop was closed under a run that nobody closed; there is nobody left to tell.
            pass

    def _job_done(self, strand: Strand, reply: Any) -> None:
        if type(strand.effect) is CallNode and not self.closed:
            self._returned(strand, reply)

    # ---- the end

    async def close(self) -> None:
        """
        Stop the run where it is: coroutines are cancelled and waited for, threads are abandoned, all spans end.

        Safe to call more than once.
        """
        if self.closed:
            return
        self.closed = True
        tasks = []
        for strand, scope in list(self.scopes.items()):
            scope.ended = True
            handle = strand.handle
            if isinstance(handle, asyncio.Task):
                handle.cancel()
                tasks.append(handle)
                strand.handle = None
            elif isinstance(handle, Job):
                handle.give_up()
        try:
            while pending := [task for task in tasks if not task.done()]:
                await asyncio.wait(pending)
        finally:
            for task in tasks:
                if task.done() and not task.cancelled():
                    task.exception()
            self.unwind()
            self.record.relieve()

    def close_now(self) -> None:
        """End the spans of a run whose event loop is gone; for garbage collection."""
        if not self.closed:
            self.closed = True
            for scope in self.scopes.values():
                scope.ended = True
            self.coordinator.close()


async def _await(stepper: Stepper, effect: CallNode, scope: CallScope) -> Any:
    return await settle_result(await stepper, effect, scope)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _cancelled_from_outside(stepper: Stepper | None) -> bool:
    """Say whether a CancelledError that came out of a node was sent into it, or was the node's own idea."""
    if sys.version_info >= (3, 11):
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    return stepper is not None and stepper.interrupted
