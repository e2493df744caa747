"""
docs/cli.md tells the truth: its commands run, in their order, and print what it says.

A `python file=NAME` block is a file in the folder in which they run. In a `console` block a line that begins with `$`
is a command; what follows is what it prints, on both streams, and its exit code if that is not 0. Times and ids differ.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from otgraph.cli.exits import CODES

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "cli.md").read_text()
FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
VARIABLE = [
    (r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b[0-9a-f]{32}\b|\b[0-9a-f]{16}\b|\b[0-9a-f]{8}\b", "ID"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,\d]*)(?:Z|[+-]\d\d:\d\d)?|\b\d\d:\d\d:\d\d\.\d+", "TIME"),
    (r"\d+(?:\.\d+)? ?(?:µs|ms|s)\b", "DURATION"),
    (r"\d+(?:\.\d+)+\b", "VERSION"),
    (r"[\d,]+ bytes", "SIZE"),
    (r"[ \t]+", " "),
]


def steady(text: str) -> str:
    """Return a text without what differs from one time to the next."""
    for pattern, name in VARIABLE:
        text = re.sub(pattern, name, text)
    return "\n".join(line.strip() for line in text.strip().splitlines())


@pytest.fixture
def command_on_path(tmp_path: Path) -> Path:
    """A folder with the command `otgraph` in it, as an installation makes one."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    script = bin_folder / "otgraph"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -W error -m otgraph "$@"\n')
    script.chmod(0o755)
    return bin_folder


def test_the_page_tells_the_truth(command_on_path: Path, tmp_path: Path, environment: Any) -> None:
    """Each command of the page runs, in order, and prints what the page says."""
    folder = tmp_path / "work"
    folder.mkdir()
    for fence in FENCE.finditer(PAGE):
        if name := re.search(r"file=(\S+)", fence[2]):
            (folder / name[1]).write_text(fence[3])
    env = environment(PATH=f"{command_on_path}:/usr/bin:/bin", COLUMNS="110")
    commands = [
        found
        for fence in FENCE.finditer(PAGE)
        if fence[1] == "console"
        for found in COMMAND.finditer(fence[3])
    ]
    assert len(commands) >= 5
    for command, said in (found.groups() for found in commands):
        done = subprocess.run(
            ["sh", "-c", command], cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False, timeout=60,
        )  # fmt: skip
        printed = done.stdout + (f"[exit code {done.returncode}]\n" if done.returncode else "")
        assert steady(said) == steady(printed), f"$ {command}\n{printed}"


def test_every_exit_code_is_documented() -> None:
    """The table of exit codes has those of the command."""
    (table,) = re.findall(r"\| code \| meaning \|\n\|---\|---\|\n((?:\|.*\n)+)", PAGE)
    told = {int(code) for row in table.splitlines() for code in re.findall(r"\d+", row.split("|")[1])}
    assert told == set(CODES)
