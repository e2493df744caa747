"""
A process whose node forks while others run beside it: with a stream, spans, a trace store and a saver.

Run as `forking FOLDER HOW COLOUR`; prints what became of it, as JSON. Rule: whoever hangs is ended by its alarm, with
a status of its own.
"""

from __future__ import annotations

import asyncio
import faulthandler
import json
import multiprocessing
import operator
import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Annotated, Any, TypedDict

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from otgraph_exporters.trace_store import TraceStore, TraceStoreProcessor

from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from otgraph.config import get_stream_writer
from otgraph.errors import RunEndedError
from otgraph.graph import START, StateGraph
from otgraph.telemetry import TelemetryOptions

HUNG = 9
PATIENCE = 40
MODES = ["custom", "values", "spans"]


class State(TypedDict, total=False):
    notes: Annotated[list[str], operator.add]


def hang(*_: Any) -> None:
    faulthandler.dump_traceback()
    os._exit(HUNG)


def two(name: str) -> StateGraph[Any]:
    """Return a graph of two nodes side by side, which needs worker threads."""
    builder = StateGraph(State)
    for side in ("left", "right"):
        builder.add_node(side, lambda state, side=side: {"notes": [f"{name} {side}"]})
        builder.add_edge(START, side)
    return builder


def place(thread: str) -> Any:
    return {"configurable": {"thread_id": thread}}


class World:
    """What parent and child share."""

    def __init__(self, folder: Path) -> None:
        self.saved = folder / "saved.db"
        self.told = folder / "traces.db"
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.provider.add_span_processor(TraceStoreProcessor(self.told))
        self.options = TelemetryOptions(provider=self.provider, capture=True)

    def work(self) -> None:
        """What a child does: a run of its own, with a saver of its own on the same file."""
        signal.alarm(PATIENCE // 2)
        with SqliteSaver.from_conn_string(self.saved) as saver:
            graph = two("child").compile(checkpointer=saver, telemetry=self.options)
            chunks = list(graph.stream({"notes": ["in"]}, place(f"child {os.getpid()}"), stream_mode=MODES))
        assert chunks[-1][0] == "spans"
        assert [data for mode, data in chunks if mode == "values"][-1]["notes"] == [
            "in",
            "child left",
            "child right",
        ]
        assert self.provider.force_flush()
        signal.alarm(0)


WORLDS: list[World] = []
"""What a process of a pool finds in the memory that it was forked with: it cannot be sent there."""


def work_in_pool() -> None:
    WORLDS[0].work()


def forked(action: Callable[[], object]) -> None:
    """Fork a child that does something and ends; fail if it does."""
    child = os.fork()
    if not child:
        code = 1
        try:
            action()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


def refused(writer: Any) -> None:
    """What the run's own writer says in a child."""
    signal.alarm(PATIENCE // 2)
    try:
        writer("from the child")
    except RunEndedError:
        return
    raise AssertionError("a child speaks for a run of its parent's")


def returned() -> bool:
    """Fork a child that goes on with the node; say whether we are that child."""
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
        return False
    signal.alarm(PATIENCE // 2)
    return True


def fork(world: World, how: str) -> bool:
    """Fork in some way; return whether we are a child that returns from the node."""
    if how == "nothing":
        forked(lambda: None)
    elif how == "run":
        forked(world.work)
    elif how == "writer":
        writer = get_stream_writer()
        forked(lambda: refused(writer))
    elif how == "multiprocessing":
        process = multiprocessing.get_context("fork").Process(target=world.work)
        process.start()
        process.join()
        assert process.exitcode == 0, process.exitcode
    elif how == "spawn":
        spawned = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(0,))
        spawned.start()
        spawned.join()
        assert spawned.exitcode == 0, spawned.exitcode
    elif how == "pool":
        WORLDS.append(world)
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
            pool.submit(work_in_pool).result()
    return how == "return" and returned()


def graph_of(world: World, how: str, colour: str) -> StateGraph[Any]:
    """Return a graph one node of which forks while another one is busy."""

    def forks(state: State) -> State:
        get_stream_writer()("before")
        if fork(world, how):
            return {"notes": ["in the child"]}
        get_stream_writer()("after")
        return {"notes": ["forks"]}

    async def forks_too(state: State) -> State:
        return forks(state)

    def busy(state: State) -> State:
        for _ in range(20):
            time.sleep(0.005)
            get_stream_writer()("busy")
        return {"notes": ["busy"]}

    builder = StateGraph(State).add_node("first", lambda state: {"notes": ["first"]}).add_edge(START, "first")
    builder.add_node("forks", forks_too if colour == "coroutine" else forks).add_node(busy)
    builder.add_edge("first", "forks").add_edge("first", "busy")
    builder.add_node("last", lambda state: {"notes": ["last"]}).add_edge(["forks", "busy"], "last")
    return builder


async def arun(builder: StateGraph[Any], world: World) -> list[Any]:
    async with AsyncSqliteSaver.from_conn_string(world.saved) as saver:
        graph = builder.compile(checkpointer=saver, telemetry=world.options)
        chunks = graph.astream({"notes": ["in"]}, place("parent"), stream_mode=MODES)
        return [chunk async for chunk in chunks]


def run(builder: StateGraph[Any], world: World) -> list[Any]:
    with SqliteSaver.from_conn_string(world.saved) as saver:
        graph = builder.compile(checkpointer=saver, telemetry=world.options)
        return list(graph.stream({"notes": ["in"]}, place("parent"), stream_mode=MODES))


def main(folder: str, how: str, colour: str) -> None:
    """Run the graph, and say what became of it."""
    signal.signal(signal.SIGALRM, hang)
    signal.alarm(PATIENCE)
    world = World(Path(folder))
    builder = graph_of(world, how, colour)
    chunks = run(builder, world) if colour == "threads" else asyncio.run(arun(builder, world))
    world.provider.shutdown()
    with SqliteSaver.from_conn_string(world.saved) as saver:
        saved = {each.config["configurable"]["thread_id"] for each in saver.list(None)}
        last = saver.get_tuple(place("parent"))
    with TraceStore(world.told) as store:
        told = sorted(len(store.spans(each.run_id)) for each in store.runs())
    assert last is not None
    print(
        json.dumps(
            {
                "notes": [data for mode, data in chunks if mode == "values"][-1]["notes"],
                "saved notes": last.checkpoint["channel_values"]["notes"],
                "said": sorted({data for mode, data in chunks if mode == "custom"}),
                "spans": len(world.exporter.get_finished_spans()),
                "stored": told,
                "threads": sorted(name.partition(" ")[0] for name in saved),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
