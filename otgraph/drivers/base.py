"""
What both drivers have in common: which strand may run, which must wait for a slot, what is given up.

Rule: a slot is held by a call of user code and by nothing else, so one slot is always enough.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from contextvars import Context
from math import inf
from time import monotonic, time
from typing import Any

from otgraph.drivers.caller import Call, Caller
from otgraph.drivers.clock import Clock, TimedScope, clock_of
from otgraph.drivers.job import Job
from otgraph.drivers.scope import CallScope
from otgraph.drivers.strands import Coordinator, Strand
from otgraph.drivers.workers import workers
from otgraph.engine.effects import CANCELLED, CallNode, Expired, Flow, RunCancelled
from otgraph.errors import RunEndedError
from otgraph.stream.subscription import Subscription
from otgraph.tracing.record import Record
from otgraph.tracing.spans import end_stream

__all__ = ["Driver"]


class Driver(Caller):
    """
    Drives the flows of one run.

    Args:
        flow: the run's.
        record: where its facts go.
        context: the context variables that every call of user code starts from.
        limit: how many calls of user code may be in progress at once; None for no limit.
        live: whether chunks may be asked for while a call is in progress.
        above: the call inside which the run was begun, if it is a run inside a node.
    """

    awaits = False
    """Whether it runs on an event loop."""
    cancellation: type[BaseException] = GeneratorExit
    """What user code sees that is cancelled, where it sees anything."""

    def __init__(
        self,
        flow: Flow,
        record: Record,
        context: Context,
        limit: int | None = None,
        live: bool = False,
        above: CallScope | None = None,
    ) -> None:
        Caller.__init__(self)
        self.coordinator = Coordinator(flow)
        self.record = record
        self.context = context
        self.limit = limit
        self.live = live
        self.above = above
        self.running = 0
        """How many calls of user code are in progress, where that is limited."""
        self.queued: deque[Strand] = deque()
        """Strands that wait for a slot."""
        self.scopes: dict[Strand, CallScope] = {}
        """The calls in progress that somebody else may have to give up."""
        self.held: Strand | None = None
        """A strand whose effect waits until the consumer has taken what is there."""
        self._sealed = False
        """Whether the run's own stream is over, though the run is not."""
        self._overdue = False
        """Whether the time of some group was up."""
        self.jobs: list[Job] = []
        """Calls that are handed to the workers together, as soon as there is nothing else to do."""
        self.saves: Any = None
        """What is being saved of the run, once something is."""
        if above is not None:
            above.adopt(self)

    @property
    def done(self) -> bool:
        """Whether the run is over."""
        return self.coordinator.done

    def result(self) -> Any:
        """Return the run's result, or raise its error."""
        if self.above is not None:
            self.above.release(self)
        error = self.coordinator.error
        if error is None:
            return self.coordinator.result
        try:
            if isinstance(error, RunCancelled):
                raise RunEndedError("the run was stopped because the run around it is over") from None
            raise error
        finally:
            # The traceback refers to this frame, and this frame to the error.
            del error

    @property
    def saves_above(self) -> Any:
        """What is being saved of the run around this one; that comes first."""
        driver = None if self.above is None else self.above.driver
        return None if driver is None else driver.saves

    # ---- calls of user code

    def scope_of(self, effect: CallNode, strand: Strand | None = None) -> CallScope:
        """
        Return a scope for a new call.

        Args:
            strand: whose it is, where it has a slot, and there may be limits to its time.
        """
        task: Any = effect.task
        if task.first_attempt_time is None and task.node.retry:
            task.first_attempt_time = time()
        clocks: tuple[Clock, ...] = ()
        if type(strand) is Call:
            clocks = strand.clocks(effect)
        elif (strand is not None and self.coordinator.timed) or self.above is not None:
            clocks = self._clocks(strand)
        scope = TimedScope(task, self, clocks) if clocks else CallScope(task, self)
        if strand is not None:
            scope.holds = self.limit is not None
            self.scopes[strand] = scope
            if type(strand) is Call:
                scope.context = strand.context
        return scope

    def _clocks(self, strand: Strand | None) -> tuple[Clock, ...]:
        """Return the clocks of the attempts that a strand is part of, those of runs around this one included."""
        clocks = [] if self.above is None else list(self.above.clocks)
        group = None if strand is None else strand.group
        while group is not None:
            if group.limit is not None and group.limit.attempt:
                clocks.append(clock_of(group.limit))
            group = group.parent.group
        return tuple(clocks)

    def pause(self, scope: CallScope) -> None:
        """Hold up user code that has just written more than a subscriber can take."""
        raise NotImplementedError

    def begin_call(self, strand: Strand) -> bool:
        """Take a slot for a strand's call; queue the strand if there is none."""
        strand.asked = monotonic()
        if self.limit is None:
            return True
        with self.lock:
            if self.running >= self.limit:
                self.queued.append(strand)
                return False
            self.running += 1
        return True

    def end_call(self, strand: Strand, reply: Any) -> Strand | None:
        """Give a strand the result of its call and its slot back; return the strand that gets the slot."""
        following = None
        with self.lock:
            scope = self.scopes.pop(strand, None)
            if scope is not None and scope.holds:
                scope.holds = False
                following = self._next_queued()
        self.answer(strand, reply)
        return following

    def leave_slot(self, scope: CallScope) -> None:
        """Give the slot back that a call of user code holds, to whoever waits for one."""
        with self.lock:
            if not scope.holds:
                return
            scope.holds = False
            following = self._next_queued()
        if following is not None:
            self.begin_elsewhere(following)

    def _next_queued(self) -> Strand | None:
        """Give one slot back; return the strand that gets it."""
        self.running -= 1
        if self.queued and self.limit is not None and self.running < self.limit:
            self.running += 1
            return self.queued.popleft()
        return None

    def hand_in(self) -> None:
        """
        Have the workers begin what is collected, if anything.

        All of it together: what one call says, as soon as it has begun, must not keep another one from beginning.
        """
        jobs = self.jobs
        if jobs:
            self.jobs = []
            workers.submit(jobs)

    def answer(self, strand: Strand, reply: Any) -> None:
        """Give a strand what it asked for."""
        if type(strand) is Call:
            self.resume_call(strand, reply)
        else:
            self.coordinator.answer(strand, reply)

    def begin_elsewhere(self, strand: Strand) -> None:
        """Begin the call of a strand that has just got a slot; from any thread."""
        raise NotImplementedError

    @property
    def alone(self) -> bool:
        """Whether a call may be made right here: nothing else goes on, nobody waits for chunks, no clock runs."""
        coordinator = self.coordinator
        return coordinator.width == 1 and not self.live and not coordinator.timed

    # ---- groups of strands that are stopped together

    def deadline(self) -> float | None:
        """Return when the first group's time is up, by the monotonic clock; None if no group is timed."""
        timed = self.coordinator.timed
        if not timed:
            return None
        first = min(clock_of(group.limit).due for group in timed if group.limit is not None)
        return None if first == inf else first

    def expire(self, error: BaseException) -> list[Strand]:
        """Stop the groups whose time is up; return what they wait for, that the driver may give it up."""
        coordinator = self.coordinator
        now = monotonic()
        doomed: list[Strand] = []
        for group in list(coordinator.timed):
            limit = group.limit
            if limit is None or clock_of(limit).due > now:
                continue
            waiting = list(coordinator.waiting(group))
            if not waiting:
                # What it waited for has just come.
                continue
            self._overdue = True
            coordinator.timed.remove(group)
            group.limit = None
            if group.stopped is None:
                group.stopped = clock_of(limit).expired(error)
            doomed.extend(waiting)
        self.drop(doomed)
        return [strand for strand in doomed if strand.effect is not None]

    def give_up_overdue(self) -> None:
        """Give up whatever belongs to groups whose time is up."""
        for strand in self.expire(self.timed_out()):
            self.stop(strand, CANCELLED)

    def unhold(self, strand: Strand) -> None:
        """Do not do later what a strand waits for."""
        if self.held is strand:
            self.held = None

    def is_over(self, strand: Strand) -> bool:
        """Say whether nothing is to be done for a strand any more; give up what it is part of, if its time is up."""
        if self.above is not None and self.above.ended:
            return True
        group = strand.group
        if self.coordinator.timed and any(clock.due <= monotonic() for clock in self._clocks(strand)):
            # Where calls are short, nothing is ever found waiting.
            self.give_up_overdue()
        if not self._overdue:
            return False
        while group is not None:
            if type(group.stopped) is Expired:
                return True
            group = group.parent.group
        return False

    def drop_queued(self) -> None:
        """Cancel the calls that have not begun in groups that an error has just stopped."""
        if self.queued:
            for group in self.coordinator.stopped:
                self.drop(strand for strand in group.strands if strand.effect is not None)

    def drop(self, strands: Iterable[Strand], reply: Any = CANCELLED) -> None:
        """Cancel those of the calls that wait for a slot; `reply` is what they get instead."""
        with self.lock:
            queued = set(self.queued)
            doomed = [strand for strand in strands if strand in queued]
            queued.difference_update(doomed)
            self.queued = deque(strand for strand in self.queued if strand in queued)
        for strand in doomed:
            self.answer(strand, reply)

    # ---- the end

    def abandon(self) -> None:
        """Stop the run because the call it was begun in was given up; called from any thread."""
        raise NotImplementedError

    def seal(self, watching: Sequence[Subscription]) -> None:
        """Let the run's own stream hear nothing more, where a failure has just stopped the tasks of the run itself."""
        if any(not group.nested for group in self.coordinator.stopped):
            self.deafen(watching)

    def deafen(self, watching: Sequence[Subscription]) -> None:
        """Let the run's own stream hear nothing more, and its trace say where that was."""
        if not self._sealed:
            self._sealed = True
            end_stream(self.record, watching)

    def unwind(self) -> None:
        """Let all flows come to their end, with nothing performed for them any more."""
        coordinator = self.coordinator
        if not coordinator.done:
            self.record.cut_off = True
        self.end_calls()
        if not coordinator.done:
            self.queued.clear()
            self.held = None
            for strand in list(coordinator.waiting()):
                coordinator.answer(strand, CANCELLED)
            while coordinator.ready and not coordinator.done:
                asking = coordinator.resume()
                if asking is not None:
                    coordinator.answer(asking, CANCELLED)
            if not coordinator.done:
                coordinator.close()
        if self.above is not None:
            self.above.release(self)
