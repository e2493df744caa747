"""
Turn: who steps the flows of a run that was begun inside a node.

Rule: one thread at a time. Its own thread holds the turn while it steps, and gives it away while user code runs and
while it waits; then the run around it may end it.
"""

from __future__ import annotations

from threading import Lock, get_ident

__all__ = ["Turn"]


class Turn:
    """A lock that knows its owner."""

    __slots__ = ("_lock", "_owner")

    def __init__(self) -> None:
        self._lock = Lock()
        self._owner = 0

    def take(self) -> None:
        """Wait for the turn."""
        self._lock.acquire()
        self._owner = get_ident()

    def give(self) -> None:
        """Let others have it."""
        self._owner = 0
        self._lock.release()

    @property
    def mine(self) -> bool:
        """Whether the thread that asks has it."""
        return self._owner == get_ident()
