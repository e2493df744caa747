"""Functions whose process is killed: what was recorded as finished never runs again, and in the end all is done."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from otgraph.checkpoint.sqlite import SqliteSaver

TASKS = 24

PROGRAM = f"""
import sys, time
from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.func import entrypoint, task

@task
def work(x):
    with open(sys.argv[2], "a") as log:
        log.write(f"{{x}}\\n")
    time.sleep(0.01)
    return x

@task
def pair(x):
    return [future.result() for future in (work(x), work(x + 1))]

with SqliteSaver.from_conn_string(sys.argv[1]) as saver:
    @entrypoint(checkpointer=saver)
    def main(n):
        return sum(sum(pair(x).result()) for x in range(0, n, 2))

    thread = {{"configurable": {{"thread_id": "1"}}}}
    given = None if saver.get_tuple(thread) else {TASKS}
    print(main.invoke(given, thread, durability="sync"), flush=True)
"""


def recorded(path: Path) -> set[int]:
    """Return the results of `work` that are in the database."""
    with SqliteSaver.from_conn_string(str(path)) as saver:
        found = saver.get_tuple({"configurable": {"thread_id": "1"}})
        writes = [] if found is None else found.pending_writes or []
    return {value for _, channel, value in writes if channel == "__return__" and isinstance(value, int)}


@pytest.mark.timeout(120)
def test_killed_again_and_again(tmp_path: Path) -> None:
    """Whenever the process is killed, the next one goes on from what was recorded, and the last one finishes."""
    database, log = tmp_path / "saved.db", tmp_path / "log"
    log.touch()
    chance = random.Random(7)
    kills = 0
    while True:
        known, before = recorded(database), len(log.read_text().splitlines())
        command = [sys.executable, "-c", PROGRAM, str(database), str(log)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            deadline = time.monotonic() + 30
            while process.poll() is None and len(log.read_text().splitlines()) < before + chance.randint(
                1, 6
            ):
                assert time.monotonic() < deadline
                time.sleep(0.001)
            if kills < 8 and process.poll() is None:
                time.sleep(chance.random() * 0.02)
                process.kill()
                kills += 1
            said = process.stdout.read() if process.stdout else ""
        ran = [int(line) for line in log.read_text().splitlines()[before:]]
        assert known.isdisjoint(ran), "what was recorded has run again"
        if said:
            assert said == f"{sum(range(TASKS))}\n"
            break
        assert process.returncode != 1
    assert kills >= 3
    assert set(range(TASKS)) == {int(line) for line in log.read_text().splitlines()}
