"""
A turnstile for node bodies: parallel nodes finish in the order a program chooses, on any engine.

A body that asks for its turn waits until the whole process stands still: every other thread sleeps in the
kernel and no Python frame has moved. Then everything that could arrive has arrived, and the body with the
smallest key goes on. The next turn comes when all consequences of this one (commit, stream, the next superstep)
have played out and the process stands still again.

Rule: it knows nothing of the engine. It watches threads from outside, so it serves pools, event loops and
nested runs alike, and two engines given the same keys run the same bodies in the same order.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

__all__ = ["Turns"]

PAUSE = 0.00008
"""Seconds between two looks at the process; it also hands the interpreter's lock to whoever wants it."""

LOOKS = 3
"""How many equal looks in a row mean that the process stands still."""

_Key = tuple[Any, ...]


class ProgramOver(BaseException):
    """Ends the body of a node that its run has left behind in a thread."""


class Turns:
    """
    The turnstile of one program; its watcher thread starts with the first body that waits.

    Args:
        settle: seconds that stillness must last, for an engine that adds threads only after it waited a while.
    """

    def __init__(self, settle: float = 0.0) -> None:
        self.tied = False
        """True once two bodies waited with the same key: which one goes first is up to the engine's threads."""
        self._settle = settle
        self._waiting: dict[int, tuple[_Key, Callable[[], object]]] = {}
        self._tickets = count()
        self._arrived = threading.Event()
        self._closed = False
        self._watcher: threading.Thread | None = None
        self._lock = threading.Lock()

    def wait(self, *key: Any) -> None:
        """Block this thread until it is the turn of `key`."""
        opened = threading.Event()
        self._enter(key, opened.set)
        opened.wait()
        if self._closed:
            raise ProgramOver

    async def wait_async(self, *key: Any) -> None:
        """Suspend this coroutine until it is the turn of `key`."""
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()

        def let_in() -> None:
            if not opened.done():
                opened.set_result(None)

        ticket = self._enter(key, lambda: loop.call_soon_threadsafe(let_in))
        try:
            await opened
        finally:
            self._waiting.pop(ticket, None)

    def close(self) -> None:
        """End the watcher, and the bodies that still wait in threads: a run has left them behind."""
        self._closed = True
        self._arrived.set()
        if self._watcher is not None:
            self._watcher.join()
        with self._lock:
            for _, let_in in list(self._waiting.values()):
                with suppress(RuntimeError):  # a coroutine's loop is closed
                    let_in()

    def _enter(self, key: _Key, let_in: Callable[[], object]) -> int:
        with self._lock:
            ticket = next(self._tickets)
            self._waiting[ticket] = key, let_in
            if self._closed:
                let_in()
            elif self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, name="turns", daemon=True)
                self._watcher.start()
        self._arrived.set()
        return ticket

    def _watch(self) -> None:
        while not self._closed:
            self._arrived.wait()
            self._arrived.clear()
            while self._waiting and not self._closed:
                _wait_for_stillness(self._settle)
                with self._lock:
                    ready = sorted(self._waiting.items(), key=lambda item: (item[1][0], item[0]))
                    if not ready:
                        continue
                    ticket, (key, let_in) = ready[0]
                    self.tied |= len(ready) > 1 and ready[1][1][0] == key
                    self._waiting.pop(ticket, None)
                let_in()


def _wait_for_stillness(settle: float) -> None:
    """Return when no thread but this one has moved for `LOOKS` looks and `settle` seconds."""
    last: object = None
    same, since = 0, time.monotonic()
    while same < LOOKS or time.monotonic() < since + settle:
        time.sleep(PAUSE)
        look = _look()
        if look is None or look != last:
            same, since = 0, time.monotonic()
        else:
            same += 1
        last = look


def _look() -> object | None:
    """Return where every other thread is, or None if one of them runs or wants to."""
    me = threading.get_native_id()
    for task in os.listdir("/proc/self/task"):
        if int(task) != me and not _sleeps(task):
            return None
    here = threading.get_ident()
    return [
        (ident, id(frame), frame.f_lasti) for ident, frame in sys._current_frames().items() if ident != here
    ]


def _sleeps(task: str) -> bool:
    try:
        with open(f"/proc/self/task/{task}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split(None, 1)[0] == b"S"
    except OSError:
        return False
