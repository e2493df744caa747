"""`otgraph completion`: what it prints completes the command, in the shells themselves."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest


def completed(script: str, *words: str) -> list[str]:
    """Return what bash offers after some words, the last of which is begun."""
    quoted = " ".join(f"'{word}'" for word in words)
    call = f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _otgraph"
    asked = f'{script}\n{call}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    assert not done.stderr
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_completes_commands_options_and_choices(otgraph: Any) -> None:
    """Bash offers commands, the options of the command that was begun, and what an option may be."""
    script = otgraph("completion", "bash").stdout
    assert completed(script, "otgraph", "ru") == ["run"]
    assert completed(script, "otgraph", "run", "graphs:graph", "--re") == ["--resume", "--record"]
    assert completed(script, "otgraph", "run", "graphs:graph", "-m", "up") == ["updates"]
    assert completed(script, "otgraph", "completion", "") == ["bash", "zsh", "fish", "--help"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_scripts(otgraph: Any, shell: str) -> None:
    """Each shell that is installed reads its script without a complaint."""
    done = otgraph("completion", shell)
    assert done.returncode == 0
    assert done.stdout.count("checkpoints") >= 1
    if shutil.which(shell) is not None:
        read = subprocess.run([shell, "-n"], input=done.stdout, capture_output=True, text=True, check=False)
        assert (read.returncode, read.stderr) == (0, "")
