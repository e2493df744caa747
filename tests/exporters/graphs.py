"""Graphs whose traces are looked at."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Annotated, Any

from driven import Driven
from typing_extensions import TypedDict

from otgraph.graph import START, StateGraph
from otgraph.types import StreamWriter

__all__ = ["State", "chain", "waiting"]


class State(TypedDict):
    """What the graphs work on."""

    lines: Annotated[list[str], operator.add]


def chain(driver: Driven, *nodes: Callable[..., Any], name: str = "chain", **options: Any) -> Any:
    """Return a graph of nodes that follow one another."""
    builder = StateGraph(State)
    before = START
    for node in nodes or (first, second):
        builder.add_node(node.__name__, driver.node(node))
        builder.add_edge(before, node.__name__)
        before = node.__name__
    return builder.compile(name=name, **options)


def first(state: State, writer: StreamWriter) -> State:
    """Write and say something."""
    writer({"said": "something"})
    return {"lines": ["first"]}


def second(state: State) -> State:
    """Write something."""
    return {"lines": ["second"]}


def waiting(reached: Any, go_on: Any) -> Callable[..., Any]:
    """Return a node that says that it is reached, and waits until it may go on."""

    def wait(state: State, writer: StreamWriter) -> State:
        writer("waiting")
        reached.set()
        assert go_on.wait(60)
        return {"lines": ["waited"]}

    return wait
