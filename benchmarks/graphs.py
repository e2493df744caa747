"""
The graphs that are measured, each written once for both engines.

Rule: nodes do next to nothing, so that what is measured is the engine.
"""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable
from typing import Annotated, Any

from typing_extensions import TypedDict

from benchmarks.engine import Engine

__all__ = [
    "FANOUT",
    "LENGTH",
    "Counted",
    "Gathered",
    "Number",
    "Talk",
    "chain",
    "conversation",
    "count_up",
    "calls",
    "fan_out",
    "loop",
    "message",
    "one_node",
]

LENGTH = 10
"""Nodes in the chain."""

FANOUT = 100
"""Tasks of the fan-out."""


class Counted(TypedDict):
    """The state of the chain: a number that is replaced and a list that grows."""

    n: int
    log: Annotated[list[int], operator.add]


class Gathered(TypedDict):
    """The state of the fan-out: what the tasks bring home."""

    found: Annotated[list[int], operator.add]


class Number(TypedDict):
    """The state of the loop."""

    n: int


class Talk(TypedDict):
    """The state of the conversation: messages, which grow in number."""

    messages: Annotated[list[dict[str, str]], operator.add]


def count_up(state: Counted) -> dict[str, Any]:
    """The node of every chain, and of the loop written by hand."""
    return {"n": state["n"] + 1, "log": [1]}


async def _acount_up(state: Counted) -> dict[str, Any]:
    await asyncio.sleep(0)
    return {"n": state["n"] + 1, "log": [1]}


def chain(engine: Engine, *, colour: str = "sync", write: bool = False, saver: Any = None) -> Any:
    """
    Return ten nodes in a row.

    Args:
        write: let every node hand one item to the stream writer.
    """
    node: Callable[..., Any] = count_up if colour == "sync" else _acount_up
    if write:
        get_stream_writer = engine.get_stream_writer

        def speak(state: Counted) -> dict[str, Any]:
            get_stream_writer()(state["n"])
            return count_up(state)

        async def aspeak(state: Counted) -> dict[str, Any]:
            get_stream_writer()(state["n"])
            return await _acount_up(state)

        node = speak if colour == "sync" else aspeak

    graph = engine.StateGraph(Counted)
    names = [f"n{i}" for i in range(LENGTH)]
    for name in names:
        graph.add_node(name, node)
    for source, target in zip([engine.START, *names], [*names, engine.END], strict=True):
        graph.add_edge(source, target)
    return graph.compile(checkpointer=saver)


def fan_out(engine: Engine, *, colour: str = "sync") -> Any:
    """Return a node that is followed by a hundred tasks of another, one per `Send`."""
    send = engine.Send

    def plan(state: Gathered) -> dict[str, Any]:
        return {"found": []}

    def spread(state: Gathered) -> list[Any]:
        return [send("work", {"item": i}) for i in range(FANOUT)]

    def work(state: dict[str, int]) -> dict[str, Any]:
        return {"found": [state["item"]]}

    async def awork(state: dict[str, int]) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"found": [state["item"]]}

    graph = engine.StateGraph(Gathered)
    graph.add_node("plan", plan)
    graph.add_node("work", work if colour == "sync" else awork)
    graph.add_edge(engine.START, "plan")
    graph.add_conditional_edges("plan", spread, ["work"])
    graph.add_edge("work", engine.END)
    return graph.compile()


def calls(engine: Engine, *, colour: str = "sync") -> Any:
    """Return an entrypoint that calls a task so many times: one call after the other, or async ones together."""

    @engine.task
    def add(number: int) -> int:
        return number + 1

    @engine.task
    async def aadd(number: int) -> int:
        await asyncio.sleep(0)
        return number + 1

    @engine.entrypoint()
    def total(count: int) -> int:
        number = 0
        for _ in range(count):
            number = add(number).result()
        return number

    @engine.entrypoint()
    async def atotal(count: int) -> int:
        return sum(await asyncio.gather(*(aadd(0) for _ in range(count))))

    return total if colour == "sync" else atotal


def loop(engine: Engine, steps: int, *, mark: Callable[[int], None], saver: Any = None) -> Any:
    """Return one node that follows itself `steps` times and calls `mark` with the number of each step."""

    def step(state: Number) -> dict[str, int]:
        mark(state["n"])
        return {"n": state["n"] + 1}

    def again(state: Number) -> str:
        return "step" if state["n"] < steps else engine.END

    graph = engine.StateGraph(Number)
    graph.add_node("step", step)
    graph.add_edge(engine.START, "step")
    graph.add_conditional_edges("step", again, ["step", engine.END])
    return graph.compile(checkpointer=saver)


def message(role: str, turn: int) -> dict[str, str]:
    """Return a message of about a hundred characters."""
    return {"role": role, "content": f"{turn}: {'what is said in a turn of a conversation ' * 2}"}


def conversation(engine: Engine, *, saver: Any) -> Any:
    """Return a graph that answers the last of its messages."""

    def answer(state: Talk) -> dict[str, Any]:
        return {"messages": [message("assistant", len(state["messages"]))]}

    graph = engine.StateGraph(Talk)
    graph.add_node("answer", answer)
    graph.add_edge(engine.START, "answer")
    graph.add_edge("answer", engine.END)
    return graph.compile(checkpointer=saver)


def one_node(engine: Engine, node: Callable[..., Any]) -> Any:
    """Return a graph of the single node `node`."""
    graph = engine.StateGraph(Number)
    graph.add_node("node", node)
    graph.add_edge(engine.START, "node")
    graph.add_edge("node", engine.END)
    return graph.compile()
