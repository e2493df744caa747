"""Many processes with many conversations on one SQLite file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from otgraph.checkpoint.sqlite import SqliteSaver

from .talkers import conversation, expected, place
from .test_crash import whole

HERE = Path(__file__).parent
PROCESSES = 8


def talk_at_once(path: Path, conversations: int, turns: int) -> None:
    """Let eight processes hold conversations; nobody may fail, and every word must be there."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", f"{HERE.name}.talkers", str(path), str(number), str(conversations), str(turns),
             "async" if number % 2 else "threads"],
            cwd=HERE.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]  # fmt: skip
    try:
        for process in running:
            assert process.stdout is not None
            assert "ready\n" == process.stdout.readline(), process.communicate()[1]
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        faults = [process.communicate()[1] for process in running]
        assert [0] * PROCESSES == [process.returncode for process in running], "\n".join(faults)[-6000:]
    finally:
        for process in running:
            process.kill()
    whole(path)
    with SqliteSaver.from_conn_string(path) as saver:
        graph = conversation(saver)
        for process_number in range(PROCESSES):
            for number in range(conversations):
                state = graph.get_state(place(process_number, number))
                assert expected(turns) == state.values["said"]
                assert () == state.next


def test_conversations_of_many_processes(tmp_path: Path) -> None:
    """Eight processes with ten conversations each, in threads and in tasks: no error, and no word is lost."""
    talk_at_once(tmp_path / "talk.db", 10, 2)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_two_hundred_conversations_in_each_of_eight_processes(tmp_path: Path) -> None:
    """Eight processes with two hundred conversations each, all at once."""
    talk_at_once(tmp_path / "talk.db", 200, 3)
