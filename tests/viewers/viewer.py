"""
A server of another project that shows traces, in an environment of its own that is made once.

Rule: what is installed is kept, in `${OTGRAPH_CACHE:-~/.cache/otgraph}`. As a program it installs all of them, and
nothing else.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

__all__ = ["MLFLOW", "PHOENIX", "installed"]

PHOENIX = "arize-phoenix==20.26.1"
MLFLOW = "mlflow==3.17.2"


def installed(requirement: str) -> Path:
    """Return the interpreter of an environment that has a pinned requirement, made now if there is none yet."""
    cache = Path(os.environ.get("OTGRAPH_CACHE") or Path.home() / ".cache" / "otgraph")
    version = "{}.{}".format(*sys.version_info)
    home = cache / "viewers" / f"{requirement.replace('==', '-')}-python{version}"
    home.parent.mkdir(parents=True, exist_ok=True)
    python, done = home / "bin" / "python", home / "installed"
    with (home.parent / f"{home.name}.lock").open("w") as lock:
        # Another run of the tests may be about to make the same.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(home, ignore_errors=True)
            venv.create(home, with_pip=True)
            subprocess.run(
                [python, "-m", "pip", "install", "--quiet", "--no-compile", requirement],
                check=True,
                stdin=subprocess.DEVNULL,
            )
            done.touch()
    return python


if __name__ == "__main__":
    for each in (PHOENIX, MLFLOW):
        installed(each)
