"""
The oracle's process, seen from the tests: ask it to run something on LangGraph, read the lines it observed.

Rule: one process for the session, started when first asked; a missing environment fails the test that needs it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from select import select
from tempfile import TemporaryFile
from typing import Any

import pytest

__all__ = ["Oracle"]

HERE = Path(__file__).parent
PYTHON = HERE.parents[1] / ".venv-oracle" / "bin" / "python"
PATIENCE = 60
"""Seconds after which a request counts as hung."""


class Oracle:
    """LangGraph in a process of its own."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._errors = TemporaryFile("w+")  # noqa: SIM115

    def ask(self, request: dict[str, Any]) -> Callable[[], list[str]]:
        """Send a request and return a function that waits for its lines, so that both engines work at once."""
        process = self._running()
        assert process.stdin is not None
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        return lambda: self._reply(process, request)

    def close(self) -> None:
        """End the process for good."""
        self._end()
        self._errors.close()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    def _running(self) -> subprocess.Popen[str]:
        if not PYTHON.exists():
            pytest.fail("LangGraph is not here to compare with: run `make oracle` first")
        if self._process is None:
            self._process = subprocess.Popen(
                [str(PYTHON), "-m", f"{HERE.name}.oracle_worker"],
                cwd=HERE.parent,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
            )
        return self._process

    def _reply(self, process: subprocess.Popen[str], request: dict[str, Any]) -> list[str]:
        assert process.stdout is not None
        ready, _, _ = select([process.stdout], [], [], PATIENCE)
        line = process.stdout.readline() if ready else ""
        if not line:
            self._end()
            self._errors.seek(0)
            state = "died" if ready else f"did not answer within {PATIENCE} s"
            pytest.fail(f"the oracle {state} on {request!r}\n{self._errors.read()[-4000:]}")
        reply = json.loads(line)
        if "fault" in reply:
            pytest.fail(f"the program is broken on LangGraph: {request!r}\n{reply['fault']}")
        lines: list[str] = reply["lines"]
        return lines
