"""
Where the boxes of a drawing go: layers from top to bottom, few crossings, straight lines where possible.

Rule: no coordinates but whole characters, and no chance: the same graph gives the same picture everywhere.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from otgraph.graph.elements import Edge

__all__ = ["Cell", "Layers", "Link", "arrange"]

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
    def outer(self) -> int:
        """The width of the box with its loop."""
        if self.loop is None:
            return self.inner
        return self.inner + 3 + (len(str(self.loop.data)) + 1 if self.loop.data is not None else 0)


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
            cell.inner = (
                max(cell.inner, 2 * max(len(cell.above), len(cell.below)) + 1) if cell.is_box else cell.inner
            )
    _place(layers)
    return layers


def _make_layers(texts: Mapping[str, str], edges: Sequence[Edge]) -> Layers:
    ways = [edge for edge in edges if edge.source != edge.target]
    ranks, back = _rank(texts, ways)
    # Every other layer is for labels, if there are any.
    step = 2 if any(edge.data is not None for edge in ways) else 1
    cells = {
        node: Cell(rank * step, texts[node], is_box=True, inner=len(texts[node]) + 4)
        for node, rank in ranks.items()
    }
    for edge in edges:
        if edge.source == edge.target:
            cells[edge.source].loop = edge
    layers: Layers = [[] for _ in range(max(ranks.values(), default=-1) * step + 1)]
    for node in texts:
        layers[cells[node].layer].append(cells[node])
    for edge in ways:
        upward = (edge.source, edge.target) in back
        upper, last = cells[edge.source], cells[edge.target]
        if upward:
            upper, last = last, upper
        label = "" if edge.data is None else " ".join(str(edge.data).split())
        at = last.layer - 1 if not upward else upper.layer + 1
        for layer in range(upper.layer + 1, last.layer):
            text = label if layer == at else ""
            cell = Cell(layer, text, inner=max(len(text), 1))
            layers[layer].append(cell)
            _link(upper, cell, edge, upward=upward)
            upper = cell
        _link(upper, last, edge, upward=upward)
    return layers


def _link(upper: Cell, lower: Cell, edge: Edge, *, upward: bool) -> None:
    link = Link(upper, lower, edge.conditional, upward)
    upper.below.append(link)
    lower.above.append(link)


def _rank(texts: Mapping[str, str], edges: Sequence[Edge]) -> tuple[dict[str, int], set[tuple[str, str]]]:
    """Return the layer of each node, and the edges that lead back up; all others lead down."""
    following: dict[str, list[str]] = {node: [] for node in texts}
    for edge in edges:
        following[edge.source].append(edge.target)
    targets = {edge.target for edge in edges}
    back: set[tuple[str, str]] = set()
    finished: list[str] = []
    state: dict[str, bool] = {}
    """Whether a node that has been reached is finished."""
    for root in sorted(texts, key=targets.__contains__):
        if root in state:
            continue
        state[root] = False
        path = [(root, iter(following[root]))]
        while path:
            node, rest = path[-1]
            for target in rest:
                if target not in state:
                    state[target] = False
                    path.append((target, iter(following[target])))
                    break
                if not state[target]:
                    back.add((node, target))
            else:
                state[node] = True
                finished.append(node)
                path.pop()
    ranks = dict.fromkeys(texts, 0)
    above: dict[str, list[str]] = {node: [] for node in texts}
    for edge in edges:
        upper, lower = edge.source, edge.target
        if (upper, lower) in back:
            upper, lower = lower, upper
        above[lower].append(upper)
    for node in reversed(finished):
        ranks[node] = max((ranks[upper] + 1 for upper in above[node]), default=0)
    return ranks, back


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
