"""Graphs for the tests of metrics: what is to be counted is chosen by the input."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Annotated, Any

from typing_extensions import TypedDict

from otgraph.graph import START, StateGraph
from otgraph.types import interrupt

__all__ = ["State", "asker", "beside", "line"]


class State(TypedDict, total=False):
    """What the graphs work on."""

    todo: str
    log: Annotated[list[Any], operator.add]


def line(**nodes: Callable[..., Any]) -> StateGraph[Any, Any, Any, Any]:
    """Return a graph of nodes one after another, not compiled."""
    graph: Any = StateGraph(State)
    before = START
    for name, node in nodes.items():
        graph.add_node(name, node).add_edge(before, name)
        before = name
    return graph  # type: ignore[no-any-return]


def beside(**nodes: Callable[..., Any]) -> StateGraph[Any, Any, Any, Any]:
    """Return a graph of nodes side by side, not compiled."""
    graph: Any = StateGraph(State)
    for name, node in nodes.items():
        graph.add_node(name, node).add_edge(START, name)
    return graph  # type: ignore[no-any-return]


def asker(state: State) -> dict[str, Any]:
    """Ask one question, and log the answer."""
    return {"log": [interrupt("why?")]}
