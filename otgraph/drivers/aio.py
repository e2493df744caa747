"""
The driver for async code: the consumer's asyncio task coordinates; nodes run inline, as tasks, or in worker threads.

Rule: one coroutine at a time needs no task of its own: it is stepped inside the consumer's task, unless chunks may
be asked for meanwhile. A sync node never runs on the event loop. After a cancel no coroutine of the run is left.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from threading import Event, get_ident
from time import monotonic
from typing import Any

from otgraph.drivers.coroutines import AsyncCall
from otgraph.drivers.delay import seconds_of
from otgraph.drivers.job import Job, note_wait
from otgraph.drivers.loop_calls import LoopCalls
from otgraph.drivers.room import Queues, resolve, wait_for_room
from otgraph.drivers.saves import SAVES, note_loss
from otgraph.drivers.scope import CallScope
from otgraph.drivers.shared import SharedTask
from otgraph.drivers.storage import perform_async
from otgraph.drivers.strands import Strand
from otgraph.drivers.workers import workers
from otgraph.engine.effects import CANCELLED, CallNode, JoinCalls, Rest, Sleep, Stopped
from otgraph.errors import StreamOverflowError
from otgraph.ids import uuid6_bytes
from otgraph.stream.subscription import Subscription

__all__ = ["AsyncDriver"]

TURN_SECONDS = 0.005
"""How long a run may keep the event loop to itself before others have a turn."""
PROMPT_SECONDS = 0.05
"""How long another thread waits for the event loop to end a run that was given up."""


class AsyncDriver(LoopCalls):
    """See the module; the constructor is the one of `Driver`."""

    awaits = True
    cancellation = asyncio.CancelledError
    _shared: SharedTask | None = None
    """The task that pumps, where nodes can share it."""
    _turn = 0.0
    _waiter: asyncio.Future[None] | None = None

    # ---- the consumer's side

    async def run(self) -> Any:
        """Drive the run to its end and return its result."""
        try:
            await self.pump(())
        except BaseException:
            await self.close()
            raise
        return self.result()

    async def pump(self, watching: Sequence[Subscription]) -> None:
        """Drive until one of the subscriptions has something to hand out, or the run is over."""
        self.loop = asyncio.get_running_loop()
        self.thread = get_ident()
        self._turn = monotonic()
        self._share(asyncio.current_task())
        coordinator = self.coordinator
        ready, root = coordinator.ready, coordinator.root
        pending = watching[0].queue if len(watching) == 1 else Queues(watching) if watching else ()
        while not coordinator.done:
            if pending:
                break
            if self.held is not None:
                asking, self.held = self.held, None
                await self._perform(asking, watching)
                continue
            if not ready:
                await self._wait(watching)
                continue
            if ready[0] is root:
                strand = await self._go_straight(pending)
            else:
                strand = coordinator.resume()
                if coordinator.stopped:
                    self._stop_siblings(watching)
            if strand is None:
                continue
            if pending and type(strand.effect) not in SAVES:
                # What was said before the call is heard before the call.
                self.held = strand
                break
            await self._perform(strand, watching)
        self.hand_in()

    def _share(self, task: asyncio.Task[Any] | None) -> None:
        # Before Python 3.11 tasks did not count their cancellations; there every node has a task of its own.
        if task is None or sys.version_info < (3, 11):
            self._shared = None
        elif self._shared is None or self._shared.task is not task:
            self._shared = SharedTask(self, task)

    # ---- strands

    async def _go_straight(self, pending: Any) -> Strand | None:
        """Drive the root flow while nothing runs beside it; return it if it asks for more than that."""
        coordinator, record, above = self.coordinator, self.record, self.above
        shared = None if self.live else self._shared
        strand = coordinator.ready.popleft()
        send, reply, strand.reply = strand.flow.send, strand.reply, None
        while True:
            try:
                effect: Any = send(reply)
                strand.effect = effect
            except StopIteration as stop:
                strand.effect = None
                coordinator.finish(strand, stop.value, None)
                return None
            except BaseException as error:
                strand.effect = None
                coordinator.finish(strand, None, error)
                return None
            kind = type(effect)
            if kind in SAVES:
                reply = await self.save(effect)
                continue
            if pending or (above is not None and above.ended):
                return coordinator.take(strand, effect)
            if kind is CallNode and shared is not None and effect.callee.coro is not None:
                reply = await shared.call(effect)
            elif kind is Rest and not record.crowded and monotonic() - self._turn < TURN_SECONDS:
                reply = uuid6_bytes(effect.step)
            else:
                return coordinator.take(strand, effect)
            if coordinator.done:
                # The run around it gave it up meanwhile.
                return None

    def _stop_siblings(self, watching: Sequence[Subscription]) -> None:
        """Cancel what runs beside a task that failed."""
        self.drop_queued()
        self.seal(watching)
        coordinator = self.coordinator
        for group in coordinator.stopped:
            for strand in list(coordinator.waiting(group)):
                self.stop(strand, Stopped(asyncio.CancelledError()))
        coordinator.stopped.clear()

    # ---- effects

    async def _perform(self, strand: Strand, watching: Sequence[Subscription]) -> None:
        effect: Any = strand.effect
        kind = type(effect)
        coordinator = self.coordinator
        if self.is_over(strand):
            if strand.effect is not None:
                coordinator.answer(strand, CANCELLED)
        elif kind is CallNode:
            if self.alone and self._shared is not None and effect.callee.coro is not None:
                reply = await self._shared.call(effect)
                if not coordinator.done:
                    coordinator.answer(strand, reply)
            elif self.begin_call(strand):
                job = self._prepare(strand)
                if job is not None:
                    self.jobs.append(job)
        elif kind is Rest:
            await self._rest(strand, effect, watching)
        elif kind is JoinCalls:
            if effect.stop and not effect.nested:
                self.deafen(watching)
            if self.join(strand, effect):
                coordinator.answer_now(strand, None)
        elif kind in SAVES:
            self.hand_in()
            reply = await self.save(effect)
            if not coordinator.done:
                coordinator.answer_now(strand, reply)
        elif kind is Sleep:
            strand.handle = self.loop.call_later(seconds_of(effect), self._woken, strand)
        else:
            self.hand_in()
            reply = await perform_async(effect, self.record)
            if not coordinator.done:
                coordinator.answer_now(strand, reply)

    def begin(self, strand: Strand) -> None:
        """Make the call of a strand that has a slot; on the event loop, unless it is sync."""
        job = self._prepare(strand)
        if job is not None:
            workers.submit_one(job)

    def _prepare(self, strand: Strand) -> Job | None:
        """Make a call, or return what a worker is to do."""
        effect = strand.effect
        assert type(effect) is CallNode
        scope = self.scope_of(effect, strand)
        if effect.callee.coro is None:
            strand.handle = job = Job(self, strand, effect, scope)
            return job
        note_wait(effect.task, strand.asked)
        strand.handle = AsyncCall(self, strand, effect, scope)
        return None

    async def _rest(self, strand: Strand, effect: Rest, watching: Sequence[Subscription]) -> None:
        if self.record.crowded:
            # Perhaps it is our own consumer who is behind, so we wait where he can take something.
            self.held = strand
            self.record.when_relieved(self.wake)
            if self.record.crowded:
                await self._wait(watching)
            return
        if monotonic() - self._turn > TURN_SECONDS:
            await asyncio.sleep(0)
            self._turn = monotonic()
        if not self.coordinator.done:
            self.coordinator.answer_now(strand, uuid6_bytes(effect.step))

    def _woken(self, strand: Strand) -> None:
        self.coordinator.answer(strand, None)
        self.wake_here()

    # ---- results

    def deliver(self, call: Any, reply: Any) -> None:
        """Take the result of a call; from any thread."""
        self.on_loop(self._returned, call, reply)

    def _returned(self, call: Any, reply: Any) -> None:
        if call.strand.handle is call and not self.closed:
            self.end(call.strand, reply)
        elif isinstance(call, (Job, AsyncCall)):
            # It was given up in the same moment.
            self.leave_slot(call.scope)

    def end(self, strand: Strand, reply: Any) -> None:
        """Give a strand the result of its call; whoever waited for its slot goes on."""
        following = self.end_call(strand, reply)
        if following is not None:
            self.begin(following)
        self.wake_here()

    # ---- waiting

    async def _wait(self, watching: Sequence[Subscription]) -> None:
        """Wait until a call has returned, a strand has slept enough, time is up, or there is something to hand out."""
        self.hand_in()
        self._waiter = self.loop.create_future()
        for subscription in watching:
            subscription.wake = self.wake
            if subscription.queue:
                subscription.wake = None
                self._waiter = None
                return
        deadline = self.deadline()
        timer = None
        if deadline is not None:
            timer = self.loop.call_later(max(0.0, deadline - monotonic()), self.wake_here)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()
        if deadline is not None:
            self.give_up_overdue()
        self._turn = monotonic()

    @staticmethod
    def timed_out() -> BaseException:
        """Return the error of asyncio's."""
        return asyncio.TimeoutError()

    def wake(self) -> None:
        """Have `pump` look again; may be called from any thread."""
        self.on_loop(self.wake_here)

    def wake_here(self) -> None:
        """Have `pump` look again; on the event loop."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def room(self) -> None:
        """Wait until subscribers have caught up."""
        loop = asyncio.get_running_loop()
        gate: asyncio.Future[None] = loop.create_future()

        def relieved() -> None:
            try:
                loop.call_soon_threadsafe(resolve, gate)
            except RuntimeError:
                # The loop was closed; so nobody waits any more.
                pass

        self.record.when_relieved(relieved)
        await gate

    def pause(self, scope: CallScope) -> None:
        """
        Hold up user code: a thread waits here; a coroutine is held up at its next await.

        Raises:
            StreamOverflowError: a coroutine that never awaits has written ten times what a subscriber has room for.
        """
        if get_ident() != self.thread:
            if not scope.ended:
                wait_for_room(self.record)
        elif self.record.flooded:
            raise StreamOverflowError(
                f"node {scope.task.name!r} wrote ten times as much as a subscriber's buffer holds without awaiting "
                "anything, so it cannot be held up: await in its loop, or give the subscriber another buffer policy"
            )

    # ---- the end

    async def close(self) -> None:
        """
        Stop the run where it is: coroutines are cancelled and waited for, threads are abandoned, all spans end.

        Safe to call more than once.
        """
        if self.closed:
            return
        tasks = self._give_up()
        cancelled: asyncio.CancelledError | None = None
        try:
            while pending := [task for task in tasks if not task.done()]:
                try:
                    await asyncio.wait(pending)
                except asyncio.CancelledError as error:
                    # Nobody is left behind, whoever is in a hurry; it takes `PATIENCE` seconds at most.
                    cancelled = error
        finally:
            self.unwind()
            self.record.relieve()
        try:
            if self.saves is not None:
                note_loss(await self.saves.flush())
        except asyncio.CancelledError as error:
            cancelled = error
        if cancelled is not None:
            raise cancelled

    def _give_up(self) -> list[asyncio.Task[Any]]:
        """Give up all calls in progress; return the tasks that have still to come to their end."""
        with self.lock:
            self.closed = True
            scopes = list(self.scopes.items())
        tasks = [call.handle for call in self.calls if isinstance(call.handle, asyncio.Task)]
        for strand, scope in scopes:
            handle = strand.handle
            if isinstance(handle, AsyncCall):
                handle.stop(CANCELLED)
                tasks.append(handle.task)
            elif isinstance(handle, Job):
                handle.give_up()
            else:
                scope.give_up()
        return tasks

    def abandon(self) -> None:
        """Stop the run because the call it was begun in was given up; called from any thread."""
        if self.thread in (0, get_ident()):
            # Not begun, or cancelled together with the coroutine it is in; it finds out by itself.
            return
        done = Event()
        try:
            self.loop.call_soon_threadsafe(self._abandon_here, done)
        except RuntimeError:
            return
        done.wait(PROMPT_SECONDS)

    def _abandon_here(self, done: Event) -> None:
        if not self.closed:
            self._give_up()
            self.unwind()
            self.wake_here()
        done.set()
