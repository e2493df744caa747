"""
Where the boxes of a drawing go: layers from top to bottom, few crossings, straight lines where possible.

Rule: no coordinates but whole characters, and no chance: the same graph gives the same picture everywhere.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from unicodedata import east_asian_width

from otgraph.graph.elements import Edge

__all__ = ["Cell", "Layers", "Link", "arrange", "flatten", "width"]

GAP = 3
"""Columns between neighbours."""

SWEEPS = 8
"""How often the order of the layers is improved, and how often their columns are."""


@dataclass(eq=False)
class Cell:
    """A place in a layer: a box, or a spot where an edge passes through, perhaps with its label."""

    layer: int
    text: str = ""
    is_box: bool = False
    loop: Edge | None = None
    """An edge from the box to itself, drawn on its right."""
    inner: int = 1
    """The width of the box, the label or the line."""
    center: int = 0
    above: list[Link] = field(default_factory=list)
    below: list[Link] = field(default_factory=list)

    @property
    def left(self) -> int:
        return self.center - self.inner // 2

    @property
    def right(self) -> int:
        """The column after the last one of the box itself."""
        return self.left + self.inner

    @property
    def loop_label(self) -> str:
        return "" if self.loop is None else label_of(self.loop)

    @property
    def outer(self) -> int:
        """The width of the box with its loop."""
        if self.loop is None:
            return self.inner
        return self.inner + 3 + (width(self.loop_label) + 1 if self.loop_label else 0)


@dataclass(eq=False)
class Link:
    """The part of an edge between one layer and the next."""

    upper: Cell
    lower: Cell
    conditional: bool
    upward: bool
    """Whether the edge leads from below to above, as the way back in a loop does."""
    start: int = 0
    """The column where it leaves the upper cell."""
    end: int = 0
    """The column where it reaches the lower cell."""


Layers = list[list[Cell]]


def arrange(texts: Mapping[str, str], edges: Sequence[Edge]) -> Layers:
    """
    Return the layers of a drawing, from top to bottom, each from left to right.

    Args:
        texts: node id -> what is written in its box.
    """
    layers = _make_layers(texts, edges)
    _order(layers)
    for layer in layers:
        for cell in layer:
            if cell.is_box:
                _widen(cell)
    _place(layers)
    return layers


def width(text: str) -> int:
    """Return how many columns a terminal needs for `text`."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def label_of(edge: Edge) -> str:
    """Return the label of an edge on one line."""
    return "" if edge.data is None else " ".join(str(edge.data).split())


def _widen(cell: Cell) -> None:
    """Make room for all lines on one side, and the same space on both sides of the text."""
    lines = max(len(cell.above), len(cell.below))
    cell.inner = max(cell.inner, lines * (4 if lines <= 6 else 2) + 1)
    cell.inner += (cell.inner - width(cell.text)) % 2


def _make_layers(texts: Mapping[str, str], edges: Sequence[Edge]) -> Layers:
    ways = [edge for edge in edges if edge.source != edge.target]
    ranks, back = _rank(texts, ways)
    # Even numbers are for boxes, odd ones for labels: each just before the box that its edge leads to.
    labelled = {edge: 2 * ranks[edge.target] + (1 if edge in back else -1) for edge in ways if label_of(edge)}
    numbers = sorted({*labelled.values(), *(2 * rank for rank in ranks.values())})
    layer_of = {number: layer for layer, number in enumerate(numbers)}
    layers: Layers = [[] for _ in numbers]
    cells: dict[str, Cell] = {}
    for node, rank in ranks.items():
        text = " ".join(texts[node].split())
        cells[node] = Cell(layer_of[2 * rank], text, is_box=True, inner=width(text) + 4)
        layers[cells[node].layer].append(cells[node])
    for edge in edges:
        if edge.source == edge.target:
            cells[edge.source].loop = edge
    for edge in ways:
        upward = edge in back
        upper, last = cells[edge.source], cells[edge.target]
        if upward:
            upper, last = last, upper
        for layer in range(upper.layer + 1, last.layer):
            text = label_of(edge) if numbers[layer] == labelled.get(edge) else ""
            cell = Cell(layer, text, inner=max(width(text), 1))
            layers[layer].append(cell)
            _link(upper, cell, edge, upward=upward)
            upper = cell
        _link(upper, last, edge, upward=upward)
    return layers


def _link(upper: Cell, lower: Cell, edge: Edge, *, upward: bool) -> None:
    link = Link(upper, lower, edge.conditional, upward)
    upper.below.append(link)
    lower.above.append(link)


def _rank(nodes: Iterable[str], edges: Sequence[Edge]) -> tuple[dict[str, int], set[Edge]]:
    """Return the rank of each node, and the edges that lead back up; all others lead down."""
    ranks = dict.fromkeys(nodes, 0)
    finished, back = _explore(ranks, edges)
    above: dict[str, list[str]] = {node: [] for node in ranks}
    for edge in edges:
        upper, lower = (edge.target, edge.source) if edge in back else (edge.source, edge.target)
        above[lower].append(upper)
    for node in reversed(finished):
        ranks[node] = max((ranks[upper] + 1 for upper in above[node]), default=0)
    return ranks, back


def _explore(nodes: Iterable[str], edges: Sequence[Edge]) -> tuple[list[str], set[Edge]]:
    """Walk through a graph in depth; return its nodes as they were finished, and the edges that close loops."""
    leaving: dict[str, list[Edge]] = {node: [] for node in nodes}
    for edge in edges:
        leaving[edge.source].append(edge)
    targets = {edge.target for edge in edges}
    finished: list[str] = []
    back: set[Edge] = set()
    state: dict[str, bool] = {}
    """Whether a node that has been reached is finished."""
    for root in sorted(leaving, key=targets.__contains__):
        if root in state:
            continue
        state[root] = False
        path = [(root, iter(leaving[root]))]
        while path:
            node, rest = path[-1]
            for edge in rest:
                if edge.target not in state:
                    state[edge.target] = False
                    path.append((edge.target, iter(leaving[edge.target])))
                    break
                if not state[edge.target]:
                    back.add(edge)
            else:
                state[node] = True
                finished.append(node)
                path.pop()
    return finished, back


def _order(layers: Layers) -> None:
    """Reorder the cells of each layer so that few links cross."""
    best, fewest = [list(layer) for layer in layers], _count_crossings(layers)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        for number in range(1, len(layers)) if down else range(len(layers) - 2, -1, -1):
            before = layers[number - 1 if down else number + 1]
            position = {cell: index for index, cell in enumerate(before)}
            weights = {}
            for index, cell in enumerate(layers[number]):
                near = [link.upper for link in cell.above] if down else [link.lower for link in cell.below]
                weights[cell] = sum(position[other] for other in near) / len(near) if near else index
            layers[number].sort(key=weights.__getitem__)
        if (count := _count_crossings(layers)) < fewest:
            best, fewest = [list(layer) for layer in layers], count
    layers[:] = best


def _count_crossings(layers: Layers) -> int:
    count = 0
    for upper, lower in pairwise(layers):
        position = {cell: index for index, cell in enumerate(lower)}
        ends: list[int] = []
        for cell in upper:
            reached = sorted(position[link.lower] for link in cell.below)
            count += sum(len(ends) - bisect_right(ends, end) for end in reached)
            for end in reached:
                insort(ends, end)
    return count


def _place(layers: Layers) -> None:
    """Give each cell its column: near those it is linked to, in the order of its layer."""
    for layer in layers:
        _settle(layer, [0.0] * len(layer))
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for layer in layers if down else reversed(layers):
            _settle(layer, [_wish(cell, down=down) for cell in layer])
    leftmost = min((cell.left for layer in layers for cell in layer), default=0)
    for layer in layers:
        for cell in layer:
            cell.center -= leftmost


def _wish(cell: Cell, *, down: bool) -> float:
    near = [link.upper for link in cell.above] if down else [link.lower for link in cell.below]
    near = near or ([link.lower for link in cell.below] if down else [link.upper for link in cell.above])
    return sum(other.center for other in near) / len(near) if near else float(cell.center)


def _settle(layer: list[Cell], wishes: Sequence[float]) -> None:
    """Move the cells of a layer as near to their wishes as their widths allow."""
    offsets = [0]
    for left, right in pairwise(layer):
        taken = left.outer - left.inner // 2 + GAP + right.inner // 2
        offsets.append(offsets[-1] + taken)
    wanted = [wish - offset for wish, offset in zip(wishes, offsets, strict=True)]
    for cell, place, offset in zip(layer, flatten(wanted), offsets, strict=True):
        cell.center = round(place) + offset


def flatten(wanted: Sequence[float]) -> list[float]:
    """Return the numbers nearest to `wanted`, by least squares, that never decrease."""
    blocks: list[tuple[float, int]] = []
    for number in wanted:
        total, size = number, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / size:
            before, count = blocks.pop()
            total, size = total + before, size + count
        blocks.append((total, size))
    return [total / size for total, size in blocks for _ in range(size)]
