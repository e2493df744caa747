"""A run that is stopped from outside: it is over at once, every span has ended, and nothing of it goes on."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import sys
import threading
import time
from typing import Any

import pytest
from waiting import until, until_async

from otgraph.config import get_stream_writer
from otgraph.drivers import coroutines
from otgraph.drivers.workers import workers
from otgraph.errors import NodeCancelledError, RunEndedError
from otgraph.graph import START, StateGraph
from otgraph.types import RetryPolicy, interrupt

from .conftest import PROMPT, Blocked, Clock, Colour, State, Trace, beside, chain, line

MODES = ["updates", "custom", ["updates", "custom"]]


def say(state: State) -> dict[str, Any]:
    get_stream_writer()("said")
    return {"log": ["said"]}


async def say_async(state: State) -> dict[str, Any]:
    return say(state)


async def hang(state: State) -> None:
    await asyncio.sleep(30)


async def under_way(trace: Trace, nodes: int) -> None:
    """Wait until so many coroutines of a run have begun, side by side."""
    await until_async(
        lambda: len(trace.started) == 2 + nodes, "spans of the run, its superstep and its nodes"
    )
    await asyncio.sleep(0.005)  # what was about to begin has begun then


# ---- closing a stream


@pytest.mark.parametrize("mode", ["custom", ["updates", "custom"]])
def test_close_while_a_sync_node_runs(mode: Any, blocked: Blocked, trace: Trace) -> None:
    """Closing a stream abandons the thread of a sync node: the run is over at once, and the thread is counted."""
    before = workers.abandoned

    def speak_and_block(state: State) -> Any:
        get_stream_writer()("said")
        return blocked(state)

    stream = chain(speak_and_block).stream({"log": []}, stream_mode=mode, telemetry=trace.options)
    assert "said" in next(stream)
    blocked.begun.wait()
    with Clock() as clock:
        stream.close()
    assert clock.seconds < PROMPT
    assert (before + 1, True) == (workers.abandoned, trace.whole)
    assert {"a": "abandoned", "LangGraph": "cancelled"} == trace.outcomes()
    assert blocked.thread is not None
    assert blocked.thread.daemon
    blocked.let_go.set()
    until(lambda: workers.abandoned == before)


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_break_out_of_a_stream_beside_a_sync_node(mode: Any, blocked: Blocked, trace: Trace) -> None:
    """Leaving the loop is enough, also while one of several tasks still runs."""
    graph = beside(a=say, b=blocked)
    for _ in graph.stream({"log": []}, stream_mode=mode, telemetry=trace.options):
        blocked.begun.wait()
        with Clock() as clock:
            break
    assert clock.seconds < PROMPT
    assert trace.whole
    assert "abandoned" == trace.outcomes()["b"]


@pytest.mark.parametrize("mode", MODES, ids=str)
async def test_aclose_while_a_sync_node_runs(mode: Any, blocked: Blocked, trace: Trace) -> None:
    """An async stream does not wait for the thread of a sync node either."""
    graph = beside(a=say, b=blocked)
    stream = graph.astream({"log": []}, stream_mode=mode, telemetry=trace.options)
    await stream.__anext__()
    await until_async(blocked.begun.is_set)
    with Clock() as clock:
        await stream.aclose()
    assert clock.seconds < PROMPT
    assert trace.whole
    assert "abandoned" == trace.outcomes()["b"]
    assert 1 == len(asyncio.all_tasks())


@pytest.mark.parametrize("mode", MODES, ids=str)
async def test_aclose_waits_for_what_coroutines_clean_up(mode: Any, trace: Trace) -> None:
    """A coroutine that is cancelled may clean up, and speak to nobody, before the stream is closed."""
    done: list[str] = []

    async def tidy(state: State) -> None:
        writer = get_stream_writer()
        try:
            await asyncio.sleep(30)
        finally:
            writer("tidying")
            await asyncio.sleep(0.02)
            done.append("tidy")

    graph = beside(a=say_async, b=tidy)
    stream = graph.astream({"log": []}, stream_mode=mode, telemetry=trace.options)
    await stream.__anext__()
    with Clock() as clock:
        await asyncio.create_task(stream.aclose())
    assert (["tidy"], 1) == (done, len(asyncio.all_tasks()))
    assert clock.seconds < PROMPT
    assert trace.whole


def test_a_closed_stream_begins_nothing_more(colour: Colour, trace: Trace) -> None:
    """A call that waited for a slot when its stream was closed is never made."""
    begun: list[str] = []
    queued = {f"q{i}": colour.node(lambda state: begun.append("q")) for i in range(20)}
    graph = beside(a=colour.node(say), b=colour.sleeping(0.05), **queued)
    options: Any = {
        "config": {"max_concurrency": 1},
        "stream_mode": "updates",
        "telemetry": trace.options,
    }
    if colour.sync:
        stream = graph.stream({"log": []}, **options)
        next(stream)
        stream.close()
    else:

        async def leave() -> None:
            astream = graph.astream({"log": []}, **options)
            await astream.__anext__()
            await astream.aclose()

        asyncio.run(leave())
    time.sleep(0.1)
    assert [] == begun


# ---- what an abandoned node can still do


@pytest.mark.parametrize("asks", ["writer", "interrupt"])
def test_an_abandoned_node_asks_in_vain(asks: str, trace: Trace) -> None:
    """Once its run is over, a node's writer and interrupt raise, and what it returns is discarded."""
    begun, let_go, ended = threading.Event(), threading.Event(), threading.Event()
    raised: list[BaseException] = []

    def node(state: State) -> Any:
        writer = get_stream_writer()
        writer("said")
        begun.set()
        let_go.wait(10)
        try:
            writer("late") if asks == "writer" else interrupt("late")
        except RunEndedError as error:
            raised.append(error)
        finally:
            ended.set()
        return {"log": ["late"]}

    stream = chain(node, say).stream({"log": []}, stream_mode="custom", telemetry=trace.options)
    next(stream)
    begun.wait()
    stream.close()
    let_go.set()
    ended.wait(5)
    assert "node 'a' used" in str(raised[0])
    with pytest.raises(StopIteration):
        next(stream)


@pytest.mark.parametrize("inner", ["threads", "asyncio"])
@pytest.mark.parametrize("outer", ["threads", "asyncio"])
def test_runs_inside_an_abandoned_node_end_with_it(
    outer: str, inner: str, blocked: Blocked, trace: Trace
) -> None:
    """The spans of runs that were begun inside an abandoned node end at once, though its thread goes on."""
    outcome: list[BaseException] = []
    deep = chain(say, blocked, say, name="deep")

    def node(state: State) -> Any:
        get_stream_writer()("said")
        try:
            if inner == "threads":
                return deep.invoke({"log": []})
            return asyncio.run(deep.ainvoke({"log": []}))
        except BaseException as error:
            outcome.append(error)
            raise

    middle = chain(lambda state: chain(node, name="middle").invoke({"log": []}), name="outer")
    options: Any = {"stream_mode": "custom", "subgraphs": True, "telemetry": trace.options}
    if outer == "threads":
        stream = middle.stream({"log": []}, **options)
        next(stream)
        blocked.begun.wait()
        with Clock() as clock:
            stream.close()
    else:

        async def leave() -> Clock:
            astream = middle.astream({"log": []}, **options)
            await astream.__anext__()
            await until_async(blocked.begun.is_set)
            with Clock() as clock:
                await astream.aclose()
            return clock

        clock = asyncio.run(leave())
    assert clock.seconds < PROMPT
    assert trace.whole
    assert {"outer", "middle", "deep"} <= set(trace.outcomes())
    blocked.let_go.set()
    until(lambda: bool(outcome))
    assert isinstance(outcome[0], RunEndedError)


def test_what_an_abandoned_node_does_leaves_no_trace(blocked: Blocked, trace: Trace) -> None:
    """The span of an abandoned node is not touched any more when the node comes back."""
    stream = beside(a=say, b=blocked).stream({"log": []}, telemetry=trace.options)
    next(stream)
    blocked.begun.wait()
    stream.close()
    before = [(span.to_json(), span.end_time) for span in trace.spans]
    blocked.let_go.set()
    blocked.ended.wait()
    time.sleep(0.02)
    assert before == [(span.to_json(), span.end_time) for span in trace.spans]


# ---- cancelling tasks


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("call", ["ainvoke", "updates", "custom"])
async def test_cancelling_the_consumer(call: str, count: int, trace: Trace) -> None:
    """When the consumer's task is cancelled, so are the nodes, and no task of the run is left."""
    graph = beside(**dict.fromkeys("abc"[:count], hang))

    async def consume() -> None:
        if call == "ainvoke":
            await graph.ainvoke({"log": []}, telemetry=trace.options)
        else:
            async for _ in graph.astream({"log": []}, stream_mode=call, telemetry=trace.options):
                pass

    task = asyncio.create_task(consume())
    await under_way(trace, count)
    with Clock() as clock:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert clock.seconds < PROMPT
    assert 1 == len(asyncio.all_tasks())
    assert {"cancelled"} == set(trace.outcomes().values())


async def test_a_second_cancellation_leaves_nobody_behind(trace: Trace) -> None:
    """Whoever is in a hurry waits all the same: nodes come to their ends before the consumer does."""
    ended: list[str] = []

    async def slow_end(state: State) -> None:
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0.05)
            ended.append("node")

    task = asyncio.create_task(beside(a=slow_end, b=slow_end).ainvoke({"log": []}, telemetry=trace.options))
    await under_way(trace, 2)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.01)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (["node", "node"], 1) == (ended, len(asyncio.all_tasks()))


def swallowing(times: int) -> Any:
    async def swallow(state: State) -> Any:
        for _ in range(times):
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                pass
        return {"log": ["swallowed"]}

    return swallow


@pytest.mark.parametrize("count", [1, 2])
async def test_a_node_that_keeps_a_cancellation_to_itself(count: int, trace: Trace) -> None:
    """A node that catches the cancellation and returns does not save the run from it."""
    after: list[str] = []

    async def follow(state: State) -> None:
        after.append("ran")

    builder = line(swallowing(1), follow)
    if count == 2:
        builder.add_node("z", hang)
        builder.add_edge(START, "z")
    task = asyncio.create_task(builder.compile().ainvoke({"log": []}, telemetry=trace.options))
    await under_way(trace, count)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ([], 1) == (after, len(asyncio.all_tasks()))


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("mode", [None, "custom"])
async def test_a_node_that_does_not_stop_is_closed(
    mode: Any,
    count: int,
    trace: Trace,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A node that catches every cancellation is closed after a while, and a warning says so."""
    monkeypatch.setattr(coroutines, "PATIENCE", 0.05)
    graph = beside(**{name: swallowing(1000) for name in "ab"[:count]})

    async def consume() -> None:
        if mode is None:
            await graph.ainvoke({"log": []}, telemetry=trace.options)
        else:
            async for _ in graph.astream({"log": []}, stream_mode=mode, telemetry=trace.options):
                pass

    task = asyncio.create_task(consume())
    await under_way(trace, count)
    task.cancel()
    with Clock() as clock, caplog.at_level(logging.WARNING), pytest.raises(asyncio.CancelledError):
        await task
    assert clock.seconds < PROMPT
    assert 1 == len(asyncio.all_tasks())
    assert "Node 'a' did not stop" in caplog.text
    assert {"cancelled"} == set(trace.outcomes().values())


async def test_a_timeout_around_a_node_that_does_not_stop(
    trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that had to be closed counts as one cancellation: a timeout around the run is told as a timeout."""
    monkeypatch.setattr(coroutines, "PATIENCE", 0.02)
    graph = chain(swallowing(1000))
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(graph.ainvoke({"log": []}, telemetry=trace.options), 0.02)
    if sys.version_info >= (3, 11):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await graph.ainvoke({"log": []}, telemetry=trace.options)
        current = asyncio.current_task()
        assert current is not None
        assert 0 == current.cancelling()


# ---- cancellations that are a node's own


@pytest.mark.parametrize("mode", [None, "updates", "custom"])
@pytest.mark.parametrize("beside_another", [False, True])
def test_a_node_that_raises_cancelled_error(
    colour: Colour, mode: Any, beside_another: bool, trace: Trace
) -> None:
    """CancelledError raised by a node, though nobody cancelled anything, is that node's failure."""

    def give_up(state: State) -> None:
        raise asyncio.CancelledError

    nodes = {"a": colour.node(give_up), **({"b": colour.sleeping(0.01)} if beside_another else {})}
    with pytest.raises(NodeCancelledError) as caught:
        colour.run(beside(**nodes), mode, telemetry=trace.options)
    assert "a" == caught.value.node
    assert "error" == trace.outcomes()["a"]


@pytest.mark.parametrize("mode", [None, "custom"])
def test_a_node_that_awaits_what_somebody_else_cancelled(mode: Any, trace: Trace) -> None:
    """A future that others cancelled makes the node fail that awaits it, not the run's consumer."""

    async def wait(state: State) -> None:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.cancel)
        await future

    with pytest.raises(NodeCancelledError):
        Colour("asyncio").run(chain(wait), mode, telemetry=trace.options)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout came with Python 3.11")
@pytest.mark.parametrize("count", [1, 2])
def test_a_node_with_a_timeout_of_its_own(count: int, trace: Trace) -> None:
    """`asyncio.timeout` and `TaskGroup` work inside nodes, whether or not they share the consumer's task."""

    async def grouped() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(30))
            raise ValueError

    async def limited(state: State) -> Any:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(30)
        except TimeoutError:
            pass
        with pytest.raises(BaseException, match="unhandled errors"):
            await grouped()
        await asyncio.sleep(0)
        return {"log": ["in time"]}

    graph = beside(**dict.fromkeys("ab"[:count], limited))
    result = Colour("asyncio").invoke(graph, {"log": []}, telemetry=trace.options)
    assert ["in time"] * count == result["log"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tasks count their cancellations since Python 3.11")
async def test_an_old_cancellation_of_the_consumer_does_not_count(trace: Trace) -> None:
    """A consumer that once caught a cancellation can tell a node's own from its own all the same."""

    async def give_up(state: State) -> None:
        raise asyncio.CancelledError

    async def consume() -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            pass
        await chain(give_up).ainvoke({"log": []}, telemetry=trace.options)

    task = asyncio.create_task(consume())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(NodeCancelledError):
        await task


# ---- failures beside others


@pytest.mark.parametrize("stubborn", [False, True])
def test_the_sibling_of_a_failure_is_not_retried(stubborn: bool, trace: Trace) -> None:
    """A coroutine that is cancelled because another one failed is over, whatever it makes of that."""
    attempts: list[str] = []

    async def fail(state: State) -> None:
        await asyncio.sleep(0.005)
        raise ValueError("the cause")

    async def sibling(state: State) -> Any:
        attempts.append("sibling")
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            if stubborn:
                return {"log": ["kept"]}
            raise ConnectionError from None

    graph: Any = StateGraph(State)
    graph.add_node("fail", fail).add_node(
        "sibling", sibling, retry_policy=RetryPolicy(initial_interval=0.001)
    )
    graph.add_edge(START, "fail").add_edge(START, "sibling")
    with pytest.raises(ValueError, match="the cause"):
        Colour("asyncio").invoke(graph.compile(), {"log": []}, telemetry=trace.options)
    assert ["sibling"] == attempts
    assert {"fail": "error", "sibling": "cancelled"} == {
        name: trace.outcomes()[name] for name in ("fail", "sibling")
    }


# ---- garbage


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_garbage(mode: Any, blocked: Blocked, trace: Trace) -> None:
    """A stream that nobody holds any more ends its spans, though it is part of a cycle and a node still runs."""

    class Holder:
        stream: Any

    holder = Holder()
    holder.stream = beside(a=say, b=blocked).stream({"log": []}, stream_mode=mode, telemetry=trace.options)
    holder.stream_of = holder  # type: ignore[attr-defined]
    next(holder.stream)
    blocked.begun.wait()
    del holder
    gc.collect()
    assert trace.whole


async def test_async_garbage(trace: Trace) -> None:
    """An async stream that nobody holds any more is closed by the loop."""
    stream = beside(a=say_async, b=hang).astream({"log": []}, telemetry=trace.options)
    await stream.__anext__()
    del stream
    gc.collect()
    await until_async(lambda: len(asyncio.all_tasks()) == 1)
    assert trace.whole


# ---- context variables

NUMBER: contextvars.ContextVar[int] = contextvars.ContextVar("number", default=0)


@pytest.mark.parametrize("mode", [None, "updates", "custom"])
@pytest.mark.parametrize("wide", [False, True])
def test_context_variables_do_not_leak(colour: Colour, mode: Any, wide: bool, trace: Trace) -> None:
    """Every node sees the variables of the run's caller; what it sets, nobody else sees."""
    seen: list[int] = []

    def change(state: State) -> None:
        seen.append(NUMBER.get())
        NUMBER.set(NUMBER.get() + 1)
        seen.append(NUMBER.get())

    async def change_async(state: State) -> None:
        seen.append(NUMBER.get())
        NUMBER.set(NUMBER.get() + 1)
        await asyncio.sleep(0)
        seen.append(NUMBER.get())

    node = change if colour.sync else change_async
    graph = beside(a=node, b=node) if wide else chain(node, node)
    NUMBER.set(5)
    colour.run(graph, mode, telemetry=trace.options)
    assert ([5, 5, 6, 6], 5) == (sorted(seen), NUMBER.get())


async def test_context_variables_do_not_leak_to_the_loop(trace: Trace) -> None:
    """An async consumer's variables are not changed by nodes that share its task."""

    async def change(state: State) -> None:
        NUMBER.set(7)
        await asyncio.sleep(0)

    NUMBER.set(1)
    async for _ in chain(change, change).astream({"log": []}, telemetry=trace.options):
        assert 1 == NUMBER.get()
    assert 1 == NUMBER.get()
