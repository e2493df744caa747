"""
The lines of a drawing: where each leaves its box, in which row it turns, where it arrives.

Rule: two lines may cross, but do not run on top of each other unless the graph leaves no other way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from otgraph.graph.elements import Edge
from otgraph.graph.layout import Cell, Link, arrange, flatten

__all__ = ["Line", "Picture", "draw_up"]


@dataclass(frozen=True)
class Line:
    """A line from one row down to another, which turns at most once."""

    start: int
    end: int
    """Columns, at the top and at the bottom."""
    top: int
    turn: int
    bottom: int
    """Rows."""
    conditional: bool
    head: str = ""
    """`v` for an arrow at the bottom, `^` for one at the top."""


@dataclass
class Picture:
    """All there is to draw, in rows and columns."""

    width: int = 0
    height: int = 0
    boxes: list[tuple[Cell, int]] = field(default_factory=list)
    """Each with the row of its top; it is three rows high."""
    labels: list[tuple[Cell, int]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


def draw_up(texts: Mapping[str, str], edges: Sequence[Edge]) -> Picture:
    """
    Return what to draw and where.

    Args:
        texts: node id -> what is written in its box.
    """
    picture = Picture()
    for layer in arrange(texts, edges):
        _add_layer(picture, layer)
        links = [link for cell in layer for link in cell.below]
        _choose_columns(links)
        _add_links(picture, links)
    return picture


def _add_layer(picture: Picture, layer: list[Cell]) -> None:
    top = picture.height
    picture.height += 3 if any(cell.is_box for cell in layer) else 1
    for cell in layer:
        picture.width = max(picture.width, cell.left + cell.outer)
        if cell.is_box:
            picture.boxes.append((cell, top))
        elif cell.text:
            picture.labels.append((cell, top))
        else:
            column, conditional = cell.center, cell.below[0].conditional
            picture.lines.append(Line(column, column, top, top, picture.height - 1, conditional))


def _add_links(picture: Picture, links: list[Link]) -> None:
    if not links:
        return
    turns = _choose_turns(links)
    top = picture.height
    bottom = top + max(turns.values(), default=0) + 1
    for link in links:
        head = (
            "^" if link.upward and link.upper.is_box else "v" if not link.upward and link.lower.is_box else ""
        )
        turn = top + turns.get(link, 0)
        picture.lines.append(Line(link.start, link.end, top, turn, bottom, link.conditional, head))
    picture.height = bottom + 1


def _choose_columns(links: list[Link]) -> None:
    """Let each line leave and arrive where it can be straight."""
    for link in links:
        link.start, link.end = link.upper.center, link.lower.center
    for cell in dict.fromkeys(link.upper for link in links if link.upper.is_box):
        cell.below.sort(key=lambda link: link.end)
        columns = _spread(cell, [link.end for link in cell.below])
        for link, column in zip(cell.below, columns, strict=True):
            link.start = column
    for cell in dict.fromkeys(link.lower for link in links if link.lower.is_box):
        cell.above.sort(key=lambda link: link.start)
        columns = _spread(cell, [link.start for link in cell.above])
        for link, column in zip(cell.above, columns, strict=True):
            link.end = column


def _spread(cell: Cell, wishes: list[int]) -> list[int]:
    """Return columns on the side of a box, near the wishes and not too near to each other."""
    step = 4 if 4 * len(wishes) < cell.inner else 2
    columns = []
    for at, place in enumerate(flatten([wish - step * at for at, wish in enumerate(wishes)])):
        before, after = step * at, step * (len(wishes) - 1 - at)
        columns.append(min(max(round(place) + before, cell.left + 1 + before), cell.right - 2 - after))
    return columns


def _choose_turns(links: list[Link]) -> dict[Link, int]:
    """Return the row, counted from 1, in which each line turns that is not straight."""
    # Those that go left from the left, those that go right from the right: so they do not cross.
    waiting = sorted(
        (link for link in links if link.start != link.end),
        key=lambda link: link.start if link.end < link.start else -link.start,
    )
    turns: dict[Link, int] = {}
    rows: list[list[Link]] = [[]]
    while waiting:
        stems = {link.start for link in waiting}
        # A line turns above those that come down in the column where it started.
        link = next((link for link in waiting if link.end not in stems - {link.start}), waiting[0])
        waiting.remove(link)
        above = (other for other in turns if other.start == link.end or _would_cross(other, link))
        row = 1 + max((turns[other] for other in above), default=0)
        while row < len(rows) and any(_overlap(link, other) for other in rows[row]):
            row += 1
        if row == len(rows):
            rows.append([])
        rows[row].append(link)
        turns[link] = row
    return turns


def _would_cross(one: Link, other: Link) -> bool:
    """Say whether two lines would cross if the first turned below the second."""
    return _overlap(one, other) and (one.end < one.start) == (other.end < other.start)


def _overlap(one: Link, other: Link) -> bool:
    low, high = sorted((one.start, one.end))
    left, right = sorted((other.start, other.end))
    return low <= right + 2 and left <= high + 2
