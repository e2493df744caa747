"""
The driver for sync code: the consumer's thread coordinates, worker threads call user code.

Rule: one call at a time needs no worker: it is made in the consumer's own thread, unless chunks may be asked for
meanwhile. Nothing advances but inside `next` of what `drive` returns.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from otgraph.drivers.base import Driver
from otgraph.drivers.call import is_own
from otgraph.drivers.delay import seconds_of
from otgraph.drivers.inbox import NOTHING, Inbox, receive
from otgraph.drivers.job import Job, outcome
from otgraph.drivers.naps import Naps
from otgraph.drivers.room import Queues, wait_for_room
from otgraph.drivers.saves import SAVES, Saves, note_loss
from otgraph.drivers.scope import CallScope
from otgraph.drivers.storage import perform
from otgraph.drivers.strands import Strand
from otgraph.drivers.turn import Turn
from otgraph.drivers.workers import workers
from otgraph.engine.effects import CANCELLED, CallNode, Rest, RunTasks, Sleep
from otgraph.ids import uuid6_bytes
from otgraph.stream.subscription import Subscription

__all__ = ["ThreadDriver"]

SHORT_CALL = 0.001
"""How long a call may take, in seconds, until its consumer asks to be woken for what it says: waking costs more."""


class ThreadDriver(Driver):
    """See the module; the constructor is the one of `Driver`."""

    _inbox: Inbox | None = None
    _jobs: list[Job]
    """What is handed to the workers together, as soon as there is nothing else to do."""
    _naps: Naps
    _turn: Turn | None = None
    _watching: Sequence[Subscription] = ()

    # ---- the consumer's side

    def run(self) -> Any:
        """Drive the run to its end and return its result."""
        try:
            for _ in self.drive(()):
                pass
        except BaseException:
            self.close()
            raise
        return self.result()

    def drive(self, watching: Sequence[Subscription]) -> Iterator[None]:
        """Drive the run to its end; yield whenever one of the subscriptions has something to hand out."""
        self._watching = watching
        pending: Any = watching[0].queue if len(watching) == 1 else Queues(watching) if watching else ()
        steps = self._advance(pending)
        return steps if self.above is None else self._by_turns(steps)

    def _by_turns(self, steps: Iterator[None]) -> Iterator[None]:
        turn = self._turn = Turn()
        more = True
        while more:
            turn.take()
            try:
                more = next(steps, NOTHING) is not NOTHING
            finally:
                turn.give()
            if more:
                yield

    # ---- strands

    def _advance(self, pending: Any) -> Iterator[None]:
        """
        Drive the run to its end; yield as long as there is something to hand out.

        Args:
            pending: true while one of the subscriptions has something.
        """
        coordinator = self.coordinator
        ready, root = coordinator.ready, coordinator.root
        while not coordinator.done:
            strand = None
            if pending:
                yield
            elif self.held is not None:
                strand, self.held = self.held, None
            elif not ready:
                self._wait()
            elif ready[0] is root:
                strand = yield from self._go_straight(ready.popleft(), pending)
            else:
                strand = coordinator.resume()
                if coordinator.stopped:
                    self._stop_siblings()
                if strand is not None and pending and type(strand.effect) not in SAVES:
                    # What was said before the call is heard before the call.
                    self.held, strand = strand, None
            if strand is not None:
                self._perform(strand)
        while pending:
            yield

    def _go_straight(self, strand: Strand, pending: Any) -> Generator[None, None, Strand | None]:
        """Drive the root flow while nothing runs beside it; return it if it asks for more than that."""
        coordinator, record, above, live = self.coordinator, self.record, self.above, self.live
        send, reply, strand.reply = strand.flow.send, strand.reply, None
        while True:
            try:
                effect: Any = send(reply)
            except StopIteration as stop:
                coordinator.finish(strand, stop.value, None)
                return None
            except BaseException as error:
                coordinator.finish(strand, None, error)
                return None
            kind = type(effect)
            if kind is RunTasks:
                return coordinator.take(strand, effect)
            if kind in SAVES:
                reply = self._save(effect)
                continue
            strand.effect = effect
            if pending:
                # What was said before the call is heard before the call.
                while pending:
                    yield
                if coordinator.done:
                    return None
            if kind is CallNode and (not live or is_own(effect)):
                reply = self._call_here(strand, effect)
            elif kind is Rest and not record.crowded:
                reply = CANCELLED if above is not None and above.ended else uuid6_bytes(effect.step)
            elif kind is CallNode and above is None:
                reply = self._call_there(strand, effect)
                if reply is NOTHING:
                    return None
            else:
                return strand
            if coordinator.done:
                # The run around it gave it up meanwhile.
                return None
            strand.effect = None

    def _stop_siblings(self) -> None:
        """
        Let calls beside a task that failed come to their end: a thread cannot be stopped.

        Inside a nested graph they are heard, as the graph around it may go on; where the run itself has failed,
        its stream is over.
        """
        self.drop_queued()
        self.seal(self._watching)
        self.coordinator.stopped.clear()

    # ---- effects

    def _perform(self, strand: Strand) -> None:
        effect: Any = strand.effect
        kind = type(effect)
        if self.is_over(strand):
            if strand.effect is not None:
                self.coordinator.answer(strand, CANCELLED)
        elif kind is CallNode:
            if self.alone or is_own(effect):
                reply = self._call_here(strand, effect)
                if not self.coordinator.done:
                    self.coordinator.answer(strand, reply)
            elif self.begin_call(strand):
                self._submit(strand)
        elif kind is Rest:
            self._rest(strand, effect.step)
        elif kind in SAVES:
            self.coordinator.answer_now(strand, self._save(effect))
        elif kind is Sleep:
            self._open()
            self._naps.begin(strand, seconds_of(effect))
        else:
            self.coordinator.answer_now(strand, perform(effect))

    def _call_here(self, strand: Strand, effect: CallNode) -> Any:
        """Make a call in the thread that we are in."""
        scope = self.scope_of(effect)
        turn = self._turn
        if turn is None:
            return outcome(effect, scope, self)
        self.scopes[strand] = scope
        turn.give()
        try:
            return outcome(effect, scope, self)
        finally:
            turn.take()
            self.scopes.pop(strand, None)

    def _call_there(self, strand: Strand, effect: CallNode) -> Any:
        """
        Make a call beside which nothing goes on in a worker thread.

        Return its reply if that comes soon; NOTHING if it may say something before, which then is for `_wait`.
        """
        inbox = self._inbox
        if inbox is None:
            inbox = self._open()
        scope = self.scopes[strand] = self.scope_of(effect)
        strand.handle = job = Job(self, strand, effect, scope)
        self.running += 1
        strand.asked = monotonic()
        workers.submit_one(job)
        try:
            item = inbox.get(True, SHORT_CALL)
        except Empty:
            return NOTHING
        if item is None or item[0] is not job:
            inbox.put(item)
            return NOTHING
        self.running -= 1
        del self.scopes[strand]
        strand.effect = strand.handle = None
        return item[1]

    def _submit(self, strand: Strand) -> None:
        effect = strand.effect
        assert type(effect) is CallNode
        scope = self.scopes[strand] = self.scope_of(effect, strand)
        strand.handle = job = Job(self, strand, effect, scope)
        self._open()
        self._jobs.append(job)

    def _rest(self, strand: Strand, step: int) -> None:
        if self.record.crowded:
            # Perhaps it is our own consumer who is behind, so we wait where he can take something.
            self.held = strand
            self._open()
            self.record.when_relieved(self._wake)
            self._wait()
        else:
            self.coordinator.answer_now(strand, uuid6_bytes(step))

    def _save(self, effect: Any) -> Any:
        if self.saves is None:
            self.saves = Saves(self.saves_above)
        return self.saves.perform(effect)

    # ---- waiting

    def _open(self) -> Inbox:
        if self._inbox is None:
            self._inbox = SimpleQueue()
            self._jobs = []
            self._naps = Naps()
        return self._inbox

    def _wait(self) -> None:
        """Wait until a job is done, a strand has slept enough, time is up, or there is something to hand out."""
        self._open()
        jobs = self._jobs
        if jobs:
            self._jobs = []
            workers.submit(jobs)
        turn = self._turn
        if turn is not None:
            turn.give()
        try:
            item = self._receive(bool(jobs))
        finally:
            if turn is not None:
                turn.take()
        inbox = self._inbox
        assert inbox is not None
        while item is not NOTHING:
            if item is not None:
                self._returned(*item)
            try:
                item = inbox.get_nowait()
            except Empty:
                item = NOTHING
        for strand in self._naps.over() if self._naps else ():
            self.coordinator.answer(strand, None)
        if self.coordinator.timed:
            self.give_up_overdue()

    def _receive(self, short: bool) -> Any:
        """
        Return the next item of the inbox; NOTHING if something else is to be done first.

        Args:
            short: whether calls have just begun that may be short.
        """
        inbox = self._inbox
        assert inbox is not None
        until = self._next_time()
        if not self._watching:
            return receive(inbox, until)
        if short:
            soon = monotonic() + SHORT_CALL
            item = receive(inbox, soon if until is None or soon < until else until)
            if item is not NOTHING:
                return item
        for subscription in self._watching:
            subscription.wake = self._wake
            if subscription.queue:
                subscription.wake = None
                return NOTHING
        return receive(inbox, until)

    def _next_time(self) -> float | None:
        """Return when something is due, by the monotonic clock."""
        deadline, waking = self.deadline(), self._naps.until
        if deadline is None or waking is None:
            return waking if deadline is None else deadline
        return min(deadline, waking)

    @staticmethod
    def timed_out() -> BaseException:
        """Return the error of the standard library's."""
        return TimeoutError("Timed out")

    def stop(self, strand: Strand, reply: Any) -> None:
        """Give up what is done for a strand; `reply` is what it gets instead."""
        if strand in self.scopes:
            strand.handle.give_up()
            self._end(strand, reply)
        else:
            self.unhold(strand)
            self.coordinator.answer(strand, reply)

    def _returned(self, job: Job, reply: Any) -> None:
        if job.strand.handle is job:
            self._end(job.strand, reply)

    def _end(self, strand: Strand, reply: Any) -> None:
        following = self.end_call(strand, reply)
        if following is not None:
            self._submit(following)

    def _wake(self) -> None:
        assert self._inbox is not None
        self._inbox.put(None)

    def deliver(self, job: Job, reply: Any) -> None:
        """Take the result of a job; called by the thread that did it."""
        assert self._inbox is not None
        self._inbox.put((job, reply))

    def pause(self, scope: CallScope) -> None:
        """Wait until subscribers have caught up."""
        if self._inbox is not None:
            self._wake()
        if not scope.ended:
            wait_for_room(self.record)

    # ---- the end

    def close(self) -> None:
        """
        Stop the run where it is: calls in progress are abandoned, all spans end, and this returns at once.

        Safe to call more than once.
        """
        turn = self._turn
        if turn is None:
            self._close()
            return
        turn.take()
        try:
            self._close()
        finally:
            turn.give()

    def abandon(self) -> None:
        """Stop the run because the call it was begun in was given up; called from any thread."""
        turn = self._turn
        # Where it is our own turn, a garbage collection brought us here; then the next step finds out by itself.
        if turn is not None and not turn.mine:
            self.close()
            if self._inbox is not None:
                self._wake()

    def _close(self) -> None:
        if self.closed:
            return
        self.closed = True
        for strand, scope in list(self.scopes.items()):
            if strand.handle is None:
                scope.give_up()
            else:
                strand.handle.give_up()
        self.unwind()
        self.record.relieve()
        if self.saves is not None:
            note_loss(self.saves.flush())
