"""Slots: `max_concurrency` bounds the calls of user code that are in progress, and one is always enough."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from otgraph.drivers.workers import workers
from otgraph.graph import END, START, StateGraph
from otgraph.tracing import names
from otgraph.types import Send

from .conftest import PROMPT, Colour, State, Trace, beside, chain

ONE = {"max_concurrency": 1}


class Gauge:
    """Nodes that note how many of them are in progress at once."""

    def __init__(self, colour: Colour, seconds: float = 0.002) -> None:
        self._sync = colour.sync
        self._seconds = seconds
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0

    def _enter(self) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)

    def _leave(self) -> None:
        with self._lock:
            self._now -= 1

    def node(self, name: str) -> Any:
        def work(state: State) -> Any:
            self._enter()
            time.sleep(self._seconds)
            self._leave()
            return {"log": [name]}

        async def work_async(state: State) -> Any:
            self._enter()
            await asyncio.sleep(self._seconds)
            self._leave()
            return {"log": [name]}

        return work if self._sync else work_async


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_no_more_calls_than_slots(colour: Colour, limit: int) -> None:
    """At most `max_concurrency` nodes run at once."""
    gauge = Gauge(colour)
    graph = beside(**{f"n{i}": gauge.node(f"n{i}") for i in range(12)})
    result = colour.invoke(graph, {"log": []}, {"max_concurrency": limit})
    assert 12 == len(result["log"])
    assert gauge.most <= limit


def test_without_a_limit_all_run_at_once(colour: Colour) -> None:
    """Without `max_concurrency` no task waits for another one, however long each takes."""
    count = 60
    barrier = threading.Barrier(count, timeout=20)
    arrived: list[int] = []

    def meet(state: State) -> Any:
        barrier.wait()
        return {"log": [1]}

    async def meet_async(state: State) -> Any:
        arrived.append(1)
        while len(arrived) < count:
            await asyncio.sleep(0.001)
        return {"log": [1]}

    graph = beside(**{f"n{i}": meet if colour.sync else meet_async for i in range(count)})
    assert [1] * count == colour.invoke(graph, {"log": []})["log"]


def subgraph(*nodes: Any) -> Any:
    return chain(*nodes)


def test_one_slot_for_a_subgraph_beside_a_sibling(colour: Colour) -> None:
    """A graph that is a node takes no slot itself, so one slot serves it and what runs beside it."""
    gauge = Gauge(colour)
    inner = subgraph(gauge.node("i"), gauge.node("j"))
    outer: Any = StateGraph(State)
    outer.add_node("graph", inner).add_node("sibling", gauge.node("s")).add_node("other", inner)
    for name in ("graph", "sibling", "other"):
        outer.add_edge(START, name)
    result = colour.invoke(outer.compile(), {"log": []}, ONE)
    assert (1, sorted("ijijs")) == (gauge.most, sorted(result["log"]))


@pytest.mark.parametrize("mode", ["updates", "custom"])
def test_one_slot_for_graphs_invoked_in_nodes(colour: Colour, mode: str) -> None:
    """A node that invokes a graph keeps its slot; the graph inside has slots of its own, so nobody waits for ever."""
    inner = beside(i=colour.sleeping(0.001, "i"), j=colour.sleeping(0.001, "j"))
    middle = beside(m=colour.calling(inner), n=colour.calling(inner))
    outer = beside(o=colour.calling(middle), p=colour.calling(middle), q=colour.sleeping(0.001, "q"))
    assert 9 == len(colour.invoke(outer, {"log": []}, ONE)["log"])
    colour.stream(outer, {"log": []}, ONE, stream_mode=mode)


def test_busy_workers_invoke_graphs() -> None:
    """When every worker is busy with a node that invokes a graph, there come more."""
    inner = beside(**{f"i{i}": lambda state: {"log": [1]} for i in range(4)})
    deep = beside(**{f"d{i}": lambda state: inner.invoke({"log": []}) for i in range(4)})
    outer = beside(**{f"o{i}": lambda state: deep.invoke({"log": []}) for i in range(16)})
    assert 256 == len(outer.invoke({"log": []})["log"])


def test_busy_workers_run_batches() -> None:
    """Batches inside batches inside nodes come to their end."""
    inner = chain(lambda state: {"log": [1]})
    middle = chain(lambda state: {"log": [len(inner.batch([{"log": []}] * 12))]})
    outer = beside(
        **{f"o{i}": lambda state: {"log": [len(middle.batch([{"log": []}] * 12))]} for i in range(12)}
    )
    assert [12] * 12 == outer.invoke({"log": []})["log"]


def test_branches_and_sends_share_the_slot(colour: Colour) -> None:
    """A conditional edge is a call like any other: with one slot it runs when its turn comes."""
    gauge = Gauge(colour)

    def route(state: State) -> list[Send]:
        return [Send("work", {"log": []}) for _ in range(5)]

    graph: Any = StateGraph(State)
    graph.add_node("a", gauge.node("a")).add_node("b", gauge.node("b")).add_node("work", gauge.node("w"))
    graph.add_edge(START, "a").add_edge(START, "b").add_edge("work", END)
    graph.add_conditional_edges("a", route, ["work"])
    result = colour.invoke(graph.compile(), {"log": []}, ONE)
    assert (1, 7) == (gauge.most, len(result["log"]))


@pytest.mark.parametrize("where", ["slot", "slot, stream"])
def test_how_long_a_task_waited_for_its_slot(colour: Colour, where: str, trace: Trace) -> None:
    """A span says how many seconds its task waited for a slot, where that was longer than a millisecond."""
    graph = beside(a=colour.sleeping(0.2, "a"), b=colour.sleeping(0.001, "b"), c=colour.sleeping(0.001, "c"))
    call = colour.invoke if where == "slot" else colour.stream
    call(graph, {"log": []}, ONE, telemetry=trace.options)
    first, *others = [trace.attribute(name, names.WAITED) or 0 for name in "abc"]
    assert all(first + 0.15 < wait < PROMPT for wait in others)


def test_how_long_a_task_waited_for_a_thread(trace: Trace) -> None:
    """The wait for a free worker thread counts as well."""
    count = workers.threads + 20
    graph = beside(**{f"n{i}": lambda state: time.sleep(0.01) for i in range(count)})
    graph.invoke({"log": []}, telemetry=trace.options)
    waits = [trace.attribute(f"n{i}", names.WAITED) for i in range(count)]
    assert any(wait is not None and wait > 0.001 for wait in waits)


def test_nobody_waits_in_a_chain(colour: Colour, trace: Trace) -> None:
    """One task after another never waits, so no span says so."""
    graph = chain(colour.sleeping(0.005, "a"), colour.sleeping(0.005, "b"))
    colour.invoke(graph, {"log": []}, ONE, telemetry=trace.options)
    assert [None, None] == [trace.attribute(name, names.WAITED) for name in "ab"]
