"""Many at once: runs, nodes, threads, event loops and processes."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import Any

import pytest
from waiting import until_async

from otgraph.config import get_stream_writer
from otgraph.drivers import threads
from otgraph.errors import GraphRecursionError

from .conftest import Colour, State, Trace, beside, chain, line


async def test_an_endless_loop_lets_others_have_a_turn(trace: Trace) -> None:
    """A run whose nodes never await can be timed out, and other tasks go on meanwhile."""

    async def step(state: State) -> Any:
        return {"n": 1}

    graph = line(step).add_edge("a", "a").compile()
    ticks: list[int] = []

    async def tick() -> None:
        while True:
            ticks.append(1)
            await asyncio.sleep(0.005)

    ticking = asyncio.create_task(tick())
    config: Any = {"recursion_limit": 10**9}
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(graph.ainvoke({"n": 0}, config, telemetry=trace.options), 0.5)
    ticking.cancel()
    assert len(ticks) > 2
    assert "cancelled" == trace.outcomes()["LangGraph"]


@pytest.mark.parametrize("mode", [None, "updates", "custom"])
async def test_sync_nodes_never_block_the_loop(mode: Any, trace: Trace) -> None:
    """In an async run sync nodes run in worker threads while the loop goes on."""
    threads: list[int] = []
    begun, ticked = threading.Semaphore(0), threading.Semaphore(0)

    def node(state: State) -> None:
        threads.append(threading.get_ident())
        begun.release()
        assert ticked.acquire(timeout=30), "the loop stood still meanwhile"

    async def tick() -> None:
        while True:
            await until_async(lambda: begun.acquire(blocking=False))
            ticked.release()

    ticking = asyncio.create_task(tick())
    graph = chain(node, node)
    if mode is None:
        await graph.ainvoke({"log": []}, telemetry=trace.options)
    else:
        [_ async for _ in graph.astream({"log": []}, stream_mode=mode, telemetry=trace.options)]
    ticking.cancel()
    assert 2 == len(threads)
    assert threading.get_ident() not in threads


async def test_many_runs_on_one_loop(trace: Trace) -> None:
    """Two hundred concurrent runs do not mix up their items."""

    async def speak(state: State) -> Any:
        get_stream_writer()(state["n"])
        await asyncio.sleep(0.001)
        get_stream_writer()(state["n"])
        return {"log": [state["n"]]}

    graph = beside(a=speak, b=speak)

    async def one(number: int) -> set[int]:
        stream = graph.astream({"n": number}, stream_mode="custom", telemetry=trace.options)
        return {item async for item in stream}

    assert [{n} for n in range(200)] == await asyncio.gather(*(one(n) for n in range(200)))


def test_many_runs_in_threads(trace: Trace) -> None:
    """Neither do runs that are driven by many threads at once."""
    graph = beside(a=lambda state: {"log": [state["n"]]}, b=lambda state: {"log": [state["n"]]})
    results: dict[int, Any] = {}

    def one(number: int) -> None:
        results[number] = graph.invoke({"n": number, "log": []}, telemetry=trace.options)["log"]

    threads = [threading.Thread(target=one, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: [number, number] for number in range(50)} == results


@pytest.mark.parametrize("mode", ["custom", ["updates", "custom"]])
def test_the_writer_is_found_in_async_nodes(mode: Any, trace: Trace) -> None:
    """`get_stream_writer` works in coroutines, before and after an await, and in the tasks they start."""

    async def speak(state: State) -> None:
        get_stream_writer()("before")
        await asyncio.sleep(0)
        get_stream_writer()("after")

        async def inner() -> None:
            get_stream_writer()("inside")

        await asyncio.create_task(inner())

    chunks = Colour("asyncio").stream(chain(speak), stream_mode=mode, telemetry=trace.options)
    said = [chunk[1] if isinstance(chunk, tuple) else chunk for chunk in chunks]
    assert ["before", "after", "inside"] == [item for item in said if isinstance(item, str)]


def test_a_runnable_that_a_node_returns_is_inside_the_node(colour: Colour, trace: Trace) -> None:
    """A graph that a node returns is run in the node's place, as a run inside it."""
    inner = chain(colour.sleeping(0.0, "inner"), name="inner")
    graph = chain(colour.node(lambda state: inner))
    assert ["inner"] == colour.invoke(graph, {"log": []}, telemetry=trace.options)["log"][-1:]
    assert {"inner": "success", "LangGraph": "success"}.items() <= trace.outcomes().items()
    assert 1 == len([span for span in trace.spans if span.parent is None])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_runs_graphs(colour: Colour, trace: Trace) -> None:
    """A child process has worker threads of its own, also if those of its parent were busy."""
    graph = beside(a=colour.sleeping(0.001, "a"), b=colour.sleeping(0.001, "b"))
    colour.invoke(graph, {"log": []}, telemetry=trace.options)
    child = os.fork()
    if child == 0:
        try:
            result = colour.invoke(graph, {"log": []})
            streamed = colour.stream(graph, {"log": []}, stream_mode=["updates", "custom"])
            os._exit(0 if (len(result["log"]), len(streamed)) == (2, 2) else 1)
        except BaseException:
            os._exit(2)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.01)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
        pytest.fail("the child hangs")
    assert 0 == os.waitstatus_to_exitcode(status)


def test_the_recursion_limit_ends_a_loop(colour: Colour, trace: Trace) -> None:
    """A loop of nodes ends at the limit in either colour."""
    graph = line(colour.node(lambda state: {"n": 1})).add_edge("a", "a").compile()
    with pytest.raises(GraphRecursionError):
        colour.invoke(graph, {"n": 0}, {"recursion_limit": 20}, telemetry=trace.options)


@pytest.mark.parametrize("count", [1, 3])
def test_what_a_node_says_is_handed_out_at_once(
    count: int, trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what it says when it has hardly begun: its consumer is woken, and not only after a while."""
    monkeypatch.setattr(threads, "SHORT_CALL", 60)
    heard = [threading.Event() for _ in range(count)]

    def speaker(number: int) -> Any:
        def speak(state: State) -> State:
            time.sleep(2 * threads.YOUNG_CALL)
            get_stream_writer()(number)
            assert heard[number].wait(30), "nobody has heard it"
            return {"log": [str(number)]}

        return speak

    graph = beside(**{f"n{number}": speaker(number) for number in range(count)})
    for number in graph.stream({"log": []}, stream_mode="custom"):
        heard[number].set()
    assert all(event.is_set() for event in heard)


def test_what_a_node_says_as_it_begins_is_handed_out_while_it_goes_on(trace: Trace) -> None:
    """A node is not waited for that says something at once and then goes on for long."""
    heard = threading.Event()

    def speak(state: State) -> State:
        get_stream_writer()("a word")
        assert heard.wait(30), "nobody has heard it"
        return {"log": ["done"]}

    for word in line(speak).compile().stream({"n": 0}, stream_mode="custom"):
        assert "a word" == word
        heard.set()
    assert heard.is_set()
