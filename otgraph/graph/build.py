"""
From a builder to a drawing.

Rule: what was declared is drawn, at the depth that is asked for; a graph that contains itself is not opened
again inside itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from otgraph.constants import END, START
from otgraph.graph.drawing import Graph
from otgraph.graph.dry_run import find_edges
from otgraph.graph.elements import Node
from otgraph.graph.subgraphs import find_subgraphs
from otgraph.plan.lower import DEFAULT_HANDLER, handler_name

__all__ = ["build_function_graph", "build_graph"]


def build_graph(builder: Any, options: Any, *, xray: int | bool = False) -> Graph:
    """
    Return the drawing of a `StateGraph`.

    Args:
        options: whatever has `interrupt_before` and `interrupt_after`, such as a plan.
        xray: True to draw graphs inside nodes too, or how deep.
    """
    return _build(builder, options, xray, ())


def build_function_graph(name: str, function: Any) -> Graph:
    """Return the drawing of a function of the functional API."""
    graph = Graph()
    node, start, end = graph.add_node(function, name), graph.add_node(None, START), graph.add_node(None, END)
    graph.add_edge(start, node)
    graph.add_edge(node, end, conditional=True)
    return graph


def _build(builder: Any, options: Any, xray: int | bool, path: tuple[Any, ...]) -> Graph:
    edges = find_edges(builder)
    nodes = {node.id: node for node in _nodes(builder, options)}
    if any(edge.target == END for edge in edges):
        nodes[END] = Node(END, END, None, None)
    graph = Graph(nodes, edges)
    for name, spec in builder.nodes.items() if xray else ():
        inner = next((found for found in find_subgraphs(spec.callee) if found not in path), None)
        if inner is not None:
            _open(graph, name, _build_inner(inner, xray, (*path, inner)))
    return graph


def _build_inner(inner: Any, xray: int | bool, path: tuple[Any, ...]) -> Graph:
    deeper = xray if isinstance(xray, bool) else xray - 1
    if hasattr(getattr(inner, "builder", None), "waiting_edges"):
        return _build(inner.builder, inner.plan, deeper, path)
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


def _nodes(builder: Any, options: Any) -> Iterator[Node]:
    yield Node(START, START, pass_on, None)
    for name, spec in builder.nodes.items():
        handler = getattr(spec, "error_handler", None)
        if handler is not None and handler_name(name) not in builder.nodes:
            yield Node(handler_name(name), handler_name(name), handler.origin, None)
        yield Node(name, name, spec.callee.origin, _metadata(name, spec, options) or None)
    default = getattr(getattr(builder, "declared", None), "defaults", None)
    if default is not None and default.error_handler is not None:
        yield Node(DEFAULT_HANDLER, DEFAULT_HANDLER, default.error_handler.origin, None)


def _metadata(name: str, spec: Any, options: Any) -> dict[str, Any]:
    metadata = dict(spec.metadata or {})
    if spec.defer:
        metadata["defer"] = True
    sides = {"before": options.interrupt_before, "after": options.interrupt_after}
    pauses = [side for side, names in sides.items() if names and names != "*" and name in names]
    if pauses:
        metadata["__interrupt"] = ",".join(pauses)
    origin = getattr(spec.callee.origin, "bound", spec.callee.origin)
    tools = getattr(origin, "tools_by_name", None)
    if isinstance(tools, Mapping) and tools:
        metadata["__tools"] = list(tools)
    return metadata


def pass_on(state: Any) -> Any:
    """What the start does: the input goes on as it came."""
    return state
