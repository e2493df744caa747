"""
A graph as text: boxes and lines for a terminal or a log.

Rule: plain ASCII, no line ends in a space, and conditional edges look different: `:` and `.` for `|` and `-`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from otgraph.graph.elements import Edge
from otgraph.graph.layout import Cell, width
from otgraph.graph.routes import Line, draw_up

__all__ = ["draw_ascii"]


def draw_ascii(texts: Mapping[str, str], edges: Sequence[Edge]) -> str:
    """
    Return a picture of a graph.

    Args:
        texts: node id -> what is written in its box.
    """
    picture = draw_up(texts, edges)
    rows = [[" "] * picture.width for _ in range(picture.height)]
    # A line that passes lies over one that crosses it, a turn over both, an arrow over all.
    for line in picture.lines:
        _draw_across(rows, line)
    for line in picture.lines:
        _draw_down(rows, line)
    for line in picture.lines:
        _draw_ends(rows, line)
    for cell, row in picture.labels:
        _write(rows[row], cell.left, cell.text)
    for cell, top in picture.boxes:
        _draw_box(rows, cell, top)
    return "\n".join("".join(row).rstrip() for row in rows)


def _draw_across(rows: list[list[str]], line: Line) -> None:
    low, high = sorted((line.start, line.end))
    for column in range(low, high + 1):
        rows[line.turn][column] = "." if line.conditional else "-"


def _draw_down(rows: list[list[str]], line: Line) -> None:
    char = ":" if line.conditional else "|"
    for row in range(line.top, line.bottom + 1):
        if row != line.turn or line.start == line.end:
            rows[row][line.start if row < line.turn else line.end] = char


def _draw_ends(rows: list[list[str]], line: Line) -> None:
    if line.start != line.end:
        rows[line.turn][line.start] = rows[line.turn][line.end] = "+"
    if line.head == "^":
        rows[line.top][line.start] = "^"
    elif line.head == "v":
        rows[line.bottom][line.end] = "v"


def _draw_box(rows: list[list[str]], cell: Cell, top: int) -> None:
    side = "+" + "-" * (cell.inner - 2) + "+"
    space = " " * ((cell.inner - 2 - width(cell.text)) // 2)
    parts = [side, f"|{space}{cell.text}{space}|", side]
    if cell.loop is not None:
        dash, bar = (".", ":") if cell.loop.conditional else ("-", "|")
        label = cell.loop_label and f" {cell.loop_label}"
        parts = [f"{parts[0]}{dash}{dash}+", f"{parts[1]}  {bar}{label}", f"{parts[2]}<{dash}+"]
    for row, part in enumerate(parts, top):
        _write(rows[row], cell.left, part)


def _write(row: list[str], column: int, text: str) -> None:
    for char in text:
        row[column] = char
        if width(char) == 2:
            row[column + 1] = ""
        column += width(char)
