"""What a run goes on from that was cut off at an awkward moment; each of these was found by killing processes."""

from __future__ import annotations

import asyncio
import operator
import time
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from otgraph.graph import START, StateGraph

CONFIG: Any = {"configurable": {"thread_id": "t"}}


class State(TypedDict):
    log: Annotated[list[str], operator.add]


def wide(saver: Any, names: str, done: list[str]) -> Any:
    """Return a graph of nodes side by side."""
    builder = StateGraph(State)
    for name in names:
        builder.add_node(name, lambda state, name=name: done.append(name) or {"log": [name]})
        builder.add_edge(START, name)
    return builder.compile(checkpointer=saver)


def test_a_finished_thread_gives_its_state() -> None:
    """Going on where nothing is due runs nothing, and returns the state."""
    done: list[str] = []
    graph = wide(InMemorySaver(), "a", done)
    graph.invoke({"log": []}, CONFIG)
    assert {"log": ["a"]} == graph.invoke(None, CONFIG)
    assert {"log": ["a"]} == asyncio.run(graph.ainvoke(None, CONFIG))
    assert ["a"] == done


@pytest.mark.parametrize("names", ["a", "abc"])
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_all_tasks_were_done_but_their_step_was_not_saved(names: str, colour: str) -> None:
    """A run that was cut off between the last task's write and the next checkpoint goes on without any task."""
    done: list[str] = []
    saver = InMemorySaver()
    graph = wide(saver, names, done)
    graph.invoke({"log": []}, CONFIG)
    saved = saver.storage["t"][""]
    del saved[max(saved)]
    done.clear()
    run = graph.invoke if colour == "sync" else lambda *args: asyncio.run(graph.ainvoke(*args))
    assert {"log": list(names)} == run(None, CONFIG)
    assert [] == done


class Slow:
    """Takes its time with checkpoints of the outer graph, and notes what is saved in which order."""

    order: list[str]

    def put(self, config: Any, *args: Any) -> Any:
        if not config["configurable"]["checkpoint_ns"]:
            time.sleep(0.05)
        self.order.append(config["configurable"]["checkpoint_ns"].partition(":")[0])
        return super().put(config, *args)  # type: ignore[misc]


class SlowSqlite(Slow, SqliteSaver):
    pass


class SlowAsync(Slow, AsyncSqliteSaver):
    pass


@pytest.mark.parametrize("outer", ["sync", "async"])
@pytest.mark.parametrize("inner", ["sync", "async"])
def test_what_is_saved_inside_comes_after_what_it_follows_from(
    outer: str, inner: str, tmp_path: Path
) -> None:
    """Where checkpoints are saved in the background, that of a graph in a node never is there before the node's own."""
    called = wide(None, "a", [])

    def call(state: State) -> Any:
        return called.invoke(state) if inner == "sync" else asyncio.run(called.ainvoke(state))

    async def acall(state: State) -> Any:
        return await called.ainvoke(state)

    builder = StateGraph(State).add_node("call", acall if (outer, inner) == ("async", "async") else call)
    builder.add_edge(START, "call")

    async def arun() -> Any:
        async with SlowAsync.from_conn_string(tmp_path / "x.db") as saver:
            saver.order = []
            await builder.compile(checkpointer=saver).ainvoke({"log": []}, CONFIG, durability="async")
            return saver.order

    if outer == "async":
        order = asyncio.run(arun())
    else:
        with SlowSqlite.from_conn_string(tmp_path / "x.db") as saver:
            saver.order = []
            if inner == "async":
                saver.__class__ = type("Both", (AsyncTwins, SlowSqlite), {})
            builder.compile(checkpointer=saver).invoke({"log": []}, CONFIG, durability="async")
            order = saver.order
    assert ["", "", "call", "call", "call"] == order[:5]


class AsyncTwins:
    """The coroutines that SqliteSaver has not."""

    async def aget_tuple(self, *args: Any) -> Any:
        return self.get_tuple(*args)  # type: ignore[attr-defined]

    async def aput(self, *args: Any) -> Any:
        return self.put(*args)  # type: ignore[attr-defined]

    async def aput_writes(self, *args: Any) -> Any:
        return self.put_writes(*args)  # type: ignore[attr-defined]
