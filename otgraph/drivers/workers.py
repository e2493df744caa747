"""
Worker threads, shared by all runs of the process.

Rule: every thread is a daemon, so a node that cannot be stopped stops nobody from leaving. A burst of short jobs is
worked off by a few threads; jobs that block get more threads as soon as somebody notices (`nudge`), without limit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Final, TypeAlias

from otgraph.ids import reseed

__all__ = ["NUDGE_AFTER", "Workers", "workers"]

Job: TypeAlias = Callable[[], None]

AT_ONCE = 8
"""How many threads a burst of jobs may start before anybody has seen that they are needed."""
IDLE_SECONDS = 30.0
NUDGE_AFTER = 0.002
"""Seconds that whoever waits for jobs lets pass before it asks for more threads."""


class Workers:
    """Threads that come when they are needed and go when they are not."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._lock = Lock()
        self._idle = 0
        self.threads = 0
        """How many there are."""
        self.abandoned = 0
        """How many of them run a node whose run is over."""

    def submit(self, jobs: Sequence[Job]) -> None:
        """Have `jobs` done, each by whichever thread is free first; a job must not raise."""
        for job in jobs:
            self._jobs.put(job)
        with self._lock:
            missing = self._jobs.qsize() - self._idle
            if missing > 0 and self._idle == 0:
                room = max(1, AT_ONCE - self.threads)
                missing = min(missing, room)
            elif missing > 0:
                missing = min(missing, max(0, AT_ONCE - self.threads))
        self._start(missing)

    @property
    def backlog(self) -> int:
        """How many jobs nobody has begun."""
        return self._jobs.qsize()

    def nudge(self) -> None:
        """Start more threads, if jobs still wait: up to twice as many as there are."""
        with self._lock:
            missing = min(self._jobs.qsize() - self._idle, self.threads or 1)
        self._start(missing)

    def abandon(self, jobs: int) -> None:
        """Note that nobody waits for `jobs` of the running ones any more."""
        with self._lock:
            self.abandoned += jobs

    def returned(self) -> None:
        """Note that an abandoned job came to its end after all."""
        with self._lock:
            self.abandoned -= 1

    def _start(self, count: int) -> None:
        for _ in range(count):
            with self._lock:
                self.threads += 1
            Thread(target=self._work, name="otgraph-worker", daemon=True).start()

    def _work(self) -> None:
        jobs, lock = self._jobs, self._lock
        while True:
            try:
                job = jobs.get_nowait()
            except Empty:
                with lock:
                    self._idle += 1
                try:
                    job = jobs.get(timeout=IDLE_SECONDS)
                except Empty:
                    with lock:
                        self._idle -= 1
                        if jobs.empty():
                            self.threads -= 1
                            return
                    continue
                with lock:
                    self._idle -= 1
            job()
            del job


workers: Final = Workers()
"""The threads of this process."""


def _after_fork() -> None:
    # The threads stayed in the parent; what they were doing is the parent's business.
    workers.__init__()  # type: ignore[misc]
    reseed()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
