"""State classes that several programs share."""

import operator
from typing import Annotated, Any, TypedDict


class Log(TypedDict):
    """One list that every node appends to."""

    log: Annotated[list, operator.add]


class Text(TypedDict):
    """Plain values, last write wins."""

    x: str
    y: str


class Mixed(TypedDict):
    """A list, a sum and a plain value."""

    log: Annotated[list, operator.add]
    total: Annotated[int, operator.add]
    word: str


def chain(lg: Any, state: Any, *nodes: Any) -> Any:
    """Return a builder in which `nodes`, (name, function) pairs, run one after another."""
    builder = lg.graph.StateGraph(state)
    before = lg.graph.START
    for name, function in nodes:
        builder.add_node(name, function)
        builder.add_edge(before, name)
        before = name
    return builder


def fan(lg: Any, state: Any, *nodes: Any) -> Any:
    """Return a builder in which `nodes`, (name, function) pairs, all run in the first superstep."""
    builder = lg.graph.StateGraph(state)
    for name, function in nodes:
        builder.add_node(name, function)
        builder.add_edge(lg.graph.START, name)
    return builder


def saying(drive: Any, *words: str, key: str = "log") -> list[tuple[str, Any]]:
    """Return one (name, node) pair a word; the node writes its word, as a list, to `key`."""
    return [(word, speaker(drive, word, key=key)) for word in words]


def speaker(drive: Any, word: str, *, key: str = "log", turn: Any = None) -> Any:
    """Return a node that writes `[word]` to `key`."""

    @drive.node(turn=turn)
    def speak(state: Any) -> dict[str, Any]:
        return {key: [word]}

    return speak
