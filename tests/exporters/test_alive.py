"""Whether a process is still there."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from otgraph_exporters.trace_store.alive import Identity, is_alive, myself


def test_this_process_is_alive() -> None:
    """A process that asks about itself is told that it is there, however long ago it gave a sign of life."""
    assert is_alive(myself(), 0, time.time_ns())


@pytest.mark.skipif(sys.platform != "linux", reason="what /proc tells")
def test_a_number_that_was_given_again_is_another_process() -> None:
    """A later process with the same number is not taken for the one that wrote."""
    me = myself()
    assert not is_alive(me._replace(birth=str(int(me.birth) - 1)), time.time_ns(), time.time_ns())


def test_a_process_that_ended_is_dead() -> None:
    """A process that has ended is known to be dead at once, even while nobody has taken note of its end."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert child.stdin is not None
    from otgraph_exporters.trace_store import alive

    there = myself()._replace(pid=child.pid, birth=alive._birth(child.pid))
    assert is_alive(there, 0, time.time_ns())
    child.stdin.close()
    deadline = time.monotonic() + 60
    while is_alive(there, 0, time.time_ns()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.wait()
    assert not is_alive(there, 0, time.time_ns())


def test_of_another_machine_only_signs_of_life_are_known() -> None:
    """A process elsewhere counts as there for a minute after its last sign of life."""
    elsewhere = Identity("elsewhere", "another boot", 1, "1")
    now = time.time_ns()
    assert is_alive(elsewhere, now - 30 * 10**9, now)
    assert not is_alive(elsewhere, now - 90 * 10**9, now)
