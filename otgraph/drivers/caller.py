"""
Calls of tasks: user code asks for one, in whichever thread it runs, and gets a future at once.

Rule: a call's flow is resumed wherever its replies arrive, by one thread at a time, since the thread that coordinates
may be the one that waits for the future. Who has called a task holds no slot any more, so one slot is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import copy_context
from functools import partial
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from otgraph.drivers.clock import Clock, clock_of
from otgraph.drivers.future import settle
from otgraph.drivers.strands import Strand
from otgraph.engine.calls import call_flow, plan_call
from otgraph.engine.effects import CANCELLED, CallNode, Effect, Failure, JoinCalls
from otgraph.engine.ledger import Calls
from otgraph.engine.task import Task
from otgraph.plan.model import NodePlan

if TYPE_CHECKING:
    from otgraph.drivers.scope import CallScope

__all__ = ["LATER", "Call", "Caller"]

LATER: Final = object()
"""Not a reply: that comes later."""


class Call(Strand):
    """A task that user code has called, in progress."""

    __slots__ = ("_around", "context", "future", "over", "running", "task", "timer")

    def __init__(self, task: Task, around: tuple[Clock, ...], future: Any) -> None:
        Strand.__init__(self, call_flow(task.state, task), None)
        self._around = around
        self.timer: Any = None
        """What looks whether its time is up."""
        self.running = False
        """Whether some thread resumes its flow right now."""
        self.task = task
        self.future = future
        self.context = copy_context()
        """The context variables of whoever called, which the task starts from."""
        self.over = False

    def clocks(self, effect: CallNode) -> tuple[Clock, ...]:
        """Return the clocks that a sign of life of its attempt is one for: its own, and those of its caller."""
        return self._around if effect.limit is None else (*self._around, clock_of(effect.limit))


class Joint:
    """What a strand that waits for calls holds on to."""

    __slots__ = ("strand",)

    def __init__(self, strand: Strand) -> None:
        self.strand = strand


class Caller:
    """The part of a driver that calls tasks."""

    def __init__(self) -> None:
        self.lock = RLock()
        """Held by whoever resumes the flow of a call, or changes a ledger or the number of slots that are taken."""
        self.calls: dict[Call, None] = {}
        """Those in progress."""
        self.closed = False

    def call(self, scope: CallScope, node: NodePlan, given: tuple[Any, Any]) -> Any:
        """Call a task from inside the call that `scope` stands for; return a future of its result."""
        caller, run = scope.task, scope.run
        self.refuse_call(node)
        with self.lock:
            ledger = run.calls
            if ledger is None:
                ledger = run.calls = Calls()
            if self.closed or self.done or run.step > caller.step or ledger.sealed >= caller.step:
                scope.refuse(f"the task {node.name!r}")
            task = plan_call(caller, node, given)
            known = ledger.open.get(task.id)
            if known is not None:
                # An earlier attempt of its caller has called it, and that call still goes on.
                return known.future
            call = Call(task, tuple(scope.clocks), None)
            call.future = self.new_future(call)
            ledger.open[task.id] = call
            self.calls[call] = None
        if scope.holds:
            self.leave_slot(scope)
        self.resume_call(call, None)
        return call.future

    def resume_call(self, call: Call, reply: Any) -> None:
        """Give a call's flow a reply, and perform what it asks for; from any thread."""
        while reply is not LATER:
            effect = joint = None
            with self.lock:
                if call.over or call.running:
                    # It was given up meanwhile, or is so right here, by the garbage collector.
                    return
                call.handle, call.running = None, True
                if call.timer is not None:
                    call.timer.cancel()
                    call.timer = None
                try:
                    effect = call.flow.send(reply)
                except StopIteration as stop:
                    reply = stop.value
                except BaseException as error:
                    reply = Failure(error)
                call.effect, call.running = effect, False
                if effect is None:
                    joint = self._take_out(call)
            if effect is None:
                settle(call.future, call.task.name, reply)
                if joint is not None:
                    self.deliver(joint, None)
                return
            reply = CANCELLED if self.closed else self.perform_call(call, effect)

    def _take_out(self, call: Call) -> Joint | None:
        """Take note that a call is over; return who waited for the last one, if this is it."""
        call.over = True
        del self.calls[call]
        ledger = call.task.state.calls
        assert ledger is not None
        del ledger.open[call.task.id]
        if ledger.open:
            return None
        joint: Joint | None = ledger.joint
        ledger.joint = None
        return joint

    def join(self, strand: Strand, effect: JoinCalls) -> bool:
        """Say whether there is nothing to wait for; else the strand gets its reply when the last call is over."""
        ledger = effect.calls
        with self.lock:
            ledger.sealed = effect.step
            if not ledger.open:
                return True
            strand.handle = ledger.joint = Joint(strand)
        if effect.stop:
            self.stop_calls(self.calls_of(strand), urgent=effect.urgent)
        return False

    def calls_of(self, *strands: Strand) -> list[Call]:
        """Return the calls that some strands wait for at the end of their superstep."""
        with self.lock:
            return [
                call
                for strand in strands
                if type(strand.effect) is JoinCalls
                for call in strand.effect.calls.open.values()
            ]

    def end_calls(self) -> None:
        """Let the flows of all calls come to their end, with nothing performed for them any more."""
        while self.calls:
            with self.lock:
                calls = [call for call in self.calls if not call.running]
            for call in calls:
                self.resume_call(call, CANCELLED)
            if not calls:
                return

    def watch(self, call: Call, effect: CallNode) -> None:
        """Give up a call of user code when its time is up."""
        if effect.limit is None or call.effect is not effect:
            return
        clock = clock_of(effect.limit)
        left = clock.due - monotonic()
        if left > 0:
            call.timer = self.call_later(left, partial(self.watch, call, effect))
        else:
            self.stop(call, clock.expired(self.timed_out()))

    # ---- what a driver of either colour does in its own way

    @property
    def done(self) -> bool:
        """Whether the run is over."""
        raise NotImplementedError

    def refuse_call(self, node: NodePlan) -> None:
        """Raise an error for a task that a driver of this colour cannot call."""

    def new_future(self, call: Call) -> Any:
        """Return a future of the kind that fits the thread that asks."""
        raise NotImplementedError

    def perform_call(self, call: Call, effect: Effect) -> Any:
        """Perform what a call's flow asks for; return the reply, or LATER. From any thread."""
        raise NotImplementedError

    def call_later(self, seconds: float, action: Callable[[], None]) -> Any:
        """Have something done after some time; return what can cancel that."""
        raise NotImplementedError

    def stop(self, strand: Strand, reply: Any) -> None:
        """Give up what is done for a strand; `reply` is what it gets instead."""
        raise NotImplementedError

    @staticmethod
    def timed_out() -> BaseException:
        """Return what the driver's colour raises when time is up."""
        raise NotImplementedError

    def stop_calls(self, calls: Iterable[Call], *, urgent: bool) -> None:
        """Stop what can be stopped; with `urgent` go on without what cannot."""
        raise NotImplementedError

    def leave_slot(self, scope: CallScope) -> None:
        """Give the slot back that a call of user code holds, to whoever waits for one."""
        raise NotImplementedError

    def deliver(self, call: Any, reply: Any) -> None:
        """Take the result of something that was done elsewhere; from any thread."""
        raise NotImplementedError
