"""
A process in the oracle's environment that answers one JSON request a line.

Rule: started when first asked; a missing environment fails the test that needs it.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from select import select
from tempfile import TemporaryFile
from typing import Any

import pytest
from typing_extensions import Self

__all__ = ["PYTHON", "TESTS", "Oracle"]

TESTS = Path(__file__).resolve().parents[1]
PYTHON = TESTS.parent / ".venv-oracle" / "bin" / "python"
PATIENCE = 60
"""Seconds after which a request counts as hung."""


class Oracle:
    """
    LangGraph in a process of its own.

    Args:
        module: what to run, with the folder of the tests as working directory.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: subprocess.Popen[str] | None = None
        self._errors = TemporaryFile("w+")  # noqa: SIM115 - closed with the process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._errors.close()

    def ask(self, request: Any) -> Any:
        """Return the answer to a request."""
        if not PYTHON.exists():
            pytest.fail("LangGraph is not here to compare with: run `make oracle` first")
        if self._process is None:
            self._process = subprocess.Popen(
                [str(PYTHON), "-m", self._module],
                cwd=TESTS,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
            )
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(request) + "\n")
        stdin.flush()
        ready, _, _ = select([stdout], [], [], PATIENCE)
        line = stdout.readline() if ready else ""
        if not line:
            self._errors.seek(0)
            pytest.fail(f"the oracle gave no answer to {request!r}\n{self._errors.read()[-4000:]}")
        return json.loads(line)
