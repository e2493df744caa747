"""Worker threads: they come when they are needed, are handed jobs directly, and go when they are not."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from waiting import until

from otgraph.drivers import workers as module
from otgraph.drivers.batch import run_all
from otgraph.drivers.gate import Gate, lock_gate, pipe_gate
from otgraph.drivers.workers import AT_ONCE, Workers


class Jobs:
    """Jobs that note who did them, and wait for each other if they are told to."""

    def __init__(self, waits_for: threading.Event | threading.Barrier | None = None) -> None:
        self._waits_for = waits_for
        self.done: list[threading.Thread] = []

    def __call__(self) -> None:
        if self._waits_for is not None:
            self._waits_for.wait(20)
        self.done.append(threading.current_thread())


def test_an_idle_thread_gets_the_job() -> None:
    """One job after another is done by one thread, and that is a daemon."""
    pool, jobs = Workers(), Jobs()
    for count in range(1, 50):
        pool.submit_one(jobs)
        until(lambda count=count: len(jobs.done) == count and len(pool._idle) == 1)  # type: ignore[misc]
    assert (1, 1) == (pool.threads, len(set(jobs.done)))
    assert jobs.done[0].daemon


def test_a_burst_of_short_jobs_needs_few_threads() -> None:
    """Short jobs are worked off by a few threads."""
    pool, jobs = Workers(), Jobs()
    pool.submit([jobs] * 500)
    until(lambda: len(jobs.done) == 500)
    assert pool.threads <= 2 * AT_ONCE


@pytest.mark.parametrize("count", [AT_ONCE + 1, 100])
def test_jobs_that_wait_for_each_other_all_begin(count: int) -> None:
    """However many jobs wait for one another, each gets a thread."""
    pool, jobs = Workers(), Jobs(threading.Barrier(count))
    pool.submit([jobs] * count)
    until(lambda: len(jobs.done) == count)
    assert count <= pool.threads


def test_single_jobs_never_wait_for_busy_threads() -> None:
    """A single job gets a thread at once, though all threads are busy."""
    event = threading.Event()
    pool, blocked, jobs = Workers(), Jobs(event), Jobs()
    for _ in range(3 * AT_ONCE):
        pool.submit((blocked,))
    pool.submit((jobs,))
    until(lambda: len(jobs.done) == 1)
    event.set()
    until(lambda: len(blocked.done) == 3 * AT_ONCE)


def test_threads_that_nobody_needs_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while there are as many threads as always stay, and they still work."""
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.02)
    pool, jobs = Workers(), Jobs(threading.Barrier(40))
    pool.submit([jobs] * 40)
    until(lambda: pool.threads == AT_ONCE)
    after = Jobs(threading.Barrier(AT_ONCE))
    pool.submit([after] * AT_ONCE)
    until(lambda: len(after.done) == AT_ONCE)


def test_a_system_without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can be started, those that there are do all jobs; where there are none, that is an error."""
    pool, jobs = Workers(), Jobs()
    pool.submit_one(jobs)
    until(lambda: len(jobs.done) == 1)

    def refuse(self: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(module._Worker, "start", refuse)
    pool.submit([jobs] * 20)
    pool.submit([jobs] * 20)
    until(lambda: len(jobs.done) == 41)
    with pytest.raises(RuntimeError, match="no worker thread can be started"):
        Workers().submit([jobs])


def test_a_thread_that_cannot_be_started_wakes_an_idle_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job whose thread is refused is done by a thread that has become free meanwhile."""
    pool, jobs = Workers(), Jobs()
    pool.submit_one(jobs)

    def refuse(self: Any) -> None:
        until(lambda: len(pool._idle) == 1)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(module._Worker, "start", refuse)
    pool._start(jobs)
    until(lambda: len(jobs.done) == 2)


def test_many_threads_hand_in_jobs() -> None:
    """No job is lost and none is done twice, whoever hands them in."""
    pool, done = Workers(), []

    def hand_in(name: int) -> None:
        for number in range(200):
            pool.submit_one(lambda number=number: done.append((name, number)))  # type: ignore[misc]

    threads = [threading.Thread(target=hand_in, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: len(done) >= 1600)
    time.sleep(0.01)
    assert 1600 == len(done) == len(set(done))


# ---- gates


@pytest.mark.parametrize("make", [lock_gate, pipe_gate])
def test_a_gate_lets_one_through_each_time_it_is_opened(make: Callable[[], Gate]) -> None:
    """Whoever waits goes on once for each opening, also for those that came before it waited."""
    gate, passed = make(), []

    def wait() -> None:
        for number in range(3):
            gate.wait()
            passed.append(number)

    gate.open()
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    until(lambda: len(passed) == 1)
    time.sleep(0.01)
    assert [0] == passed
    gate.open()
    until(lambda: len(passed) == 2)
    gate.open()
    thread.join(20)
    assert [0, 1, 2] == passed
    gate.close()


def test_threads_wait_where_there_is_no_pipe_to_be_had() -> None:
    """A process that has as many files open as it may still gets its jobs done, by threads that wait at a lock."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) // 2, before[1]))
    pool, jobs = Workers(), Jobs()
    try:
        with pytest.raises(OSError, match="files"):
            os.pipe()
        pool.submit_one(jobs)
        until(lambda: len(jobs.done) == 1 and len(pool._idle) == 1)
        pool.submit_one(jobs)
        until(lambda: len(jobs.done) == 2)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert jobs.done[0] is jobs.done[1]


# ---- batches


def test_results_come_in_the_order_of_the_calls() -> None:
    """Whichever call ends first."""
    calls = [lambda n=n: (time.sleep(0.002 * (10 - n)), n)[1] for n in range(10)]  # type: ignore[misc]
    assert list(range(10)) == run_all(calls, None, errors=False)
    assert list(range(10)) == run_all(calls, 3, errors=False)
    assert [] == run_all([], None, errors=False)


def test_the_first_error_stops_what_has_not_begun() -> None:
    """Calls in progress come to their ends, the others are not made."""
    made: list[int] = []
    failing = threading.Event()

    def call(number: int) -> int:
        made.append(number)
        if number == 0:
            failing.set()
            raise ValueError(number)
        failing.wait(30)
        time.sleep(0.05)
        return number

    calls = [lambda n=n: call(n) for n in range(50)]  # type: ignore[misc]
    with pytest.raises(ValueError, match="0"):
        run_all(calls, 2, errors=False)
    count = len(made)
    assert count < 5
    time.sleep(0.03)
    assert count == len(made)


def test_errors_are_results_if_that_is_wanted() -> None:
    """But what is no Exception is raised all the same."""

    def fail() -> None:
        raise KeyError("one")

    def leave() -> None:
        raise KeyboardInterrupt

    results = run_all([fail, lambda: 2], None, errors=True)
    assert ["KeyError('one')", "2"] == [repr(result) for result in results]
    with pytest.raises(KeyboardInterrupt):
        run_all([leave, lambda: 2], None, errors=True)
