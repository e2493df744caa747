"""
Calls of tasks in a run on an event loop: their flows are resumed by its callbacks, whatever `pump` is doing.

Rule: who calls from the loop's thread gets a future of the loop, who calls from another one a future of threads. A
call ends with its future: who cancels the one stops the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from threading import get_ident
from typing import Any

from otgraph.drivers.async_saves import AsyncSaves
from otgraph.drivers.base import Driver
from otgraph.drivers.caller import LATER, Call, Joint
from otgraph.drivers.coroutines import AsyncCall
from otgraph.drivers.delay import seconds_of
from otgraph.drivers.future import TaskFuture
from otgraph.drivers.job import Job
from otgraph.drivers.saves import SAVES, is_prompt
from otgraph.drivers.storage import perform, perform_async
from otgraph.drivers.strands import Strand
from otgraph.engine.effects import CANCELLED, CallNode, Effect, SaveWrites, Sleep, Stopped

__all__ = ["LoopCalls"]


class LoopCalls(Driver):
    """The part of the driver for async code that performs what calls of tasks ask for, and stops it."""

    loop: asyncio.AbstractEventLoop
    thread = 0
    """The thread of the loop."""

    def new_future(self, call: Call) -> Any:
        """Return a future of the loop to those who are on it, and one of threads to others."""
        if get_ident() != self.thread:
            return TaskFuture()
        future = self.loop.create_future()
        future.add_done_callback(partial(self._cancelled, call))
        return future

    def _cancelled(self, call: Call, future: asyncio.Future[Any]) -> None:
        if future.cancelled() and not call.over:
            self.stop(call, Stopped(asyncio.CancelledError()))

    def perform_call(self, call: Call, effect: Effect) -> Any:
        """Perform what a call's flow asks for; from any thread."""
        if type(effect) is CallNode:
            if self.begin_call(call):
                self.begin_elsewhere(call)
        elif type(effect) is Sleep:
            self.on_loop(self._sleep, call, effect)
        elif type(effect) is SaveWrites and is_prompt(effect.saver):
            return perform(effect, self.record)
        else:
            self.on_loop(self._store, call, effect)
        return LATER

    def _sleep(self, call: Call, effect: Sleep) -> None:
        if call.effect is effect:
            call.handle = self.loop.call_later(seconds_of(effect), self.resume_call, call, None)

    def _store(self, call: Call, effect: Effect) -> None:
        if call.effect is effect:
            call.handle = self.loop.create_task(self._stored(call, effect))

    async def _stored(self, call: Call, effect: Effect) -> None:
        reply = await (self.save(effect) if type(effect) in SAVES else perform_async(effect, self.record))
        if call.effect is effect:
            self.resume_call(call, reply)

    async def save(self, effect: Any) -> Any:
        """Save something, or take it over to be saved meanwhile."""
        if self.saves is None:
            self.saves = AsyncSaves(self.saves_above, self.record)
        return await self.saves.perform(effect)

    def call_later(self, seconds: float, action: Callable[[], None]) -> Any:
        """Have something done after some time, on the event loop."""
        return self.loop.call_later(seconds, action)

    def begin_elsewhere(self, strand: Strand) -> None:
        """Begin a call that has a slot; from any thread."""
        if self.closed or type(strand.effect) is not CallNode:
            return
        if strand.effect.callee.coro is None:
            self._begin_now(strand)
        else:
            self.on_loop(self._begin_now, strand)

    def _begin_now(self, strand: Strand) -> None:
        with self.lock:
            effect = strand.effect
            if not self.closed and type(effect) is CallNode:
                self.begin(strand)
                if type(strand) is Call and effect.limit is not None:
                    self.on_loop(self.watch, strand, effect)

    def on_loop(self, function: Callable[..., None], *args: Any) -> None:
        """Call something in the thread of the loop: now, if that is this one."""
        if get_ident() == self.thread:
            function(*args)
            return
        try:
            self.loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            # The loop was closed under a run that nobody closed; there is nobody left to tell.
            pass

    # ---- stopping

    def stop(self, strand: Strand, reply: Any) -> None:
        """Give up what is done for a strand; `reply` is what it gets instead."""
        handle = strand.handle
        if isinstance(handle, AsyncCall):
            handle.stop(reply)
        elif isinstance(handle, Job):
            # The thread cannot be stopped; from here on its result does not count.
            handle.give_up()
            self.end(strand, reply)
        elif isinstance(handle, Joint):
            # It goes on when those are over that it waits for.
            self.stop_calls(self.calls_of(strand), urgent=True)
        elif strand in self.queued:
            self.drop((strand,), reply)
        elif type(strand.effect) in SAVES and type(strand) is Call:
            # What is being saved is saved.
            return
        else:
            if handle is None:
                self.unhold(strand)
            else:
                handle.cancel()
            self.answer(strand, reply)

    def stop_calls(self, calls: Iterable[Call], *, urgent: bool) -> None:
        """Cancel coroutines and abandon threads."""
        for call in calls:
            self.stop(call, CANCELLED)

    def begin(self, strand: Strand) -> None:
        """Make the call of a strand that has a slot; on the event loop, unless it is sync."""
        raise NotImplementedError

    def end(self, strand: Strand, reply: Any) -> None:
        """Give a strand the result of its call."""
        raise NotImplementedError
