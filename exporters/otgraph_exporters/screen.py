"""
The lower end of a terminal, where a picture of what is going on is drawn again and again.

Rule: what the program prints is printed in full, above the picture, in its order. While the picture is up, `sys.stdout`
and `sys.stderr` stand behind an object that makes way for it, if they lead to a terminal; then they are put back.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from shutil import get_terminal_size
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, TextIO

from otgraph_exporters.rows import LABEL, Row, style_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["Screen", "as_text"]

ESCAPE: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
HIDE, SHOW, BELOW = "\x1b[?25l", "\x1b[?25h", "\x1b[J"
MOST_REDRAWN: Final = 50
"""A program that prints more often than this between two pictures prints without one."""


def as_text(row: Row, width: int = LABEL) -> Text:
    """Return a row as a line of rich, its first column `width` characters wide."""
    from rich.text import Text

    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(row.branch, "dim")
    label = row.label
    if row.time:
        room = width - len(row.branch)
        label = label if len(label) <= room else label[: max(room - 1, 1)] + "…"
        line.append(label.ljust(room), "bold" if row.outcome == "running" else "")
        line.append(f"  {row.word:<11} ", style_of(row.outcome))
        line.append(f"{row.time:>9}")
    else:
        line.append(label, style_of(row.outcome) or "dim")
    if row.detail:
        line.append("  " + row.detail, "" if row.time else "dim")
    return line


class Screen:
    """
    A picture at the lower end of a terminal.

    Args:
        stream: the terminal; `sys.stderr` as it is when the screen is made, if None.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._console: Console | None = None
        # Reentrant: a finaliser may print in the middle of anything.
        self._lock = RLock()
        self._behind: dict[str, _Above] = {}
        self._frame = ""
        self._height = 0
        """Lines of the picture that is up."""
        self._found = False
        """Whether it is known where the cursor is."""
        self._tail = ""
        """What the program has printed of a line that is not finished."""
        self._redrawn = 0

    @property
    def room(self) -> tuple[int, int]:
        """Columns and lines of the terminal."""
        size = get_terminal_size()
        return size.columns, size.lines

    def open(self) -> None:
        """Stand before the program's own output, so as to know where the cursor is."""
        with self._lock:
            if self._behind:
                return
            for name in ("stdout", "stderr"):
                stream = getattr(sys, name)
                if stream is not None and stream.isatty():
                    self._behind[name] = _Above(stream, self)
                    setattr(sys, name, self._behind[name])

    def close(self) -> None:
        """Take the picture away, and give the program its output back."""
        with self._lock:
            self.show([])
            self._found = False
            for name, ours in self._behind.items():
                if getattr(sys, name) is ours:
                    setattr(sys, name, ours.stream)
            self._behind = {}
            self._tail = ""

    def show(self, rows: Sequence[Row]) -> None:
        """Draw a picture in the place of the one before; no rows are no picture."""
        with self._lock:
            self._redrawn = 0
            frame = self._render(rows) if rows else ""
            if frame == self._frame and (self._height or not frame):
                return
            self._erase()
            self._find_line()
            if bool(frame) is not bool(self._frame):
                self._put(HIDE if frame else SHOW)
            self._frame = frame
            self._draw()

    def settle(self, rows: Sequence[Row]) -> None:
        """Print lines that stay, above the picture."""
        with self._lock:
            self._erase()
            self._find_line()
            if self._tail:
                self._tail = ""
                self._put("\n")
            self._put(self._render(rows) + "\n")
            self._draw()

    def print_above(self, stream: TextIO, text: str) -> int:
        """Write what the program prints."""
        with self._lock:
            self._erase()
            written = stream.write(text)
            stream.flush()
            self._keep_tail(text)
            self._redrawn += 1
            if self._redrawn <= MOST_REDRAWN:
                self._draw()
            return written

    def _find_line(self) -> None:
        """Before the first picture, leave a line alone that was begun when nobody listened."""
        if not self._found and not self._tail:
            # So many blanks end on the next line, unless they begin where a line does.
            self._put(" " * self.room[0] + "\r" + BELOW)
        self._found = True

    def _keep_tail(self, text: str) -> None:
        line = (self._tail + text).rpartition("\n")[2]
        # Of a line that is written over and over again, as progress bars are, the newest counts.
        self._tail = line if len(line) < 10_000 else line[-10_000:]
        if self._tail.count("\r") > 1:
            self._tail = "\r" + self._tail.rpartition("\r")[2]

    def _render(self, rows: Sequence[Row]) -> str:
        columns, _ = self.room
        width = min(max([LABEL, *(len(row.branch + row.label) for row in rows if row.time)]), columns // 2)
        from rich.console import Console

        if self._console is None:
            self._console = Console(file=self._stream, force_terminal=True, highlight=False, soft_wrap=False)
        with self._console.capture() as captured:
            for row in rows:
                self._console.print(as_text(row, width), no_wrap=True, overflow="ellipsis", width=columns - 1)
        return captured.get().rstrip("\n")

    def _draw(self) -> None:
        if self._frame:
            self._put(("\n" if self._tail else "") + self._frame)
            self._height = self._frame.count("\n") + 1

    def _erase(self) -> None:
        if not self._height:
            return
        up = self._height - 1 + (self._tail_height() if self._tail else 0)
        self._put("\r" + (f"\x1b[{up}A" if up else "") + BELOW + self._tail)
        self._height = 0

    def _tail_height(self) -> int:
        from rich.cells import cell_len

        columns, _ = self.room
        width = max(cell_len(ESCAPE.sub("", part)) for part in self._tail.split("\r"))
        return max(1, -(-width // columns))

    def _put(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


class _Above:
    """Stands before a stream that leads to the terminal; whatever is not writing goes straight to it."""

    def __init__(self, stream: TextIO, screen: Screen) -> None:
        self.stream = stream
        self._screen = screen

    def write(self, text: str) -> int:
        return self._screen.print_above(self.stream, text) if text else 0

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def __iter__(self) -> Any:
        return iter(self.stream)
