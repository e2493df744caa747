"""
Clock: the time of one limit, and the calls that are under it.

Rule: an attempt's time begins with its first call, not while that waits for a slot. Signs of life come from any
thread; whether time is up is asked by the coordinator alone.
"""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any

from otgraph.drivers.scope import CallScope
from otgraph.engine.effects import Expired, Limit
from otgraph.engine.task import Task

if TYPE_CHECKING:
    from otgraph.drivers.base import Driver

__all__ = ["Clock", "TimedScope", "clock_of"]


class Clock:
    """See the module."""

    __slots__ = ("_began", "_limit", "_seen")

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._began = inf
        """When time began, by the monotonic clock."""
        self._seen = inf
        """When there was a sign of life."""

    def begin(self) -> None:
        """Begin, unless it has begun."""
        if self._began == inf:
            self._began = self._seen = monotonic()

    def sign(self) -> None:
        """Take a sign of life."""
        if not self._limit.beats:
            self._seen = monotonic()

    def beat(self) -> None:
        """Take a heartbeat."""
        self._seen = monotonic()

    @property
    def due(self) -> float:
        """When time is up, by the monotonic clock, if there is no other sign of life."""
        run, idle = self._limit.run, self._limit.idle
        end = inf if run is None else self._began + run
        return end if idle is None else min(end, self._seen + idle)

    def expired(self, error: BaseException) -> Expired:
        """Return the reply that says that time is up; `error` is what the driver's colour calls that."""
        elapsed, run = monotonic() - self._began, self._limit.run
        return Expired(error, elapsed, idle=run is None or elapsed < run)


def clock_of(limit: Limit) -> Clock:
    """Return the clock of a limit; the time of one that is not for an attempt begins now."""
    clock: Clock | None = limit.clock
    if clock is None:
        clock = limit.clock = Clock(limit)
        if not limit.attempt:
            clock.begin()
    return clock


class TimedScope(CallScope):
    """
    A call under time limits; that it begins is a sign of life, as is what it writes.

    Args:
        clocks: of its own attempt and of the attempts around that.
    """

    __slots__ = ("clocks",)

    def __init__(self, task: Task, driver: Driver, clocks: tuple[Clock, ...]) -> None:
        CallScope.__init__(self, task, driver)
        self.clocks = clocks
        for clock in clocks:
            clock.begin()
        self.sign()

    def sign(self) -> None:
        """Give a sign of life."""
        for clock in self.clocks:
            clock.sign()

    def write(self, payload: Any) -> None:
        """Hand `payload` to whoever streams `custom`."""
        self.sign()
        CallScope.write(self, payload)

    def beat(self) -> None:
        """Tell that the call is alive."""
        CallScope.beat(self)
        for clock in self.clocks:
            clock.beat()

    def release(self, driver: Any) -> None:
        """Forget a driver whose run is over."""
        self.sign()
        CallScope.release(self, driver)
