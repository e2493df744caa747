"""
The driver for sync code: the consumer's thread coordinates, worker threads call user code.

Rule: one call at a time needs no worker: it is made in the consumer's own thread, unless chunks may be asked for
meanwhile. Nothing advances but inside `next` of what `drive` returns.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from otgraph.drivers.caller import Joint
from otgraph.drivers.delay import seconds_of
from otgraph.drivers.inbox import NOTHING, Inbox, receive
from otgraph.drivers.job import Job, outcome
from otgraph.drivers.naps import Naps
from otgraph.drivers.room import Queues, wait_for_room
from otgraph.drivers.saves import SAVES, note_loss
from otgraph.drivers.scope import CallScope
from otgraph.drivers.storage import perform
from otgraph.drivers.strands import Strand
from otgraph.drivers.thread_calls import ThreadCalls
from otgraph.drivers.turn import Turn
from otgraph.drivers.workers import workers
from otgraph.engine.effects import CANCELLED, CallNode, JoinCalls, Rest, RunTasks, Sleep
from otgraph.ids import uuid6_bytes
from otgraph.stream.subscription import Subscription

__all__ = ["ThreadDriver"]

SHORT_CALL = 0.005
"""
How long a call that says nothing is waited for, in seconds, until it is looked what else may come. A timer that is due
before the system's next tick costs extra.
"""

YOUNG_CALL = 0.0005
"""For how long what a call says does not wake its consumer, in seconds: most are over by then, and waking costs."""


class ThreadDriver(ThreadCalls):
    """See the module; the constructor is the one of `Driver`."""

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
                reply = self.save(effect)
                continue
            strand.effect = effect
            if pending:
                # What was said before the call is heard before the call.
                while pending:
                    yield
                if coordinator.done:
                    return None
            if kind is CallNode and not live:
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
            if self.alone:
                reply = self._call_here(strand, effect)
                if not self.coordinator.done:
                    self.coordinator.answer(strand, reply)
            elif self.begin_call(strand):
                self.submit(strand)
        elif kind is Rest:
            self._rest(strand, effect.step)
        elif kind is JoinCalls:
            self._join(strand, effect)
        elif kind in SAVES:
            self.coordinator.answer_now(strand, self.save(effect))
        elif kind is Sleep:
            self._open()
            self._naps.begin(strand, seconds_of(effect))
        else:
            self.coordinator.answer_now(strand, perform(effect, self.record))

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
        inbox = self.inbox
        if inbox is None:
            inbox = self._open()
        # Nothing is in progress, so there is a slot.
        self.begin_call(strand)
        strand.handle = job = Job(self, strand, effect, self.scope_of(effect, strand))
        watching = self._watching
        for subscription in watching:
            subscription.wake = self._wake
            subscription.quiet_until = strand.asked + YOUNG_CALL
        workers.submit_one(job)
        try:
            item = inbox.get(True, SHORT_CALL)
        except Empty:
            return NOTHING
        for subscription in watching:
            subscription.wake = None
        if item is None or item[0] is not job:
            inbox.put(item)
            return NOTHING
        scope = self.scopes.pop(strand)
        strand.effect = strand.handle = None
        if scope.holds:
            self.leave_slot(scope)
        return item[1]

    def submit(self, strand: Strand) -> None:
        """Hand a call that has a slot to the workers, together with others that follow."""
        effect = strand.effect
        assert type(effect) is CallNode
        strand.handle = job = Job(self, strand, effect, self.scope_of(effect, strand))
        self._open()
        self.jobs.append(job)

    def _join(self, strand: Strand, effect: JoinCalls) -> None:
        self._open()
        if effect.stop and not effect.nested:
            self.deafen(self._watching)
        if self.join(strand, effect):
            self.coordinator.answer_now(strand, None)

    def _rest(self, strand: Strand, step: int) -> None:
        if self.record.crowded:
            # Perhaps it is our own consumer who is behind, so we wait where he can take something.
            self.held = strand
            self._open()
            self.record.when_relieved(self._wake)
            self._wait()
        else:
            self.coordinator.answer_now(strand, uuid6_bytes(step))

    # ---- waiting

    def _open(self) -> Inbox:
        if self.inbox is None:
            self.inbox = SimpleQueue()
            self._naps = Naps()
        return self.inbox

    def _wait(self) -> None:
        """Wait until a job is done, a strand has slept enough, time is up, or there is something to hand out."""
        self._open()
        self.hand_in()
        turn = self._turn
        if turn is not None:
            turn.give()
        try:
            item = self._receive()
        finally:
            if turn is not None:
                turn.take()
        inbox = self.inbox
        assert inbox is not None
        while item is not NOTHING:
            if item is not None:
                self.returned(*item)
            try:
                item = inbox.get_nowait()
            except Empty:
                item = NOTHING
        for strand in self._naps.over() if self._naps else ():
            self.coordinator.answer(strand, None)
        if self.coordinator.timed:
            self.give_up_overdue()

    def _receive(self) -> Any:
        """Return the next item of the inbox; NOTHING if something else is to be done first."""
        inbox = self.inbox
        assert inbox is not None
        until = self._next_time()
        if not self._watching:
            return receive(inbox, until)
        watching = self._watching
        for subscription in watching:
            subscription.wake = self._wake
            if subscription.queue:
                subscription.wake = None
                return NOTHING
        item = receive(inbox, until)
        for subscription in watching:
            # What we are about to tell ourselves need not wake us.
            subscription.wake = None
        return item

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
        handle = strand.handle
        if type(handle) is Joint:
            # It goes on when those are over that it waits for.
            self.stop_calls(self.calls_of(strand), urgent=True)
        elif strand in self.scopes:
            handle.give_up()
            self.end(strand, reply)
        else:
            self.unhold(strand)
            self.coordinator.answer(strand, reply)

    def _wake(self) -> None:
        assert self.inbox is not None
        self.inbox.put(None)

    def pause(self, scope: CallScope) -> None:
        """Wait until subscribers have caught up."""
        if self.inbox is not None:
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
            if self.inbox is not None:
                self._wake()

    def _close(self) -> None:
        if self.closed:
            return
        with self.lock:
            self.closed = True
            scopes = list(self.scopes.items())
        for strand, scope in scopes:
            if type(strand.handle) is Job:
                strand.handle.give_up()
            else:
                scope.give_up()
        self.unwind()
        self.record.relieve()
        if self.saves is not None:
            note_loss(self.saves.flush())
