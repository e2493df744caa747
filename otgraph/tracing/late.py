"""
Late: what is measured when there is time for it.

Rule: a run that is cut off may be cut off by the garbage collector, and so in the middle of anything, such as a meter
provider's own work, which would wait for itself. What is to be measured then waits until the next run begins, or until
measurements are collected.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from otgraph.tracing.faults import faults

__all__ = ["Late"]

MOST: Final = 10_000
"""How much may wait; where nothing is ever collected, the oldest is lost."""


class Late:
    """See the module."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], object]] = deque(maxlen=MOST)

    def put(self, act: Callable[..., object], *args: Any) -> None:
        """Have `act` called with `args` later."""
        self._waiting.append(partial(act, *args))

    def flush(self) -> None:
        """Do what waits."""
        waiting = self._waiting
        while waiting:
            try:
                act = waiting.popleft()
            except IndexError:
                # Another thread was faster.
                return
            try:
                act()
            except Exception as error:
                faults.count(error, "metrics")
