"""Saved runs leave nothing behind in the process that ran them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
SLACK = 25
"""What may be there for a while: threads that wait for work, and what the last runs had in their hands."""


def soak(runs: int, folder: Path) -> Any:
    """Return what a process measured that made so many runs; everything it saved must be deleted again."""
    done = subprocess.run(
        [sys.executable, "-m", f"{HERE.name}.soak", str(runs), str(folder / "soak.db")],
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    found = json.loads(done.stdout)
    assert found["runs"] >= runs
    assert found["spans"] > 4 * runs
    assert [0, 0, 0] == found["kept"]
    return found["marks"]


def grown(first: dict[str, int], last: dict[str, int], slack: int) -> dict[str, tuple[int, int]]:
    """Return what has grown by more than `slack`."""
    return {
        name: (first.get(name, 0), size) for name, size in last.items() if size > first.get(name, 0) + slack
    }


def test_nothing_piles_up(tmp_path: Path) -> None:
    """After hundreds of runs no table of the engine or the tracing has grown with them, and no object is left."""
    first, _, last = soak(400, tmp_path)
    assert {} == grown(first["tables"], last["tables"], SLACK)
    assert {} == grown(first["objects"], last["objects"], SLACK)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_twenty_thousand_runs_leave_memory_flat(tmp_path: Path) -> None:
    """The same after 20,000 runs; from the middle on the process's memory does not grow by as much as 1 MB."""
    first, middle, last = soak(20_000, tmp_path)
    print([mark["pages"] for mark in (first, middle, last)])
    assert {} == grown(first["tables"], last["tables"], SLACK)
    assert {} == grown(first["objects"], last["objects"], SLACK)
    assert last["everything"] <= first["everything"] * 1.01
    assert last["pages"] <= middle["pages"] + 256
