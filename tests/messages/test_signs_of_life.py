"""What LangChain does inside a node is a sign of life of that node, whether anybody streams it or not."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from typing_extensions import TypedDict

from otgraph.errors import NodeTimeoutError
from otgraph.graph import START, StateGraph
from otgraph.types import TimeoutPolicy

from .conftest import Drive, paced

pytest.importorskip("langchain_core")

LIMIT = 0.15


class State(TypedDict, total=False):
    answer: str


def speaking(drive: Drive, tags: list[str]) -> Any:
    """Return a node that asks a model which takes its time with each word."""
    model = paced(["one", "two", "three", "four"], lambda: time.sleep(LIMIT * 0.5))

    def ask(state: State) -> Any:
        return {"answer": "".join(str(chunk.content) for chunk in model.stream("?", {"tags": tags}))}

    async def ask_async(state: State) -> Any:
        return {"answer": "".join([str(chunk.content) async for chunk in model.astream("?", {"tags": tags})])}

    return ask if drive.sync else ask_async


def chained(drive: Drive) -> Any:
    """Return a node that runs a chain of slow steps."""
    from langchain_core.runnables import RunnableLambda

    def step(value: str) -> str:
        time.sleep(LIMIT * 0.5)
        return value + "!"

    async def step_async(value: str) -> str:
        await asyncio.sleep(LIMIT * 0.5)
        return value + "!"

    one: Any = RunnableLambda(step, step_async)
    chain = one | one | one | one

    async def run_async(state: State) -> Any:
        return {"answer": await chain.ainvoke("x")}

    return (lambda state: {"answer": chain.invoke("x")}) if drive.sync else run_async


@pytest.mark.parametrize("kind", ["model", "nostream", "chain"])
@pytest.mark.parametrize("refresh_on", ["auto", "heartbeat"])
def test_callbacks_are_signs_of_life(drive: Drive, kind: str, refresh_on: Any) -> None:
    """Tokens, of models that are not to be streamed too, and steps of chains; with `heartbeat` they do not count."""
    tags = ["nostream"] if kind == "nostream" else []
    node = chained(drive) if kind == "chain" else speaking(drive, tags)
    policy = TimeoutPolicy(idle_timeout=LIMIT, refresh_on=refresh_on)
    graph = StateGraph(State).add_node("n", node, timeout=policy).add_edge(START, "n").compile()
    if refresh_on == "auto":
        assert drive.invoke(graph, {})["answer"] in ("onetwothreefour", "x!!!!")
    else:
        with pytest.raises(NodeTimeoutError, match="idle timeout"):
            drive.invoke(graph, {})


@pytest.mark.parametrize("tags", [[], ["nostream"]])
def test_tokens_that_are_streamed_are_signs_of_life(drive: Drive, tags: list[str]) -> None:
    """Whoever streams the tokens, and whether they are shown, they keep the node alive."""
    node = speaking(drive, tags)
    builder: Any = StateGraph(State)
    builder.add_node("n", node, timeout=TimeoutPolicy(idle_timeout=LIMIT)).add_edge(START, "n")
    chunks = drive.stream(builder.compile(), {}, stream_mode="messages")
    said = [message.content for message, _ in chunks if message.content]
    assert ([] if tags else ["one", "two", "three", "four"]) == said
