"""Several processes on one SQLite file, and processes that are killed while they write."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from otgraph.checkpoint.sqlite import SqliteSaver

from .crowd import config

HERE = Path(__file__).parent


def start(module: str, *arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", f"{HERE.name}.{module}", *map(str, arguments)],
        cwd=HERE.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def check(path: Path) -> None:
    connection = sqlite3.connect(path)
    assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()


def crowd(path: Path, processes: int, threads: int, turns: int, colours: tuple[str, ...]) -> None:
    """Let processes work on the file at once; nothing may fail and everything must be there."""
    running = [
        start("crowd", path, number, threads, turns, colours[number % len(colours)])
        for number in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        assert b"ready\n" == process.stdout.readline()
    for process in running:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    faults = [process.communicate()[1].decode() for process in running]
    assert [0] * processes == [process.returncode for process in running], "\n".join(faults)
    check(path)
    with SqliteSaver.from_conn_string(path) as saver:
        everything = processes * threads * turns
        assert everything == sum(1 for _ in saver.list(config("shared")))
        assert 2 * everything == sum(len(found.pending_writes or ()) // 2 for found in saver.list(None))


def test_a_crowd_of_processes_on_one_file(tmp_path: Path) -> None:
    """Eight processes with many threads each open the same new file at once: no lock error, nothing lost."""
    crowd(tmp_path / "crowd.db", 8, 6, 2, ("shared", "async", "own"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_large_crowd_of_processes_on_one_file(tmp_path: Path) -> None:
    """The same with many more threads and calls."""
    crowd(tmp_path / "crowd.db", 8, 16, 12, ("shared", "async", "own"))


def kill_and_look(path: Path, kills: int) -> None:
    """Kill a writer again and again: the file stays whole, and what was acknowledged stays there."""
    chance = random.Random(path.name)
    acknowledged: set[str] = set()
    for _ in range(kills):
        process = start("doomed_writer", path)
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(chance.uniform(0, 0.08))
        os.kill(process.pid, signal.SIGKILL)
        said = first + process.communicate()[0]
        lines = said.decode().splitlines()
        assert lines, "the writer died before it wrote"
        acknowledged.update(lines if said.endswith(b"\n") else lines[:-1])
        check(path)
    with SqliteSaver.from_conn_string(path) as saver:
        kept = {found.checkpoint["id"]: found for found in saver.list(config("t"))}
    for line in acknowledged:
        what, _, saved = line.partition(" ")
        assert int(saved) == kept[saved].checkpoint["channel_values"]["a"][0]
        assert what == "put" or 3 == len(kept[saved].pending_writes or ())
    assert {0, 3} >= {len(found.pending_writes or ()) for found in kept.values()}
    ids = sorted(map(int, kept))
    assert list(range(len(ids))) == ids


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="only where there is SIGKILL")
def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path) -> None:
    """After kill -9 in the middle of writing, the file passes its check and has all that was acknowledged."""
    kill_and_look(tmp_path / "killed.db", 4)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="only where there is SIGKILL")
def test_a_writer_killed_many_times_leaves_a_whole_file(tmp_path: Path) -> None:
    """The same, many times over one file."""
    kill_and_look(tmp_path / "killed.db", 60)
