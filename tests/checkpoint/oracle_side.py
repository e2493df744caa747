"""
The environment of the other engine, seen from the tests: run a module of this folder there.

Rule: a missing environment or package fails the test that needs it, and says what to do.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Worker", "run_there"]

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
PYTHON = Path(os.environ.get("OTGRAPH_ORACLE_PYTHON") or REPOSITORY / ".venv-oracle" / "bin" / "python")
PATIENCE = 100
"""Seconds after which a run counts as hung."""


def run_there(module: str, *arguments: Any, with_otgraph: bool = False) -> Any:
    """
    Run a module of this folder in the oracle's environment and return the JSON that it prints at its end.

    Args:
        module: a name in this folder, or a dotted one below `tests`.
        with_otgraph: whether it may import otgraph beside LangGraph.
    """
    if not PYTHON.exists():
        pytest.fail("LangGraph is not here to compare with: run `make oracle` first")
    path = [str(HERE.parent), *([str(REPOSITORY)] if with_otgraph else [])]
    done = subprocess.run(
        [str(PYTHON), "-m", module if "." in module else f"{HERE.name}.{module}", *map(str, arguments)],
        cwd=HERE.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path), "LANGGRAPH_STRICT_MSGPACK": ""},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode:
        hint = "; run `make oracle` again" if "ModuleNotFoundError" in done.stderr else ""
        pytest.fail(f"{module} failed in the oracle's environment{hint}\n{done.stderr[-6000:]}")
    return json.loads(done.stdout.splitlines()[-1])


class Worker:
    """
    A program that goes on running in the oracle's environment, and answers a line of JSON with another.

    Args:
        module: a name in this folder.
    """

    def __init__(self, module: str) -> None:
        if not PYTHON.exists():
            pytest.fail("LangGraph is not here to compare with: run `make oracle` first")
        self._process = subprocess.Popen(
            [str(PYTHON), "-m", f"{HERE.name}.{module}"],
            cwd=HERE.parent,
            env={**os.environ, "PYTHONPATH": str(HERE.parent), "LANGGRAPH_STRICT_MSGPACK": ""},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, *question: Any) -> Any:
        """Send a question and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            _, errors = self._process.communicate()
            pytest.fail(f"the oracle's side failed\n{errors[-6000:]}")
        return json.loads(answer)

    def close(self) -> None:
        """End the program."""
        self._process.communicate()
