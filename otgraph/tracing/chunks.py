"""
Chunks: when the pieces of a model's answer came.

Rule: a piece counts once, whether it is the client's own that is passed on, or what is handed to the stream, or both.
All times are kept only where somebody measures them; that there was a first one is known in any case.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import pairwise
from time import time_ns
from typing import Final

__all__ = ["PIECE", "TOKEN", "Chunks"]

PIECE: Final = "piece"
"""The client's own."""
TOKEN: Final = "token"
"""What is handed to the stream."""


class Chunks:
    """
    See the module.

    Args:
        timed: whether all times are kept.
    """

    __slots__ = ("_counted", "_times", "first_ns", "timed")

    def __init__(self, *, timed: bool) -> None:
        self.timed = timed
        self.first_ns = 0
        """When the first one came, in nanoseconds since 1970."""
        self._counted: str | None = None
        """By which of the two they are counted."""
        self._times = array("q")

    def came(self, what: str) -> None:
        """Note that a piece has come."""
        counted = self._counted
        if counted is not None and counted != what:
            # Both are told of each piece: that of the client's is it that tells of every one.
            self._counted = PIECE
            return
        self._counted = what
        now = time_ns()
        if not self.first_ns:
            self.first_ns = now
        if self.timed:
            self._times.append(now)

    def gaps(self) -> Iterator[tuple[float, int]]:
        """Yield the seconds from each piece to the next one, and when that came."""
        for before, now in pairwise(self._times):
            # The clock may have been set back.
            yield max(now - before, 0) / 1e9, now
