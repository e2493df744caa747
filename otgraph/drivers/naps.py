"""
Naps: strands of one run that wait for their next attempt while others go on.

Rule: a nap costs no thread. Whoever waits for the run asks when the next one is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from time import monotonic

from otgraph.drivers.strands import Strand
from otgraph.engine.effects import Sleep

__all__ = ["Naps"]


class Naps:
    """Which strand sleeps until when, by the monotonic clock."""

    __slots__ = ("_heap", "_numbers")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Strand]] = []
        self._numbers = count()
        """They keep strands from being compared."""

    def __bool__(self) -> bool:
        return bool(self._heap)

    def begin(self, strand: Strand, seconds: float) -> None:
        """Let a strand sleep."""
        heappush(self._heap, (monotonic() + seconds, next(self._numbers), strand))

    @property
    def until(self) -> float | None:
        """When the next one has slept enough; None if nobody sleeps."""
        return self._heap[0][0] if self._heap else None

    def over(self) -> Iterator[Strand]:
        """Yield those that have slept enough, unless somebody has woken them before."""
        now = monotonic()
        while self._heap and self._heap[0][0] <= now:
            strand = heappop(self._heap)[2]
            if type(strand.effect) is Sleep:
                yield strand
