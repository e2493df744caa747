"""
Nodes that fork while their run streams, saves and is traced: nobody hangs, nothing is told, saved or exported twice.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

TESTS = Path(__file__).resolve().parents[1]
NOTES = ["in", "first", "busy", "forks", "last"]
ALONE = 8
"""Spans of the run: itself, three supersteps, four tasks."""
CHILD = 4
"""Spans of the child's."""

HOW = ["nothing", "run", "writer", "multiprocessing", "spawn", "pool", "return"]
RUNS = ("run", "multiprocessing", "pool")
"""Those in which the child has a run of its own."""


def story(folder: Path, how: str, colour: str) -> tuple[dict[str, Any], str]:
    """Return what became of the parent's run, and what was said on standard error."""
    # That threads and forks go badly together is what this is about.
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "drivers.forking", str(folder), how, colour],
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told, done.stderr


@pytest.mark.parametrize("colour", ["threads", pytest.param("asyncio", marks=pytest.mark.slow), "coroutine"])
@pytest.mark.parametrize("how", HOW)
def test_a_node_that_forks(how: str, colour: str, tmp_path: Path) -> None:
    """Whatever the child does, the parent's run is told, saved and exported once, and the child's is its own."""
    if (how, colour) == ("return", "coroutine"):
        pytest.skip("a coroutine that goes on in a child has no loop there")
    told, said = story(tmp_path, how, colour)
    stored = told.pop("stored")
    own = ["child", "parent"] if how in RUNS else ["parent"]
    assert told == {
        "notes": NOTES,
        "saved notes": NOTES,
        "said": ["after", "before", "busy"],
        "spans": ALONE,
        "threads": own,
    }
    # The child's run is in the trace, below the task that forked.
    assert stored == ([CHILD, ALONE + CHILD] if how in RUNS else [ALONE])
    assert ("has returned from it" in said) == (how == "return")
