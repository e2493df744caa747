"""Any number of observers may watch a run that is going on, each in its own way."""

from __future__ import annotations

import asyncio
import operator
import threading
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypedDict

import pytest

from otgraph.errors import StreamOverflowError
from otgraph.graph import START, StateGraph
from otgraph.telemetry import awatch, live_runs, watch
from otgraph.types import Buffer

RUN = "11111111-2222-3333-4444-555555555555"


class State(TypedDict):
    log: Annotated[list[str], operator.add]


class Steps:
    """A graph of two nodes: the first waits until somebody lets it go on."""

    def __init__(self, items: int = 3) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()
        self.items = items

    def first(self, state: State, writer: Callable[[Any], None]) -> Any:
        self.begun.set()
        assert self.go.wait(10)
        for item in range(self.items):
            writer(item)
        return {"log": ["first"]}

    def graph(self) -> Any:
        inner = (
            StateGraph(State)
            .add_node("deep", lambda state: {"log": ["deep"]})
            .add_edge(START, "deep")
            .compile()
        )
        builder = StateGraph(State).add_node("first", self.first).add_node("inner", inner)
        return builder.add_edge(START, "first").add_edge("first", "inner").compile(name="watched")


@pytest.fixture
def running() -> Iterator[tuple[Steps, dict[str, Any]]]:
    """Return steps whose run is under way in another thread, and what it returned, once it has."""
    steps, result = Steps(), {}
    graph = steps.graph()
    config = {"run_id": RUN, "configurable": {"thread_id": "t"}}

    def run() -> None:
        result["value"] = graph.invoke({"log": ["in"]}, config)

    thread = threading.Thread(target=run)
    thread.start()
    assert steps.begun.wait(10)
    yield steps, result
    steps.go.set()
    thread.join(10)
    assert not thread.is_alive()


def test_several_observers_each_with_their_modes(running: tuple[Steps, dict[str, Any]]) -> None:
    """Observers that come late see what is to come, each in its own modes; values first show the state as it is."""
    steps, result = running
    updates = watch(RUN)
    values = watch(thread_id="t", stream_mode=["values", "custom"])
    deep = watch(RUN, stream_mode="updates", subgraphs=True, version="v2")
    steps.go.set()
    assert [{"first": {"log": ["first"]}}, {"inner": {"log": ["in", "first", "deep"]}}] == list(updates)
    assert [
        ("values", {"log": ["in"]}),
        ("custom", 0),
        ("custom", 1),
        ("custom", 2),
        ("values", {"log": ["in", "first"]}),
        ("values", {"log": ["in", "first", "in", "first", "deep"]}),
    ] == list(values)
    parts = list(deep)
    assert ["first", "deep", "inner"] == [next(iter(part["data"])) for part in parts]
    assert [0, 1, 0] == [len(part["ns"]) for part in parts]
    assert sorted(part.seq for part in parts) == [part.seq for part in parts]


def test_the_run_is_listed_while_it_goes_on(running: tuple[Steps, dict[str, Any]]) -> None:
    """`live_runs` names the run, its graph and its thread; later it does not."""
    steps, result = running
    assert (RUN, "watched", "t") in live_runs()
    watcher = watch(RUN)
    steps.go.set()
    list(watcher)
    assert RUN not in [run.run_id for run in live_runs()]


def test_closing_an_observer_leaves_the_run_alone(running: tuple[Steps, dict[str, Any]]) -> None:
    """An observer that leaves early, or says nothing at all, changes nothing for the run."""
    steps, result = running
    with watch(RUN, stream_mode="custom") as watcher:
        steps.go.set()
        assert 0 == next(watcher)
    assert [] == list(watcher)
    while "value" not in result:
        time.sleep(0.01)
    assert {"log": ["in", "first", "in", "first", "deep"]} == result["value"]


def test_a_closed_observer_wakes_whoever_waits(running: tuple[Steps, dict[str, Any]]) -> None:
    """A thread that waits for a chunk gets the end when the observer is closed."""
    steps, result = running
    watcher = watch(RUN)
    threading.Timer(0.05, watcher.close).start()
    assert [] == list(watcher)


def test_waiting_has_an_end(running: tuple[Steps, dict[str, Any]]) -> None:
    """With a timeout, an observer of a silent run says so."""
    with pytest.raises(TimeoutError, match=r"said nothing for 0\.05 seconds"):
        next(watch(RUN, timeout=0.05))


@pytest.mark.parametrize("policy", ["drop_oldest", "error"])
def test_an_observer_that_is_behind(policy: Any) -> None:
    """It loses the oldest entries and knows how many, or is told; the run never waits for it and never fails."""
    steps = Steps(items=500)
    graph = steps.graph()
    chunks: list[Any] = []
    thread = threading.Thread(target=lambda: chunks.append(graph.invoke({"log": []}, {"run_id": RUN})))
    thread.start()
    assert steps.begun.wait(10)
    watcher = watch(RUN, stream_mode="custom", version="v2", buffer=Buffer(10, policy))
    steps.go.set()
    thread.join(10)
    assert [{"log": ["first", "first", "deep"]}] == chunks
    if policy == "error":
        with pytest.raises(StreamOverflowError, match="10 entries"):
            next(watcher)
        return
    parts = list(watcher)
    assert 499 == parts[-1]["data"]
    assert watcher.dropped == parts[0].dropped > 480


def test_unknown_runs_are_refused() -> None:
    """The error names what was asked for and what is there."""
    with pytest.raises(LookupError, match="no run 'nowhere' is going on in this process; those going on: "):
        watch("nowhere")
    with pytest.raises(ValueError, match="either its run_id or its thread_id"):
        watch()


def test_the_refusal_names_the_runs_that_there_are(running: tuple[Steps, dict[str, Any]]) -> None:
    """Whoever asks for a run that is not there is told which ones are."""
    for ask in (watch, awatch):
        with pytest.raises(LookupError, match=rf"those going on: .*{RUN} \(watched\)"):
            ask(thread_id="another")


async def test_a_coroutine_that_waits_in_vain() -> None:
    """With a timeout, an async observer of a silent run says so, and may go on waiting."""
    steps = Steps(items=1)
    task = asyncio.create_task(steps.graph().ainvoke({"log": []}, {"run_id": RUN}))
    while not steps.begun.is_set():
        await asyncio.sleep(0.01)
    watcher = awatch(RUN, stream_mode="custom", timeout=0.05)
    with pytest.raises(TimeoutError, match=r"said nothing for 0\.05 seconds"):
        await anext(watcher)
    steps.go.set()
    assert [0] == [chunk async for chunk in watcher]
    await task


async def test_watching_from_a_coroutine() -> None:
    """An async observer sees a run of its own event loop, and one of another thread."""
    steps = Steps()
    graph = steps.graph()
    task = asyncio.create_task(graph.ainvoke({"log": []}, {"run_id": RUN}))
    while not steps.begun.is_set():
        await asyncio.sleep(0.01)
    watcher = awatch(RUN, stream_mode=["custom", "updates"])
    steps.go.set()
    chunks = [chunk async for chunk in watcher]
    expected = [("custom", 0), ("custom", 1), ("custom", 2), ("updates", {"first": {"log": ["first"]}})]
    assert expected == chunks[:4]
    assert {"log": ["first", "first", "deep"]} == await task


async def test_an_async_observer_can_leave() -> None:
    """Closing an async observer leaves the run alone."""
    steps = Steps()
    graph = steps.graph()
    task = asyncio.create_task(graph.ainvoke({"log": []}, {"run_id": RUN}))
    while not steps.begun.is_set():
        await asyncio.sleep(0.01)
    async with awatch(RUN, stream_mode="custom") as watcher:
        steps.go.set()
        assert 0 == await anext(watcher)
    assert {"log": ["first", "first", "deep"]} == await task
