"""
A graph as Mermaid text.

Rule: character for character what LangChain writes, so that committed diagrams do not change with the engine.
Where it refuses (two subgraphs of one name), ours are told apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any

from typing_extensions import TypedDict

from otgraph.graph.elements import Edge, Node
from otgraph.graph.frontmatter import write_frontmatter

__all__ = ["CurveStyle", "MermaidOptions", "NodeStyles", "draw_mermaid"]


class CurveStyle(Enum):
    """How Mermaid bends its edges."""

    BASIS = "basis"
    BUMP_X = "bumpX"
    BUMP_Y = "bumpY"
    CARDINAL = "cardinal"
    CATMULL_ROM = "catmullRom"
    LINEAR = "linear"
    MONOTONE_X = "monotoneX"
    MONOTONE_Y = "monotoneY"
    NATURAL = "natural"
    STEP = "step"
    STEP_AFTER = "stepAfter"
    STEP_BEFORE = "stepBefore"


@dataclass
class NodeStyles:
    """The style of ordinary nodes, of the first one and of the last one, as Mermaid writes them."""

    default: str = "fill:#f2f0ff,line-height:1.2"
    first: str = "fill-opacity:0"
    last: str = "fill:#bfb6fc"


class MermaidOptions(TypedDict, total=False):
    """How to write a diagram."""

    with_styles: bool
    """False for the bare arrows: no front matter, no nodes, no classes."""
    curve_style: CurveStyle
    node_colors: NodeStyles | None
    wrap_label_n_words: int
    """A label of more words is broken into lines of so many."""
    frontmatter_config: dict[str, Any] | None
    """Mermaid's own configuration, such as `{"config": {"theme": "neutral"}}`."""


@dataclass
class Diagram:
    """The diagram of one graph, line by line."""

    nodes: Mapping[str, Node]
    first: str | None
    last: str | None
    styled: bool
    wrap: int
    groups: dict[str, list[Edge]] = field(default_factory=dict)
    """Path of a subgraph ("" for the graph itself) -> the edges inside it."""
    members: dict[str, list[Node]] = field(default_factory=dict)
    subgraphs: set[str] = field(default_factory=set)
    """Names already used for one."""

    def lines(self) -> Iterator[str]:
        if self.styled:
            yield from map(self._node, self.members.get("", ()))
        yield from map(self._edge, self.groups.get("", ()))
        for path, edges in self.groups.items():
            if path and ":" not in path:
                yield from self._subgraph(path, edges)
        for path in self.members if self.styled else ():
            if path and ":" not in path and path not in self.groups and path not in self.subgraphs:
                yield from self._subgraph(path, ())

    def _subgraph(self, path: str, edges: Sequence[Edge]) -> Iterator[str]:
        is_loop = len(edges) == 1 and edges[0].source == edges[0].target
        if not is_loop:
            yield f"\tsubgraph {self._title(path)}"
            if self.styled:
                yield from map(self._node, self.members.get(path, ()))
        yield from map(self._edge, edges)
        for inner in self.groups if edges else ():
            if inner and inner.rpartition(":")[0] == path:
                yield from self._subgraph(inner, self.groups[inner])
        if not is_loop:
            yield "\tend"

    def _title(self, path: str) -> str:
        name = path.rpartition(":")[2]
        if name not in self.subgraphs:
            self.subgraphs.add(name)
            return name
        unique = escape_id(path)
        while unique in self.subgraphs:
            unique += "_"
        self.subgraphs.add(unique)
        return f'{unique} ["{name.translate(_ENTITIES)}"]'

    def _node(self, node: Node) -> str:
        label = node.name.rpartition(":")[2]
        if label[0] in "*_`" and label[-1] in "*_`":
            label = f"<p>{label}</p>"
        if shown := "\n".join(_facts(node.metadata or {})):
            label = f"{label}<hr/><small><em>{shown}</em></small>"
        if node.id == self.last:
            shape = f"([{label}]):::last"
        elif node.id == self.first:
            shape = f"([{label}]):::first"
        else:
            shape = f"({label})"
        return f"\t{escape_id(node.id)}{shape}"

    def _edge(self, edge: Edge) -> str:
        line, head = ("-.", ".->") if edge.conditional else ("--", "-->")
        if edge.data is not None:
            arrow = f"{line} &nbsp;{self._label(str(edge.data))}&nbsp; {head}"
        else:
            arrow = "-.->" if edge.conditional else "-->"
        return f"\t{escape_id(edge.source)} {arrow} {escape_id(edge.target)};"

    def _label(self, text: str) -> str:
        words = text.split()
        if len(words) <= self.wrap:
            return text
        rows = (" ".join(words[at : at + self.wrap]) for at in range(0, len(words), self.wrap))
        return "&nbsp<br>&nbsp".join(rows)


def draw_mermaid(
    nodes: Mapping[str, Node],
    edges: Sequence[Edge],
    ends: tuple[str | None, str | None] = (None, None),
    options: MermaidOptions | None = None,
) -> str:
    """
    Return the diagram of a graph.

    Args:
        ends: the ids of the first and the last node, which are drawn differently.
    """
    options = options or {}
    styled = options.get("with_styles", True)
    wrap = options.get("wrap_label_n_words", 9)
    if wrap < 1:
        raise ValueError(f"Expected wrap_label_n_words to be at least 1, got {wrap!r}")
    diagram = Diagram(nodes, *ends, styled, wrap)
    for node in nodes.values():
        diagram.members.setdefault(node.id.rpartition(":")[0], []).append(node)
    for edge in edges:
        pairs = zip(edge.source.split(":"), edge.target.split(":"), strict=False)
        common = ":".join(source for source, target in pairs if source == target)
        diagram.groups.setdefault(common, []).append(edge)
    lines = ["graph TD;", *diagram.lines()]
    if styled:
        asked = options.get("curve_style", CurveStyle.LINEAR)
        # LangChain's own enumeration serves as well as ours.
        curve = CurveStyle(getattr(asked, "value", asked)).value
        colors = options.get("node_colors") or NodeStyles()
        lines.insert(0, write_frontmatter(options.get("frontmatter_config"), curve))
        lines += [f"\tclassDef {style.name} {getattr(colors, style.name)}" for style in fields(colors)]
    return "\n".join(lines) + "\n"


def escape_id(id: str) -> str:
    """Return `id` with what Mermaid cannot read in one as `\\` and a hexadecimal number."""
    return re.sub(r"[^a-zA-Z0-9_-]", lambda found: f"\\{ord(found.group()):x}", id)


_ENTITIES = str.maketrans(
    {char: f"#{ord(char)};" for char in "#()<>[]{|}"} | {'"': "#quot;"},
)


def _facts(metadata: Mapping[str, Any]) -> Iterator[str]:
    """Yield the metadata that fits on a line: scalars, and collections of them."""
    for key, value in metadata.items():
        if isinstance(value, (str, int, float)):
            text = str(value)
        elif isinstance(value, (list, tuple, set)) and all(isinstance(v, (str, int, float)) for v in value):
            items = map(str, value)
            text = ", ".join(sorted(items) if isinstance(value, set) else items)
        else:
            continue
        yield f"{key} = {text}".translate(_ENTITIES)
