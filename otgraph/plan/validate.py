"""
The mistakes one can make with a builder, and what it says about them.

Rule: a mistake is reported as soon as it can be known: when a node or an edge is added, or else before
the graph is compiled. The texts are LangGraph's, since tests match on them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, Literal, TypeAlias

from otgraph.checkpoint.base import BaseCheckpointSaver
from otgraph.constants import END, NS_END, NS_SEP, RESERVED, START
from otgraph.plan.declared import Declared
from otgraph.tracebacks import hinted

__all__ = [
    "Checkpointer",
    "check_checkpointer",
    "check_edge",
    "check_graph",
    "check_node_name",
    "check_waiting_edge",
    "ensure_valid_checkpointer",
]

Checkpointer: TypeAlias = bool | BaseCheckpointSaver[Any] | None
"""A saver; True for a place of its own in the saver of the graph around; False for none; None for whatever is there."""


def check_node_name(name: str, nodes: Collection[str]) -> None:
    """Refuse a name that is taken, reserved, or could not be told apart in a checkpoint namespace."""
    if name in nodes:
        raise ValueError(f"Node `{name}` already present.")
    if name in (START, END):
        raise ValueError(f"Node `{name}` is reserved.")
    if name in RESERVED:
        raise ValueError(f"Node name '{name}' is reserved")
    for character in (NS_SEP, NS_END):
        if character in name:
            raise ValueError(f"'{character}' is a reserved character and is not allowed in the node names.")


def check_edge(start: str, end: str) -> None:
    """Refuse an edge that no run could take."""
    if start == END:
        raise ValueError("END cannot be a start node")
    if end == START:
        raise ValueError("START cannot be an end node")


def check_waiting_edge(starts: tuple[str, ...], end: str, nodes: Collection[str]) -> None:
    """Refuse a list edge whose nodes are not all there yet."""
    if not starts:
        raise ValueError(f"The edge to {end!r} starts nowhere: give at least one node to wait for.")
    for start in starts:
        if start == END:
            raise ValueError("END cannot be a start node")
        if start not in nodes:
            raise ValueError(f"Need to add_node `{start}` first")
    if end == START:
        raise ValueError("START cannot be an end node")
    if end != END and end not in nodes:
        raise ValueError(f"Need to add_node `{end}` first")


def check_graph(declared: Declared, interrupt: Iterable[str] = ()) -> None:
    """
    Refuse a graph with edges that lead from or to nowhere, without an entry, or with unknown breakpoints.

    Args:
        interrupt: the nodes before or after which runs are to pause.
    """
    starts = set(_edge_starts(declared))
    for start in sorted(starts - declared.nodes.keys() - {START}):
        raise hinted(ValueError(f"Found edge starting at unknown node '{start}'"), _known(declared))
    if START not in starts:
        raise ValueError("Graph must have an entrypoint: add at least one edge from START to another node")
    _check_branches(declared)
    for end in sorted(set(_edge_ends(declared)) - declared.nodes.keys() - {END}):
        raise hinted(ValueError(f"Found edge ending at unknown node `{end}`"), _known(declared))
    for node in interrupt:
        if node not in declared.nodes:
            raise hinted(ValueError(f"Interrupt node `{node}` not found"), _known(declared))


def _known(declared: Declared) -> str:
    names = ", ".join(map(repr, declared.nodes))
    return f"The nodes are {names}" if names else "There is no node yet: add one with add_node"


def _edge_starts(declared: Declared) -> Iterator[str]:
    yield from (start for start, _ in declared.edges)
    yield from (start for starts, _ in declared.waiting_edges for start in starts)
    yield from (source for source, branches in declared.branches.items() if branches)


def _edge_ends(declared: Declared) -> Iterator[str]:
    yield from (end for _, end in declared.edges)
    yield from (end for _, end in declared.waiting_edges)
    for node in declared.nodes.values():
        yield from node.destinations or ()


def _check_branches(declared: Declared) -> None:
    for source, branches in declared.branches.items():
        for branch in branches.values():
            for end in (branch.ends or {}).values():
                if end != END and end not in declared.nodes:
                    wrong = f"At '{source}' node, '{branch.name}' branch found unknown target '{end}'"
                    raise hinted(ValueError(wrong), _known(declared))


def check_checkpointer(checkpointer: Any) -> None:
    """Refuse what saves no checkpoints; a foreign saver is known by its methods."""
    if checkpointer is None or isinstance(checkpointer, bool):
        return
    if isinstance(checkpointer, type) or not hasattr(checkpointer, "get_tuple"):
        error = TypeError(
            "Invalid checkpointer provided. Expected an instance of `BaseCheckpointSaver`, `True`, `False`, "
            f"or `None`. Received {type(checkpointer).__name__}. "
            "Pass a proper saver (e.g., InMemorySaver, AsyncPostgresSaver)."
        )
        if hasattr(checkpointer, "__enter__") or hasattr(checkpointer, "__aenter__"):
            raise hinted(error, "It is a context manager: write `with ... as saver:`, and give `saver`")
        raise error


def ensure_valid_checkpointer(checkpointer: Checkpointer) -> Checkpointer:
    """
    Return what a graph can be compiled with as its checkpointer.

    Raises:
        TypeError: it is something else.
    """
    check_checkpointer(checkpointer)
    return checkpointer


def check_breakpoints(interrupt: Any) -> tuple[str, ...] | Literal["*"]:
    """Return breakpoints as the plan keeps them."""
    if interrupt == "*":
        return "*"
    if isinstance(interrupt, str):
        raise TypeError(
            f"Breakpoints are a list of node names or '*', not {interrupt!r}. Write [{interrupt!r}]."
        )
    return tuple(interrupt or ())
