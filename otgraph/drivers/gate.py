"""
Gates: where a thread waits until another one has something for it to do.

Rule: opening a gate lets one thread through, once; nobody waits to open one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Final, NamedTuple

__all__ = ["Gate", "lock_gate", "pipe_gate"]

KNOCK: Final = b"."


class Gate(NamedTuple):
    """What the one who waits and the one who wakes it hold in common."""

    open: Callable[[], object]
    wait: Callable[[], object]
    close: Callable[[], None]
    """Give back what it holds of the system; nobody may use it any more."""


def lock_gate() -> Gate:
    """Return a gate that costs nothing to have."""
    lock = Lock()
    lock.acquire()
    return Gate(lock.release, lock.acquire, lambda: None)


def pipe_gate() -> Gate:
    """
    Return a gate that wakes faster, and takes two file descriptors; a lock's, if there are none to be had.

    Whoever writes to a pipe lets go of the interpreter, so the thread that is woken finds it free. Whoever releases a
    lock does not: the other one wakes up, finds the interpreter taken, sleeps again, and must be woken once more.
    """
    try:
        reading, writing = os.pipe()
    except OSError:
        return lock_gate()

    def close() -> None:
        os.close(reading)
        os.close(writing)

    return Gate(partial(os.write, writing, KNOCK), partial(os.read, reading, 1), close)
