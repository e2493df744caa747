"""
The driver for sync code: the consumer's thread coordinates, worker threads call user code.

Rule: one call at a time needs no worker: it is made in the consumer's own thread, unless chunks may be asked for
meanwhile. Nothing advances but inside `pump`.
"""

from __future__ import annotations

from queue import Empty, SimpleQueue
from threading import Event
from time import monotonic
from typing import Any

from otgraph.drivers.base import Driver
from otgraph.drivers.delay import seconds_of
from otgraph.drivers.job import Job, outcome_of
from otgraph.drivers.room import wait_for_room
from otgraph.drivers.scope import CallScope
from otgraph.drivers.storage import perform
from otgraph.drivers.strands import Strand
from otgraph.drivers.workers import NUDGE_AFTER, workers
from otgraph.engine.effects import CANCELLED, CallNode, Rest, Sleep
from otgraph.ids import uuid6_bytes
from otgraph.stream.subscription import Subscription

__all__ = ["ThreadDriver"]


class ThreadDriver(Driver):
    """See the module; the constructor is the one of `Driver`."""

    _jobs: list[Job | _Nap]

    def run(self) -> Any:
        """Drive the run to its end and return its result."""
        try:
            self.pump(None)
        except BaseException:
            self.close()
            raise
        return self.result()

    def pump(self, subscription: Subscription | None) -> None:
        """Drive until the subscription has something to hand out, or the run is over."""
        coordinator = self.coordinator
        ready = coordinator.ready
        pending = () if subscription is None else subscription.queue
        while not coordinator.done:
            if pending:
                return
            if self.held is not None:
                asking, self.held = self.held, None
                self._perform(asking)
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
                self._perform(strand)
            else:
                self._wait(subscription)

    def _stop_siblings(self, subscription: Subscription | None) -> None:
        """
        Let calls beside a task that failed come to their end: a thread cannot be stopped.

        Inside a nested graph they are heard, as the graph around it may go on; where the run itself has failed,
        its stream is over.
        """
        self.drop_queued()
        self.seal(subscription)
        self.coordinator.stopped.clear()

    # ---- effects

    def _perform(self, strand: Strand) -> None:
        effect = strand.effect
        kind = type(effect)
        if kind is CallNode:
            self._call(strand, effect)  # type: ignore[arg-type]
        elif kind is Rest:
            self._rest(strand, effect)  # type: ignore[arg-type]
        elif kind is Sleep:
            self._sleep(strand, effect)  # type: ignore[arg-type]
        else:
            self.coordinator.answer_now(strand, perform(effect))

    def _call(self, strand: Strand, effect: CallNode) -> None:
        if self.above is not None and self.above.ended:
            self.coordinator.answer(strand, CANCELLED)
        elif self.alone:
            scope = CallScope(effect.task, self.pause) if effect.task.attempt == 1 else self.scope_of(effect)  # type: ignore[arg-type]
            self.coordinator.answer(strand, outcome_of(effect, scope, self.context))
        elif self.begin_call(strand):
            self._submit(strand)

    def _submit(self, strand: Strand) -> None:
        effect = strand.effect
        assert type(effect) is CallNode
        scope = self.scopes[strand] = self.scope_of(effect)
        strand.handle = job = Job(strand, scope, self.context, self.deliver)
        self._backlog().append(job)

    def _rest(self, strand: Strand, effect: Rest) -> None:
        if self.above is not None and self.above.ended:
            self.coordinator.answer(strand, CANCELLED)
            return
        if self.record.crowded:
            wait_for_room(self.record)
        self.coordinator.answer_now(strand, uuid6_bytes(effect.step))

    def _sleep(self, strand: Strand, effect: Sleep) -> None:
        seconds = seconds_of(effect)
        if self.coordinator.width == 1:
            Event().wait(seconds)
            self.coordinator.answer(strand, None)
            return
        strand.handle = nap = _Nap(self, strand, seconds)
        self._backlog().append(nap)

    def _backlog(self) -> list[Job | _Nap]:
        """Return the jobs that are handed to the workers together, as soon as there is nothing else to do."""
        try:
            return self._jobs
        except AttributeError:
            self._inbox: SimpleQueue[tuple[Strand, Any] | None] = SimpleQueue()
            self._jobs = []
            return self._jobs

    # ---- waiting

    def _wait(self, subscription: Subscription | None) -> None:
        jobs = self._backlog()
        if jobs:
            workers.submit(jobs)
            self._jobs = []
        if subscription is not None:
            subscription.wake = self._wake
            if len(subscription):
                subscription.wake = None
                return
        inbox = self._inbox
        while True:
            deadline = self.deadline()
            try:
                if workers.backlog:
                    item = inbox.get(timeout=NUDGE_AFTER)
                elif deadline is not None:
                    item = inbox.get(timeout=max(0.0, deadline - monotonic()))
                else:
                    item = inbox.get()
                break
            except Empty:
                workers.nudge()
                if deadline is not None and monotonic() >= deadline:
                    self._give_up(TimeoutError("Timed out"))
                    return
        while True:
            if item is not None:
                self._returned(*item)
            try:
                item = inbox.get_nowait()
            except Empty:
                return

    def _give_up(self, error: TimeoutError) -> None:
        """Abandon the calls of the groups whose time is up."""
        coordinator = self.coordinator
        for group in self.expire(error):
            for strand in list(coordinator.waiting(group)):
                if strand in self.scopes:
                    strand.handle.give_up()
                    following = self.end_call(strand, CANCELLED)
                    if following is not None:
                        self._submit(following)
                else:
                    coordinator.answer(strand, CANCELLED)

    def _wake(self) -> None:
        self._inbox.put(None)

    def _returned(self, strand: Strand, reply: Any) -> None:
        scope = self.scopes.get(strand)
        if scope is None:
            if type(strand.effect) is Sleep:
                self.coordinator.answer(strand, reply)
            return
        following = self.end_call(strand, reply)
        if following is not None:
            self._submit(following)

    def deliver(self, strand: Strand, reply: Any) -> None:
        """Take the result of a job; called by the worker that did it."""
        self._inbox.put((strand, reply))

    def pause(self, scope: CallScope) -> None:
        """Wait until subscribers have caught up."""
        if not scope.ended:
            wait_for_room(self.record)

    # ---- the end

    def close(self) -> None:
        """
        Stop the run where it is: calls in progress are abandoned, all spans end, and this returns at once.

        Safe to call more than once.
        """
        if self.closed:
            return
        self.closed = True
        for strand, scope in self.scopes.items():
            scope.ended = True
            if strand.handle is not None:
                strand.handle.give_up()
        self.unwind()
        self.record.relieve()


class _Nap:
    """A pause between two attempts, beside tasks that go on."""

    __slots__ = ("_driver", "_seconds", "_strand", "begun")

    def __init__(self, driver: ThreadDriver, strand: Strand, seconds: float) -> None:
        self._driver = driver
        self._strand = strand
        self._seconds = seconds
        self.begun = False

    def __call__(self) -> None:
        Event().wait(self._seconds)
        if not self._driver.closed:
            self._driver.deliver(self._strand, None)
