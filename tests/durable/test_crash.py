"""Processes that run graphs are killed, again and again: what was recorded stands, and is not done again."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from otgraph.checkpoint.sqlite import SqliteSaver

from .doomed import LEVELS, Life, as_line

HERE = Path(__file__).parent
MODES = [(colour, durability) for colour in ("sync", "async") for durability in ("sync", "async")]
LIVES = 12
"""How often a thread is killed at most."""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="only where processes fork and are killed")


class Nursery:
    """The process that forks those that are killed."""

    def __init__(self, process: subprocess.Popen[str], effects: Path) -> None:
        self._process = process
        self._effects = effects.open()
        self.has_tasks = self._line() == "true"

    def live(self, life: Life, until: float | None) -> tuple[int, int, int]:
        """Let a child live, kill it after so many seconds; return its status, open calls and statements."""
        assert self._process.stdin is not None
        self._process.stdin.write(as_line(life))
        self._process.stdin.flush()
        child = int(self._line())
        if until is not None:
            time.sleep(until)
            with_kill(child)
        status, inside, statements = json.loads(self._line())
        return status, inside, statements

    def effects(self) -> list[tuple[str, str]]:
        """Return thread and `name#process` of the side effects since the last call."""
        return [(thread, rest) for thread, _, rest in (line.strip().partition(" ") for line in self._effects)]

    def close(self) -> None:
        self._effects.close()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, f"the nursery is gone:\n{self._process.stderr and self._process.stderr.read()}"
        return line


def with_kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it was done, and its parent has noticed


@contextmanager
def nursery(package: str, python: str, file: Path) -> Iterator[Nursery]:
    effects = file.with_suffix(".effects")
    effects.touch()
    with subprocess.Popen(
        [python, "-W", "ignore", "-m", f"{HERE.name}.doomed", package, str(file), str(effects)],
        cwd=HERE.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        started = Nursery(process, effects)
        try:
            yield started
        finally:
            started.close()
            process.kill()


@dataclass
class Score:
    """What was counted."""

    killed: int = 0
    inside: int = 0
    """How many of them in put or put_writes."""
    finished: int = 0
    repeated: int = 0
    """Side effects of tasks that were not recorded as finished and so were done again."""


@dataclass
class Thread:
    """What is known of a thread from outside."""

    name: str
    recorded: set[str] = field(default_factory=set)
    """`name#process` of what the file says is finished."""
    begun: dict[str, int] = field(default_factory=dict)
    """Name -> how often it was begun."""


def recorded(path: Path, thread: str) -> set[str]:
    """Return what a file says is finished: whatever a checkpoint or a write of a task holds."""
    found: set[str] = set()
    with SqliteSaver.from_conn_string(path) as saver:
        for saved in saver.list({"configurable": {"thread_id": thread}}):
            collect(saved.checkpoint["channel_values"], found)
            collect([value for _, _, value in saved.pending_writes or ()], found)
    return found


def collect(value: Any, into: set[str]) -> None:
    if isinstance(value, str):
        if "#" in value:
            into.add(value)
    elif isinstance(value, dict):
        collect(list(value.values()), into)
    elif isinstance(value, (list, tuple)):
        for each in value:
            collect(each, into)


def whole(path: Path) -> None:
    connection = sqlite3.connect(path)
    assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()


def check_effects(nursery: Nursery, thread: Thread, score: Score, *, strict: bool) -> None:
    """What was recorded before this life was not done in it, nor, if strict, anything of an earlier turn."""
    names = {done.partition("#")[0] for done in thread.recorded}
    turn = max((LEVELS[name] for name in thread.begun), default=0)
    for whose, done in nursery.effects():
        name = done.partition("#")[0]
        assert whose == thread.name
        assert name not in names, f"{name} was recorded as finished and is done again as {done}"
        assert not strict or LEVELS[name] >= turn, f"{name} is done again after turn {turn} began"
        score.repeated += name in thread.begun
        thread.begun[name] = thread.begun.get(name, 0) + 1


def check_finished(path: Path, thread: Thread, expected: set[str]) -> None:
    """The state has every task's write once, and the very writes that were recorded before kills."""
    with SqliteSaver.from_conn_string(path) as saver:
        last = saver.get_tuple({"configurable": {"thread_id": thread.name}})
    assert last is not None
    done = last.checkpoint["channel_values"]["done"]
    assert sorted(expected) == sorted(each.partition("#")[0] for each in done), done
    assert thread.recorded <= set(done), thread.recorded - set(done)


def kill_often(
    nursery: Nursery, path: Path, mode: tuple[str, str], kills: int, *, strict: bool = True
) -> Score:
    """Kill until it has been done so often; return the score."""
    colour, durability = mode
    chance = random.Random(f"{mode} {kills}")
    expected = {name for name in LEVELS if nursery.has_tasks or not name.startswith("task")}
    score = Score()
    begin = time.monotonic()
    status, _, statements = nursery.live(Life(f"{colour}-{durability}-0", colour, durability), None)
    span = time.monotonic() - begin
    assert status == 0
    check_effects(nursery, Thread(f"{colour}-{durability}-0"), Score(), strict=strict)
    number = 0
    while score.killed < kills:
        number += 1
        thread = Thread(f"{colour}-{durability}-{number}")
        for death in itertools.chain(chance.choices(("aimed", "timed"), k=LIVES), ["none"]):
            aimed = chance.randrange(1, statements) if death == "aimed" else 0
            life = Life(thread.name, colour, durability, aimed, chance.random() < 0.5)
            status, inside, _ = nursery.live(life, chance.uniform(0, span) if death == "timed" else None)
            check_effects(nursery, thread, score, strict=strict and durability == "sync")
            whole(path)
            if os.WIFEXITED(status):
                assert os.WEXITSTATUS(status) == 0, "a run failed; its traceback is above"
                break
            assert os.WTERMSIG(status) == signal.SIGKILL
            score.killed += 1
            score.inside += inside > 0
            now = recorded(path, thread.name)
            assert thread.recorded <= now, "what was recorded is gone"
            thread.recorded = now
        check_finished(path, thread, expected)
        score.finished += 1
    return score


@pytest.mark.parametrize("mode", MODES, ids=" driver, durability ".join)
def test_killed_runs_go_on(mode: tuple[str, str], tmp_path: Path) -> None:
    """After SIGKILL anywhere a run completes: no finished task's write is lost, none that is recorded runs again."""
    with nursery("otgraph", sys.executable, tmp_path / "killed.db") as forks:
        score = kill_often(forks, tmp_path / "killed.db", mode, 12)
    assert score.inside >= 4


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", MODES, ids=" driver, durability ".join)
def test_runs_killed_many_times_go_on(mode: tuple[str, str], tmp_path: Path) -> None:
    """The same, 200 times for each mode, at least 50 of them in the middle of put or put_writes."""
    with nursery("otgraph", sys.executable, tmp_path / "killed.db") as forks:
        score = kill_often(forks, tmp_path / "killed.db", mode, 200)
    print(score)
    assert score.killed >= 200
    assert score.inside >= 50
    assert score.repeated > 0, "no kill hit a task between its side effect and its record"
