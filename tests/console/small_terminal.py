"""
A terminal as far as the console uses one, and programs that run in it.

Rule: an escape sequence that it does not know is an error, so that it never shows less than a real one would.
"""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

__all__ = ["Terminal", "environment", "run_in_terminal"]

REPOSITORY = Path(__file__).resolve().parent.parent.parent
TOKEN = re.compile(r"\x1b\[\??([\d;]*)([a-zA-Z])|[\s\S]")


class Terminal:
    """Lines of characters, and a cursor."""

    def __init__(self, columns: int = 100) -> None:
        self._columns = columns
        self.lines: list[str] = [""]
        self._row = self._column = 0
        self.deepest = 0

    def feed(self, text: str) -> None:
        for token in TOKEN.finditer(text):
            self._take(token[0], token[1] or "", token[2] or "")

    def _take(self, raw: str, number: str, command: str) -> None:
        if raw == "\r":
            self._column = 0
        elif raw == "\n":
            self._row += 1
        elif command == "A":
            self._row -= int(number or 1)
            assert self._row >= 0, "the cursor left the screen at its top"
        elif command == "J":
            self.lines[self._row :] = [self.lines[self._row][: self._column]]
        elif command in ("m", "h", "l"):
            return
        else:
            assert not command, f"unknown sequence {raw!r}"
            if self._column == self._columns:
                self._row, self._column = self._row + 1, 0
            self._grow()
            line = self.lines[self._row].ljust(self._column)
            self.lines[self._row] = line[: self._column] + raw + line[self._column + 1 :]
            self._column += 1
        self._grow()

    def _grow(self) -> None:
        while len(self.lines) <= self._row:
            self.lines.append("")

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines).rstrip()


def environment(**more: str) -> dict[str, str]:
    """Return what a program needs, without what changes how the console or OpenTelemetry behaves."""
    strange = ("OTEL_", "OTGRAPH_", "NO_COLOR", "CI", "TERM", "COLUMNS", "LINES", "FORCE_COLOR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
    path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "exporters"), str(REPOSITORY / "examples")])
    return {**kept, "PYTHONPATH": path, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40", **more}


def run_in_terminal(program: str, env: Mapping[str, str] | None = None) -> tuple[str, str, int]:
    """Run a program in a terminal; return the screen at its end, all that was written, and its exit code."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env or environment())
    os.close(theirs)
    written = b""
    while True:
        select.select([ours], [], [], 60)
        try:
            piece = os.read(ours, 65536)
        except OSError:  # what Linux says when the other side is closed
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    code = process.wait(timeout=60)
    text = written.decode()
    screen = Terminal()
    screen.feed(text.replace("\r\n", "\n\r"))
    return screen.text, text, code
