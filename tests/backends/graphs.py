"""
The graphs of the workload: one for each way in which a run may go.

Rule: the name of a graph is that of its workflow in every span and metric, and no two graphs share one.
"""

from __future__ import annotations

import asyncio
import logging
import operator
import time
from typing import Annotated, Any

from typing_extensions import TypedDict

from otgraph.checkpoint.base import BaseCheckpointSaver
from otgraph.config import get_stream_writer
from otgraph.graph import END, START, StateGraph
from otgraph.graph.state import CompiledStateGraph
from otgraph.types import RetryPolicy, Send, interrupt

__all__ = [
    "approval",
    "board",
    "crowd",
    "division",
    "endless",
    "feed",
    "fetch",
    "heavy",
    "leak",
    "matryoshka",
    "pause",
    "survey",
    "wide",
]

Graph = CompiledStateGraph[Any, Any, Any, Any]


class State(TypedDict, total=False):
    """What all of them work on."""

    number: int
    note: str
    seconds: float
    fails: bool
    parts: Annotated[list[int], operator.add]


def survey(name: str = "survey", saver: BaseCheckpointSaver[Any] | None = None) -> Graph:
    """Three nodes, one after the other."""

    def collect(state: State) -> State:
        return {"parts": [state["number"]]}

    def weigh(state: State) -> State:
        return {"parts": [2]}

    def report(state: State) -> State:
        return {"parts": [3]}

    graph = StateGraph(State).add_sequence([collect, weigh, report]).add_edge(START, "collect")
    return graph.compile(name=name, checkpointer=saver)


def crowd() -> Graph:
    """Two asynchronous nodes at the same time, and one that waits for both."""

    async def left(state: State) -> State:
        await asyncio.sleep(0.02)
        return {"parts": [1]}

    async def right(state: State) -> State:
        await asyncio.sleep(0.05)
        return {"parts": [2]}

    async def meet(state: State) -> State:
        return {"parts": [3]}

    graph = StateGraph(State).add_node(left).add_node(right).add_node(meet)
    graph.add_edge(START, "left").add_edge(START, "right").add_edge(["left", "right"], "meet")
    return graph.compile(name="crowd")


def division() -> Graph:
    """A node that raises ZeroDivisionError."""

    def divide(state: State) -> State:
        return {"number": 1 // 0}

    return StateGraph(State).add_node(divide).add_edge(START, "divide").compile(name="division")


def fetch() -> Graph:
    """A node that fails twice and then works."""
    failures = {"left": 0}

    def download(state: State) -> State:
        if not failures["left"]:
            failures["left"] = 3
        failures["left"] -= 1
        if failures["left"]:
            raise ConnectionError("the line is down")
        return {"number": 1}

    policy = RetryPolicy(max_attempts=3, initial_interval=0.01, jitter=False)
    graph = StateGraph(State).add_node(download, retry_policy=policy)
    return graph.add_edge(START, "download").compile(name="fetch")


def approval(saver: BaseCheckpointSaver[Any], name: str = "approval") -> Graph:
    """A node that asks a human, and one that fails if the answer is no."""

    def draft(state: State) -> State:
        return {"parts": [1]}

    def approve(state: State) -> State:
        return {"fails": interrupt("publish it?") != "yes"}

    def publish(state: State) -> State:
        if state["fails"]:
            raise PermissionError("it was not approved")
        return {"parts": [2]}

    graph = StateGraph(State).add_sequence([draft, approve, publish]).add_edge(START, "draft")
    return graph.compile(name=name, checkpointer=saver)


def feed() -> Graph:
    """A node that goes round for as long as somebody reads."""

    def tell(state: State) -> State:
        return {"number": state["number"] + 1}

    graph = StateGraph(State).add_node(tell).add_edge(START, "tell").add_edge("tell", "tell")
    return graph.compile(name="feed")


def endless(name: str = "endless") -> Graph:
    """A node that goes round until the recursion limit."""

    def turn(state: State) -> State:
        return {"number": state["number"] + 1}

    graph = StateGraph(State).add_node(turn).add_edge(START, "turn").add_edge("turn", "turn")
    return graph.compile(name=name)


def matryoshka() -> Graph:
    """A graph in a graph in a graph, the innermost of which fails if it should."""

    def kernel(state: State) -> State:
        if state["fails"]:
            raise LookupError("there is nothing inside")
        return {"parts": [3]}

    inner = StateGraph(State).add_node(kernel).add_edge(START, "kernel").compile(name="inner")
    middle = StateGraph(State).add_node("small", inner).add_edge(START, "small").compile(name="middle")
    return StateGraph(State).add_node("large", middle).add_edge(START, "large").compile(name="matryoshka")


def wide(width: int) -> Graph:
    """As many tasks at once as there are parts, one of which is tried twice."""
    tried: list[int] = []

    def split(state: State) -> State:
        return {}

    def share(state: State) -> list[Send]:
        return [Send("part", {"number": number}) for number in range(width)]

    def part(state: State) -> State:
        if state["number"] == 7 and not tried:
            tried.append(7)
            raise ConnectionError("the line is down")
        return {"parts": [state["number"]]}

    def join(state: State) -> State:
        assert sorted(state["parts"]) == list(range(width))
        return {}

    policy = RetryPolicy(max_attempts=2, initial_interval=0.01, jitter=False)
    graph = StateGraph(State).add_node(split).add_node(part, retry_policy=policy).add_node(join)
    graph.add_edge(START, "split").add_conditional_edges("split", share, ["part"]).add_edge("part", "join")
    return graph.add_edge("join", END).compile(name="wide")


def pause(name: str) -> Graph:
    """A quick node, and one that takes its time."""

    def begin(state: State) -> State:
        return {"number": 1}

    def dwell(state: State) -> State:
        time.sleep(state["seconds"])
        return {"number": 2}

    return StateGraph(State).add_sequence([begin, dwell]).add_edge(START, "begin").compile(name=name)


def board(items: int) -> Graph:
    """An asynchronous node that writes to the stream and never lets anybody read meanwhile."""

    async def write(state: State) -> State:
        writer = get_stream_writer()
        for number in range(items):
            writer(number)
        return {"number": items}

    return StateGraph(State).add_node(write).add_edge(START, "write").compile(name="board")


def heavy(size: int) -> Graph:
    """A node that writes a text of that many characters into the state, and one that fails."""

    def write(state: State) -> State:
        return {"note": "all work and no play " * (size // 21 + 1)}

    def fail(state: State) -> State:
        raise MemoryError("it is too much " * 1000)

    return StateGraph(State).add_sequence([write, fail]).add_edge(START, "write").compile(name="heavy")


def leak(private: str, key: str, address: str, password: str) -> Graph:
    """A node that puts something private wherever content goes, and fails with secrets in its message."""

    def confess(state: State) -> State:
        get_stream_writer()({"private": private, "key": key})
        logging.getLogger(__name__).warning("asked %s with %s", address, key)
        return {"parts": [1], "note": f"{private} {key} {address}"}

    def fail(state: State) -> State:
        raise RuntimeError(f"{address} may not log in with password={password} and Bearer {key}")

    graph = StateGraph(State).add_sequence([confess, fail]).add_edge(START, "confess")
    return graph.compile(name="leak")
