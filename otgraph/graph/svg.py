"""
A graph as SVG: the picture of `draw_ascii` with real lines, complete in itself.

Rule: no font, style sheet or script from elsewhere, and its styles touch nothing else on a page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

from otgraph.graph.elements import Edge
from otgraph.graph.layout import Cell, width
from otgraph.graph.routes import Line, draw_up

__all__ = ["draw_svg"]

COLUMN, ROW, MARGIN = 8, 16, 8
"""Pixels: of a character's width, of its height, and around the picture."""

_HEAD = """\
<defs><marker id="otgraph-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" \
orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>
<style>.otgraph rect{fill:#f2f0ff;stroke:#9b8ff0}.otgraph .end{fill:#bfb6fc}\
.otgraph .line{fill:none;stroke:#555}.otgraph .choice{stroke-dasharray:4 3}\
.otgraph text{font:13px ui-monospace,monospace;text-anchor:middle;dominant-baseline:central}\
.otgraph .label{fill:#555;font-size:12px}</style>"""


def draw_svg(texts: Mapping[str, str], edges: Sequence[Edge], ends: Sequence[str | None] = ()) -> str:
    """
    Return a picture of a graph.

    Args:
        texts: node id -> what is written in its box.
        ends: the texts of boxes that are drawn darker.
    """
    picture = draw_up(texts, edges)
    width, height = picture.width * COLUMN + 2 * MARGIN, picture.height * ROW + 2 * MARGIN
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    parts = [f'<svg class="otgraph" xmlns="http://www.w3.org/2000/svg" {size}>', _HEAD]
    parts += map(_line, picture.lines)
    for cell, row in picture.labels:
        parts.append(_text(cell.text, cell.center, row + 0.5, "label"))
    for cell, top in picture.boxes:
        parts += _box(cell, top, darker=cell.text in ends)
    return "\n".join([*parts, "</svg>", ""])


def _x(column: float) -> str:
    return f"{MARGIN + (column + 0.5) * COLUMN:g}"


def _y(row: float) -> str:
    return f"{MARGIN + row * ROW:g}"


def _line(line: Line) -> str:
    path = f"M{_x(line.start)} {_y(line.top)}V{_y(line.turn + 0.5)}H{_x(line.end)}V{_y(line.bottom + 1)}"
    heads = {"v": ' marker-end="url(#otgraph-head)"', "^": ' marker-start="url(#otgraph-head)"'}
    return _path(path, line.conditional, heads.get(line.head, ""))


def _path(path: str, conditional: bool, heads: str) -> str:
    return f'<path class="line{" choice" if conditional else ""}" d="{path}"{heads}/>'


def _text(text: str, column: float, row: float, kind: str = "") -> str:
    styled = f' class="{kind}"' if kind else ""
    return f'<text{styled} x="{_x(column)}" y="{_y(row)}">{escape(text)}</text>'


def _box(cell: Cell, top: int, *, darker: bool) -> Iterator[str]:
    left, middle = MARGIN + cell.left * COLUMN, (cell.left + cell.right - 1) / 2
    kind = ' class="end"' if darker else ""
    place = f'x="{left}" y="{_y(top)}" width="{cell.inner * COLUMN}" height="{3 * ROW}"'
    yield f'<rect{kind} {place} rx="6"/>'
    yield _text(cell.text, middle, top + 1.5)
    if cell.loop is not None:
        edge = left + cell.inner * COLUMN
        path = f"M{edge} {_y(top + 0.75)}h{2 * COLUMN}V{_y(top + 2.25)}h-{2 * COLUMN}"
        yield _path(path, cell.loop.conditional, ' marker-end="url(#otgraph-head)"')
        if text := cell.loop_label:
            yield _text(text, cell.right + 3 + width(text) / 2, top + 1.5, "label")
