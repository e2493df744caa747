"""
The drawable graph: nodes and edges as `get_graph()` returns them, and the ways to draw them.

Rule: it is made from what the user declared, never from a run, and drawing it changes nothing: no network, no
import of what is not installed, no order that differs from one process to the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast
from uuid import uuid4

from typing_extensions import Unpack

from otgraph.constants import END, START
from otgraph.graph.ascii import draw_ascii
from otgraph.graph.dry_run import find_edges
from otgraph.graph.elements import Edge, Node, describe, is_uuid, name_of
from otgraph.graph.image import PngOptions, draw_graphviz_png, draw_mermaid_png
from otgraph.graph.mermaid import CurveStyle, MermaidOptions, NodeStyles, draw_mermaid
from otgraph.graph.subgraphs import find_subgraphs
from otgraph.graph.svg import draw_svg
from otgraph.plan.declared import Declared, NodeSpec
from otgraph.plan.lower import DEFAULT_HANDLER, handler_name
from otgraph.plan.model import Callee, Plan

if TYPE_CHECKING:
    from otgraph.graph.state import StateGraph

__all__ = ["Graph", "build_function_graph", "build_graph"]


@dataclass
class Graph:
    """Boxes and arrows; `get_graph()` of a compiled graph returns one, and any other can be built by hand."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.nodes)

    def next_id(self) -> str:
        """Return an id for a node that was given none."""
        return uuid4().hex

    def add_node(self, data: Any, id: str | None = None, *, metadata: dict[str, Any] | None = None) -> Node:
        """
        Add a box for an object and return it.

        Raises:
            ValueError: if there is a node with this id.
        """
        if id is not None and id in self.nodes:
            raise ValueError(f"Node with id {id} already exists")
        key = id or self.next_id()
        node = self.nodes[key] = Node(key, name_of(key, data), data, metadata)
        return node

    def remove_node(self, node: Node) -> None:
        """Remove a box and the arrows that touch it."""
        self.nodes.pop(node.id)
        self.edges = [edge for edge in self.edges if node.id not in (edge.source, edge.target)]

    def add_edge(self, source: Node, target: Node, data: Any = None, conditional: bool = False) -> Edge:
        """
        Add an arrow, labelled with `data`, and return it.

        Raises:
            ValueError: if one of its ends is no node of this graph.
        """
        if source.id not in self.nodes:
            raise ValueError(f"Source node {source.id} not in graph")
        if target.id not in self.nodes:
            raise ValueError(f"Target node {target.id} not in graph")
        edge = Edge(source.id, target.id, data, conditional)
        self.edges.append(edge)
        return edge

    def extend(self, graph: Graph, *, prefix: str = "") -> tuple[Node | None, Node | None]:
        """Add all of another graph, with `prefix` before its ids, and return its first and last node."""
        prefixed = bool(prefix) and not all(map(is_uuid, graph.nodes))

        def rename(key: str) -> str:
            return f"{prefix}:{key}" if prefixed else key

        self.nodes.update({rename(key): node.copy(id=rename(key)) for key, node in graph.nodes.items()})
        self.edges.extend(
            edge.copy(source=rename(edge.source), target=rename(edge.target)) for edge in graph.edges
        )
        first, last = graph.first_node(), graph.last_node()
        return first and first.copy(id=rename(first.id)), last and last.copy(id=rename(last.id))

    def reid(self) -> Graph:
        """Return the same graph with readable ids where nobody chose them."""
        named: dict[str, list[str]] = {}
        for key, node in self.nodes.items():
            named.setdefault(node.name, []).append(key)
        readable = {
            key: f"{name}_{number}" if len(same) > 1 else name
            for name, same in named.items()
            for number, key in enumerate(same, 1)
        }

        def rename(key: str) -> str:
            return readable[key] if is_uuid(key) else key

        return Graph(
            {rename(key): node.copy(id=rename(key)) for key, node in self.nodes.items()},
            [edge.copy(source=rename(edge.source), target=rename(edge.target)) for edge in self.edges],
        )

    def first_node(self) -> Node | None:
        """Return the only node that no arrow leads to; None where there are several, or none."""
        return _only_one(self, {edge.target for edge in self.edges})

    def last_node(self) -> Node | None:
        """Return the only node that no arrow leaves; None where there are several, or none."""
        return _only_one(self, {edge.source for edge in self.edges})

    def trim_first_node(self) -> None:
        """Remove the first node if one arrow leaves it, and another node would be the first."""
        first = self.first_node()
        if first is not None and len({edge for edge in self.edges if edge.source == first.id}) == 1:
            others = {edge.target for edge in self.edges if edge.source != first.id}
            if _only_one(self, others | {first.id}) is not None:
                self.remove_node(first)

    def trim_last_node(self) -> None:
        """Remove the last node if one arrow leads to it, and another node would be the last."""
        last = self.last_node()
        if last is not None and len({edge for edge in self.edges if edge.target == last.id}) == 1:
            others = {edge.source for edge in self.edges if edge.target != last.id}
            if _only_one(self, others | {last.id}) is not None:
                self.remove_node(last)

    def draw_mermaid(
        self,
        *,
        with_styles: bool = True,
        curve_style: CurveStyle = CurveStyle.LINEAR,
        node_colors: NodeStyles | None = None,
        wrap_label_n_words: int = 9,
        frontmatter_config: dict[str, Any] | None = None,
    ) -> str:
        """
        Return the graph as Mermaid text.

        Args:
            with_styles: False for the bare arrows.
            wrap_label_n_words: a label of more words is broken into lines of so many.
            frontmatter_config: Mermaid's own configuration, such as `{"config": {"theme": "neutral"}}`.
        """
        graph = self.reid()
        first, last = graph.first_node(), graph.last_node()
        return draw_mermaid(
            graph.nodes,
            graph.edges,
            (first and first.id, last and last.id),
            {
                "with_styles": with_styles,
                "curve_style": curve_style,
                "node_colors": node_colors,
                "wrap_label_n_words": wrap_label_n_words,
                "frontmatter_config": frontmatter_config,
            },
        )

    def draw_mermaid_png(self, **options: Unpack[PngOptions]) -> bytes:
        """
        Return the diagram of `draw_mermaid` as a PNG, made by the command `mmdc` unless another way is asked for.

        Options are those of `draw_mermaid`, and `output_file_path`, `background_color`, `draw_method`.
        """
        about_text = {key: value for key, value in options.items() if key in MermaidOptions.__annotations__}
        return draw_mermaid_png(self.draw_mermaid(**cast("MermaidOptions", about_text)), options)

    def draw_png(
        self,
        output_file_path: str | None = None,
        fontname: str | None = None,
        labels: dict[str, dict[str, str]] | None = None,
    ) -> bytes | None:
        """
        Draw the graph with Graphviz; return the PNG, or None if it went to a file.

        Args:
            labels: other texts, as `{"nodes": {id: text}, "edges": {label: text}}`.
        """
        return draw_graphviz_png(self.nodes, self.edges, output_file_path, fontname, labels or {})

    def draw_ascii(self) -> str:
        """Return the graph as boxes and lines of characters, dotted where an edge is conditional."""
        return draw_ascii(*self._texts())

    def print_ascii(self) -> None:
        """Print what `draw_ascii` returns."""
        print(self.draw_ascii())

    def draw_svg(self) -> str:
        """Return the graph as an SVG image, complete in itself."""
        return draw_svg(*self._texts(), ends=(START, END))

    def _texts(self) -> tuple[dict[str, str], list[Edge]]:
        graph = self.reid()
        return {key: key if ":" in key else node.name for key, node in graph.nodes.items()}, graph.edges

    def to_json(self, *, with_schemas: bool = False) -> dict[str, list[dict[str, Any]]]:
        """Return the graph as what `json.dumps` takes; nodes whose id nobody chose are numbered."""
        ids = {key: number if is_uuid(key) else key for number, key in enumerate(self.nodes)}
        nodes: list[dict[str, Any]] = []
        for node in self.nodes.values():
            nodes.append({"id": ids[node.id], **describe(node, with_schemas=with_schemas)})
            if node.metadata is not None:
                nodes[-1]["metadata"] = node.metadata
        edges: list[dict[str, Any]] = []
        for edge in self.edges:
            edges.append({"source": ids[edge.source], "target": ids[edge.target]})
            if edge.data is not None:
                edges[-1]["data"] = edge.data
            if edge.conditional:
                edges[-1]["conditional"] = True
        return {"nodes": nodes, "edges": edges}


def _only_one(graph: Graph, excluded: set[str]) -> Node | None:
    """Return the only node that is not among `excluded`."""
    found = [node for key, node in graph.nodes.items() if key not in excluded]
    return found[0] if len(found) == 1 else None


class Breakpoints(Protocol):
    """What has breakpoints: a plan, or the options of `compile`."""

    @property
    def interrupt_before(self) -> Sequence[str] | Literal["*"]: ...

    @property
    def interrupt_after(self) -> Sequence[str] | Literal["*"]: ...


def build_graph(
    builder: StateGraph[Any, Any, Any, Any], options: Breakpoints, *, xray: int | bool = False
) -> Graph:
    """
    Return the drawing of a graph.

    Args:
        xray: True to draw what is inside nodes that are graphs too, or how many levels deep.
    """
    return _build(builder.declared, options, xray, (builder.declared,))


def build_function_graph(name: str, function: Any) -> Graph:
    """Return the drawing of a function of the functional API."""
    graph = Graph()
    node, start, end = graph.add_node(function, name), graph.add_node(None, START), graph.add_node(None, END)
    graph.add_edge(start, node)
    graph.add_edge(node, end, conditional=True)
    return graph


def build_wired_graph(plan: Plan) -> Graph:
    """Return the drawing of a graph that was wired by hand: an arrow for each channel between two nodes."""
    graph = Graph({START: Node(START, START, None, None)})
    given = (plan.entrance,) if isinstance(plan.entrance, str) else plan.entrance
    writes = {START: given, **{name: node.writes_to for name, node in plan.nodes.items()}}
    for name, node in plan.nodes.items():
        graph.add_node(node.callee.origin, name)
    end = graph.add_node(None, END)
    for source, channels in writes.items():
        targets = sorted({each for channel in channels for each in plan.trigger_to_nodes.get(channel, ())})
        for target in targets:
            graph.add_edge(graph.nodes[source], graph.nodes[target])
        if not targets:
            graph.add_edge(graph.nodes[source], end)
    return graph


def _build(declared: Declared, options: Breakpoints, xray: int | bool, path: tuple[Any, ...]) -> Graph:
    """
    Draw what was declared.

    Args:
        path: what is drawn already, from the outside in; a graph is not opened inside itself.
    """
    edges = find_edges(declared)
    nodes = {node.id: node for node in _nodes(declared, options)}
    if any(edge.target == END for edge in edges):
        nodes[END] = Node(END, END, None, None)
    graph = Graph(nodes, edges)
    for name, spec in declared.nodes.items() if xray else ():
        for inner in find_subgraphs(spec.callee):
            source = getattr(getattr(inner, "builder", None), "declared", inner)
            if not any(source is outer for outer in path):
                _open(graph, name, _build_inner(inner, source, xray, path))
                break
    return graph


def _build_inner(inner: Any, source: Any, xray: int | bool, path: tuple[Any, ...]) -> Graph:
    deeper = xray if isinstance(xray, bool) else xray - 1
    if isinstance(source, Declared):
        return _build(source, inner.plan, deeper, (*path, source))
    drawn: Graph = inner.get_graph(xray=deeper)
    return drawn


def _open(graph: Graph, name: str, inner: Graph) -> None:
    """Put a drawing in the place of one of the nodes, if it is clear where it begins and ends."""
    inner.trim_first_node()
    inner.trim_last_node()
    if inner.first_node() is None or inner.last_node() is None:
        return
    first, last = graph.extend(inner, prefix=name)
    if first is None or last is None:
        return
    graph.nodes.pop(name)
    graph.edges[:] = [
        edge.copy(
            source=last.id if edge.source == name else None, target=first.id if edge.target == name else None
        )
        for edge in graph.edges
    ]


def _nodes(declared: Declared, options: Breakpoints) -> Iterator[Node]:
    yield Node(START, START, pass_on, None)
    for name, spec in declared.nodes.items():
        if spec.error_handler is not None:
            yield _handler_node(handler_name(name), spec.error_handler)
        yield Node(name, name, spec.action, _metadata(spec, options) or None)
    if declared.defaults.error_handler is not None:
        yield _handler_node(DEFAULT_HANDLER, declared.defaults.error_handler)


def _handler_node(name: str, handler: Callee) -> Node:
    return Node(name, name, handler.origin, None)


def _metadata(spec: NodeSpec, options: Breakpoints) -> dict[str, Any]:
    metadata = dict(spec.metadata or {})
    if spec.defer:
        metadata["defer"] = True
    sides = {"before": options.interrupt_before, "after": options.interrupt_after}
    # A breakpoint everywhere is nothing to say of each node.
    if pauses := [side for side, names in sides.items() if names != "*" and spec.name in names]:
        metadata["__interrupt"] = ",".join(pauses)
    tools = getattr(getattr(spec.action, "bound", spec.action), "tools_by_name", None)
    if isinstance(tools, Mapping) and tools:
        metadata["__tools"] = list(tools)
    return metadata


def pass_on(state: Any) -> Any:
    """What the start does: the input goes on as it came."""
    return state
