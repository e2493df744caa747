"""
Calls of tasks in a run on threads: a worker makes the call, and drives the task's flow when it has returned.

Rule: nothing here needs the thread that coordinates; it may be the one that waits for the task's future.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from otgraph.drivers.alarm import Ring, alarm
from otgraph.drivers.base import Driver
from otgraph.drivers.caller import LATER, Call
from otgraph.drivers.delay import seconds_of
from otgraph.drivers.future import TaskFuture
from otgraph.drivers.inbox import Inbox
from otgraph.drivers.job import Job
from otgraph.drivers.saves import SAVES, Saves
from otgraph.drivers.storage import perform
from otgraph.drivers.strands import Strand
from otgraph.drivers.workers import workers
from otgraph.engine.effects import CANCELLED, CallNode, Effect, Sleep
from otgraph.plan.model import NodePlan

__all__ = ["ThreadCalls"]


class ThreadCalls(Driver):
    """The part of the driver for sync code that performs what calls of tasks ask for."""

    inbox: Inbox | None = None
    """Where the coordinator finds results; None before there can be any."""

    def refuse_call(self, node: NodePlan) -> None:
        """
        Refuse what no worker thread could call.

        Raises:
            RuntimeError: the task is async.
        """
        if node.callee.sync is None:
            raise RuntimeError(
                f"In an sync context async tasks cannot be called: {node.name!r} is async. Run the graph by "
                "ainvoke or astream, or make the task a plain def."
            )

    def new_future(self, call: Call) -> TaskFuture:
        """Return a future of threads."""
        return TaskFuture()

    def perform_call(self, call: Call, effect: Effect) -> Any:
        """Perform what a call's flow asks for, in the thread that we are in or in a worker thread."""
        kind = type(effect)
        if kind is CallNode:
            if self.begin_call(call):
                self.begin_elsewhere(call)
            return LATER
        if type(effect) is Sleep:
            call.handle = self.call_later(seconds_of(effect), partial(self.resume_call, call, None))
            return LATER
        return self.save(effect) if kind in SAVES else perform(effect, self.record)

    def call_later(self, seconds: float, action: Callable[[], None]) -> Ring:
        """Have something done after some time, in another thread."""
        return alarm.call_later(seconds, action)

    def save(self, effect: Any) -> Any:
        """Save something, or take it over to be saved meanwhile."""
        if self.saves is None:
            with self.lock:
                self.saves = self.saves or Saves(self.saves_above, self.record)
        return self.saves.perform(effect)

    def begin_elsewhere(self, strand: Strand) -> None:
        """Hand a call that has a slot to a worker thread; from any thread."""
        with self.lock:
            effect = strand.effect
            if self.closed or type(effect) is not CallNode:
                return
            strand.handle = job = Job(self, strand, effect, self.scope_of(effect, strand))
        workers.submit_one(job)
        if type(strand) is Call:
            self.watch(strand, effect)

    def stop_calls(self, calls: Iterable[Call], *, urgent: bool) -> None:
        """Let those that have begun come to their end, unless it is urgent: a thread cannot be stopped."""
        self.drop(calls)
        for call in calls:
            handle = call.handle
            if type(handle) is Ring:
                handle.cancel()
                self.resume_call(call, CANCELLED)
            elif urgent and type(handle) is Job:
                self.stop(call, CANCELLED)

    # ---- results

    def deliver(self, call: Any, reply: Any) -> None:
        """Take the result of a job, or word that calls are over; from any thread."""
        if type(call.strand) is Call:
            self.returned(call, reply)
        else:
            inbox = self.inbox
            assert inbox is not None
            inbox.put((call, reply))

    def returned(self, job: Any, reply: Any) -> None:
        """Take the result of a job, unless that was given up."""
        if job.strand.handle is job:
            self.end(job.strand, reply)
        elif type(job.strand) is Call:
            # It was given up in the same moment.
            self.leave_slot(job.scope)

    def end(self, strand: Strand, reply: Any) -> None:
        """Give a strand the result of its call; whoever waited for its slot goes on."""
        following = self.end_call(strand, reply)
        if following is None:
            return
        if type(following) is Call or type(strand) is Call:
            self.begin_elsewhere(following)
        else:
            self.submit(following)

    def submit(self, strand: Strand) -> None:
        """Hand a call that has a slot to the workers, together with others that follow."""
        raise NotImplementedError
