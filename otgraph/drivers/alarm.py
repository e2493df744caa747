"""
Alarm: what is to be done at a later time, where no coordinator is free to wait for it.

Rule: one daemon thread for the process, and none before it is needed. What it calls must be short.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from threading import Condition, Thread
from time import monotonic
from typing import Any, Final

__all__ = ["Ring", "alarm"]


class Ring:
    """Something that is to be done, until it is cancelled."""

    __slots__ = ("_action",)

    def __init__(self, action: Callable[[], Any]) -> None:
        self._action: Callable[[], Any] | None = action

    def cancel(self) -> None:
        """Do not do it."""
        self._action = None

    def __call__(self) -> None:
        """Do it now, for the first and last time."""
        action, self._action = self._action, None
        if action is not None:
            action()


class Alarm:
    """See the module."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Ring]] = []
        self._numbers = count()
        """They keep rings from being compared."""
        self._changed = Condition()
        self._thread: Thread | None = None

    def call_later(self, seconds: float, action: Callable[[], Any]) -> Ring:
        """Have something done after some time, in another thread."""
        ring = Ring(action)
        with self._changed:
            heappush(self._heap, (monotonic() + seconds, next(self._numbers), ring))
            if self._thread is None:
                self._thread = Thread(target=self._ring, name="otgraph-alarm", daemon=True)
                self._thread.start()
            self._changed.notify()
        return ring

    def _ring(self) -> None:
        while True:
            self._next()()

    def _next(self) -> Ring:
        """Wait for the next one."""
        with self._changed:
            while True:
                if not self._heap:
                    self._changed.wait()
                elif (left := self._heap[0][0] - monotonic()) > 0:
                    self._changed.wait(left)
                else:
                    return heappop(self._heap)[2]


alarm: Final = Alarm()
"""The one of this process."""


def _after_fork() -> None:
    # The thread stayed in the parent, with all that it was to do.
    alarm.__init__()  # type: ignore[misc]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
