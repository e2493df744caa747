"""
Spool: what was told of spans waits here for the thread that writes it down.

Rule: telling costs an append. Nobody who tells waits for the file, whatever state it is in: a full or locked one is
tried again later, meanwhile the queue takes what it has room for, and only the end of a span that finds no room is a
loss, since an end tells all that the start and the events had told.

A process that is forked writes by itself what it tells itself. SQLite's connections do not survive that, so none is
open in that moment.
"""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from abc import ABC, abstractmethod
from collections import deque
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Final

from otgraph_exporters.losses import Losses
from otgraph_exporters.trace_store.alive import BEAT
from otgraph_exporters.trace_store.file import TraceStoreError
from otgraph_exporters.trace_store.retention import Retention, collect
from otgraph_exporters.trace_store.writer import Piece, Writer

__all__ = ["END", "EVENT", "LIVE", "START", "Spool"]

START, EVENT, LIVE, END = range(4)

BATCH: Final = 4096
"""How much is written in one transaction."""

RETRY: Final = 1.0
"""Seconds until a file that could not be written is tried again."""

GC_BYTES: Final = 1 << 24
"""After so many new bytes, what is too old or too much is deleted."""

INHERITED: Final[list[Any]] = []
"""Connections of the process that this one was forked from: closing them here would disturb the other one."""


class Spool(ABC):
    """
    Args:
        path: of the file.
        queue_size: how much may wait; ends of spans may take twice as much.
        interval: seconds for which it gathers before it writes.
        retention: what is kept; None for everything.
    """

    def __init__(self, path: Path, queue_size: int, interval: float, retention: Retention | None) -> None:
        if queue_size < 1:
            raise ValueError(f"queue_size must be at least 1, not {queue_size!r}")
        self._queue: deque[Any] = deque()
        self._limit = queue_size
        self._mark = max(1, queue_size // 4)
        """From here on the writer is hurried."""
        self._interval = interval
        self._retention = retention
        self._writer = Writer(path)
        self._losses = Losses(f"trace store {path}")
        self._pending: list[Piece] = []
        self._pending_resource: Any = None
        self._refused = 0
        """Starts and events that found no room."""
        self._collected_at = -GC_BYTES
        self._beaten_at = 0.0
        self._told_lost = 0
        self._reset()
        SPOOLS.add(self)

    def _reset(self) -> None:
        self._lock = Lock()
        """Whoever writes has it."""
        self._bell = Event()
        self._halt = Event()
        self._starting = Lock()
        self._thread: Thread | None = None
        self._held = False
        """Whether it was taken for a fork."""
        self._idle = True
        self._stopped = False

    # ---- for subclasses

    @abstractmethod
    def _pieces(self, items: list[Any]) -> list[Piece]:
        """Return what `items` of the queue tell."""

    @abstractmethod
    def _going_on(self) -> bool:
        """Say whether a span has started and not ended."""

    # ---- the side of those who tell

    def _crowded(self, kind: int) -> bool:
        """Hurry the writer; say whether there is no room for something of this kind."""
        if self._stopped:
            return True
        self._bell.set()
        count = len(self._queue)
        if count < self._limit:
            return False
        if kind != END:
            self._refused += 1
            return True
        if count < 2 * self._limit:
            return False
        self._losses.add(1, "queue_full", f"more than {self._limit} entries wait to be written")
        return True

    def _wake(self) -> None:
        self._idle = False
        self._bell.set()
        if self._thread is None and not self._stopped:
            with self._starting:
                if self._thread is None:
                    thread = Thread(target=self._work, name="otgraph-trace-store", daemon=True)
                    try:
                        thread.start()
                    except RuntimeError:
                        # The interpreter ends, or there are as many threads as there may be: what waits is written by
                        # whoever flushes or shuts down.
                        return
                    self._thread = thread

    # ---- the writer's side

    def _work(self) -> None:
        while not self._stopped:
            if not self._queue and not self._pending:
                self._idle = True
                if not self._queue:
                    self._bell.wait(BEAT if self._going_on() else None)
                self._idle = False
            self._bell.clear()
            if self._pending:
                self._halt.wait(RETRY)
            elif not self._stopped:
                self._bell.wait(self._interval)
            with self._lock:
                self._drain()

    def _drain(self) -> None:
        """Write all that is there; whoever calls has the lock."""
        queue = self._queue
        try:
            while queue or self._pending:
                if not self._pending:
                    self._take()
                if self._pending:
                    self._writer.write(self._pending, self._pending_resource)
                    self._pending = []
                    self._losses.recover("write_failed")
            self._keep_house()
        except (sqlite3.Error, TraceStoreError, OSError) as error:
            self._losses.warn(
                "write_failed",
                f"cannot be written ({error}); runs go on, it is tried again, and what finds no room meanwhile "
                "is counted as lost",
            )
            self._writer.close()

    def _take(self) -> None:
        queue = self._queue
        items = [queue.popleft() for _ in range(min(BATCH, len(queue)))]
        self._pending_resource = items[0][1].resource
        try:
            self._pending = self._pieces(items)
        except Exception as error:
            ends = sum(item[0] == END for item in items)
            self._losses.add(ends, "export_failed", f"they cannot be read: {error!r}")

    def _keep_house(self) -> None:
        now = time.monotonic()
        lost = self._losses.count
        if lost != self._told_lost or (self._going_on() and now - self._beaten_at >= BEAT):
            self._beaten_at = now
            self._told_lost = lost
            self._writer.beat(lost)
        written = self._writer.written
        if self._retention is not None and written and written - self._collected_at >= GC_BYTES:
            self._collected_at = written
            collect(self._writer.connection(), self._retention)

    # ---- the end

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Write all that was told so far; say whether that worked."""
        if not self._lock.acquire(timeout=max(timeout_millis, 0) / 1000):
            return False
        try:
            self._drain()
            return not self._pending
        finally:
            self._lock.release()

    def shutdown(self) -> None:
        """Write all that was told, and let go of the file; what is told afterwards is ignored."""
        if self._stopped:
            return
        self._stopped = True
        self._mark = 0
        self._bell.set()
        self._halt.set()
        with self._lock:
            self._drain()
            left = sum("end_ns" in piece.body for piece in self._pending)
            left += sum(item[0] == END for item in self._queue)
            self._losses.add(left, "shutdown", "the trace store could not be written until the end")
            self._pending = []
            self._queue.clear()
            self._writer.close()
        if self._thread is not None:
            self._thread.join(timeout=RETRY)

    # ---- forks

    def _before_fork(self) -> None:
        # A transaction in progress is waited for; a file that hangs must not hang the fork.
        self._held = self._lock.acquire(timeout=5 * RETRY)
        if self._held:
            self._writer.close()

    def _after_fork_here(self) -> None:
        if self._held:
            self._lock.release()

    def _after_fork_there(self) -> None:
        stopped = self._stopped
        self._queue.clear()
        self._pending = []
        if self._writer._connection is not None:
            INHERITED.append(self._writer._connection)
            self._writer._connection = None
        self._writer.forget()
        self._losses.renew()
        self._reset()
        self._stopped = stopped


SPOOLS: Final[weakref.WeakSet[Spool]] = weakref.WeakSet()


def _each(hook: str) -> Any:
    def call() -> None:
        for spool in list(SPOOLS):
            getattr(spool, hook)()

    return call


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_each("_before_fork"),
        after_in_parent=_each("_after_fork_here"),
        after_in_child=_each("_after_fork_there"),
    )
