"""
Worker threads, shared by all runs of the process.

Rule: every thread is a daemon, so a node that cannot be stopped stops nobody from leaving. A burst of short jobs is
worked off by a few threads; while jobs wait and none is begun, there come more, without limit. So a job never waits
for another one to end, whoever waits for whom.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from threading import Lock, RLock, Thread
from time import process_time, sleep
from typing import Final, TypeAlias

from otgraph.drivers.gate import lock_gate, pipe_gate
from otgraph.ids import reseed

__all__ = ["Workers", "workers"]

Work: TypeAlias = Callable[[], "Callable[[], None] | None"]
"""A job; it may return what is to be called when its thread is free again, so that whoever that wakes finds it free."""

AT_ONCE = 8
"""How many threads a burst of jobs may start before it is seen that they are needed; so many also stay for good."""
STUCK_SECONDS = 0.002
"""How long jobs wait, with none begun meanwhile, until there come more threads."""
BUSY_TICKS = 10
"""How many times as long, where the processor is busy: more threads would only make it busier."""
IDLE_SECONDS = 30.0
"""How long threads that nobody needs stay."""


class Workers:
    """Threads that come when they are needed and go when they are not."""

    def __init__(self) -> None:
        # Reentrant: the garbage collector may close a stream, and so give up a job, in the middle of anything.
        self.lock = RLock()
        """Held by whoever changes anything here, but for taking an idle thread, which is a single step."""
        self._jobs: deque[Work] = deque()
        """What nobody has begun."""
        self._idle: list[_Worker] = []
        self._least_idle = 0
        """How many threads were idle at least, since somebody last looked."""
        self._begun = 0
        """How many jobs that had to wait were begun so far."""
        self._keeper: Lock | None = None
        """Wakes the thread that keeps the number of threads right; None before it is needed."""
        self.threads = 0
        """How many there are."""
        self.abandoned = 0
        """How many of them run a node whose run is over."""
        self.home = object()
        """Another one in each process."""

    def submit(self, jobs: Sequence[Work]) -> None:
        """Have `jobs` done, each by whichever thread is free first; a job must not raise."""
        with self.lock:
            woken = list(islice(iter(self._take_idle, None), len(jobs)))
            count = len(woken)
            # One at least: whoever hands in a single job need not wait for those of others.
            starting = min(len(jobs) - count, max(1, AT_ONCE - self.threads))
            self._jobs.extend(jobs[count + starting :])
            self.threads += starting
            crowd = starting > 0 and (len(self._jobs) > 0 or self.threads > AT_ONCE)
        for worker, job in zip(woken, jobs, strict=False):
            worker.job = job
            worker.wake()
        for job in jobs[count : count + starting]:
            self._start(job)
        if not self.threads:
            raise RuntimeError("no worker thread can be started; the process has as many as it may have")
        if crowd:
            self._call_keeper()

    def submit_one(self, job: Work) -> None:
        """Have one job done; see `submit`."""
        worker = self._take_idle()
        if worker is None:
            self.submit((job,))
        else:
            worker.job = job
            worker.wake()

    def _take_idle(self) -> _Worker | None:
        """Return an idle thread, which from here on is nobody else's, or None; takes no lock."""
        try:
            worker = self._idle.pop()
        except IndexError:
            return None
        self._least_idle = min(self._least_idle, len(self._idle))
        return worker

    def _start(self, job: Work) -> None:
        worker = _Worker(self, job)
        try:
            worker.start()
        except RuntimeError:
            # There are as many threads as the system allows; one of those that there are will come to it.
            worker.close()
            with self.lock:
                self.threads -= 1
                idle = self._take_idle()
                if idle is None:
                    self._jobs.appendleft(job)
            if idle is not None:
                idle.job = job
                idle.wake()

    def abandon(self) -> None:
        """Note that nobody waits for one of the running jobs any more."""
        with self.lock:
            self.abandoned += 1

    def returned(self) -> None:
        """Note that an abandoned job came to its end after all."""
        with self.lock:
            self.abandoned -= 1

    def next_job(self, worker: _Worker) -> Work | None:
        """Return a job that waits; None if there is none, and then `worker` is idle."""
        with self.lock:
            if self._jobs:
                self._begun += 1
                return self._jobs.popleft()
            self._idle.append(worker)
        return None

    # ---- keeping the number of threads right

    def _call_keeper(self) -> None:
        with self.lock:
            gate = self._keeper
            if gate is None:
                gate = Lock()
                try:
                    Thread(target=self._keep, args=(gate,), name="otgraph-keeper", daemon=True).start()
                    self._keeper = gate
                except RuntimeError:
                    # No more threads to be had: those that there are go on.
                    return
            elif gate.locked():
                gate.release()

    def _keep(self, gate: Lock) -> None:
        while True:
            gate.acquire(blocking=False)
            self._grow()
            with self.lock:
                crowd = self.threads > AT_ONCE
                self._least_idle = len(self._idle)
            if not gate.acquire(timeout=IDLE_SECONDS if crowd else -1):
                self._shrink()

    def _grow(self) -> None:
        """For as long as jobs wait and none is begun, double the number of threads."""
        stuck, begun = 0, self._begun
        while self._jobs:
            busy = process_time()
            sleep(STUCK_SECONDS)
            stuck = stuck + 1 if begun == self._begun else 0
            begun = self._begun
            if not stuck or (process_time() - busy > STUCK_SECONDS / 2 and stuck < BUSY_TICKS):
                continue
            with self.lock:
                taken = [self._jobs.popleft() for _ in range(min(len(self._jobs), max(1, self.threads)))]
                self.threads += len(taken)
            for job in taken:
                self._start(job)

    def _shrink(self) -> None:
        """Send those away whom nobody has needed for a while."""
        with self.lock:
            count = min(self._least_idle, self.threads - AT_ONCE)
            for worker in [worker for worker in self._idle if not worker.stays][:count]:
                try:
                    self._idle.remove(worker)
                except ValueError:
                    # Somebody has just found something for it to do.
                    continue
                worker.wake()
                self.threads -= 1


class _Worker:
    """
    One thread.

    Args:
        job: what it begins with.
    """

    __slots__ = ("_gate", "_pool", "job", "stays", "wake")

    def __init__(self, pool: Workers, job: Work) -> None:
        self._pool = pool
        self.stays = pool.threads <= AT_ONCE
        """Whether it is one of the few that never leave; there may be more threads than pipes to be had."""
        self._gate = pipe_gate() if self.stays else lock_gate()
        self.wake = self._gate.open
        self.job: Work | None = job
        """What it shall do next; None when it is woken without, to leave."""

    def start(self) -> None:
        """Start the thread."""
        Thread(target=self._work, name="otgraph-worker", daemon=True).start()

    def close(self) -> None:
        """Let go of its gate, instead of starting."""
        self._gate.close()

    def _work(self) -> None:
        pool = self._pool
        next_job, wait, home = pool.next_job, self._gate.wait, pool.home
        while True:
            job, self.job = self.job, None
            if job is None:
                return
            tell = job()
            if pool.home is not home:
                # The job has forked; its run and our gate are the parent's.
                return
            job = next_job(self)
            if tell is not None:
                tell()
            if job is None:
                wait()
            else:
                self.job = job
            # Nothing of it is kept while the thread waits.
            job = tell = None


workers: Final = Workers()
"""The threads of this process."""


def _after_fork() -> None:
    # The threads stayed in the parent; what they were doing is the parent's business.
    workers.__init__()  # type: ignore[misc]
    reseed()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
