"""
The repository as a whole: what any of its tracked files must not contain, and what two of them must agree on.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from otgraph.version import __version__

REPOSITORY = Path(__file__).resolve().parent.parent
MACHINE = re.compile(rb"(?<![\w.~-])/(?:work|root|tmp|farm|home|Users)/[\w.]")


def tracked() -> Iterator[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=False)
    if listing.returncode:
        pytest.skip("an unpacked archive has no list of tracked files")
    return filter(Path.is_file, (REPOSITORY / name for name in listing.stdout.decode().split("\0") if name))


def test_no_tracked_file_names_a_machine() -> None:
    """No file mentions a path of the machine that it was written on."""
    found = [
        f"{file.relative_to(REPOSITORY)}:{number}: {line.decode(errors='replace').strip()}"
        for file in tracked()
        for number, line in enumerate(file.read_bytes().splitlines(), 1)
        if MACHINE.search(line)
    ]
    assert not found, "\n".join(found)


def test_the_version_is_said_once_more_and_the_same() -> None:
    """`otgraph.version` and pyproject.toml agree."""
    project = (REPOSITORY / "pyproject.toml").read_text()
    assert [__version__] == re.findall(r'^version = "(.*)"$', project, re.MULTILINE)
