"""`timeout=` of nodes: an attempt that takes too long has failed, whatever its node is and whoever drives it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from waiting import until

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.errors import NodeError, NodeTimeoutError, RunEndedError
from otgraph.graph import START, StateGraph
from otgraph.types import Buffer, Command, RetryPolicy, Send, TimeoutPolicy, interrupt

from .conftest import PROMPT, Clock, Colour, State, Trace, beside, chain

LIMIT = 0.12
"""Seconds, for what is stuck and so exceeds any limit."""
AMPLE = 0.5
"""Seconds, for what must not exceed it on a busy machine either."""
AGAIN = RetryPolicy(initial_interval=0.001, jitter=False)
IDLE = TimeoutPolicy(idle_timeout=AMPLE)
IDLE_BUT_FOR_BEATS = TimeoutPolicy(idle_timeout=AMPLE, refresh_on="heartbeat")


def limited(node: Any, timeout: Any = LIMIT, **more: Any) -> Any:
    """Return a graph of one node, `a`, with a timeout."""
    return StateGraph(State).add_node("a", node, timeout=timeout, **more).add_edge(START, "a").compile()


def speaking(colour: Colour, act: Callable[[Any, int], object], seconds: float = 1.5 * AMPLE) -> Any:
    """Return a node that does something again and again, far more often than any limit asks for."""

    def speak(state: State, runtime: Any) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not colour.let_go.wait(0.02):
            act(runtime, 1)
        return {"log": ["done"]}

    async def speak_async(state: State, runtime: Any) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await asyncio.sleep(0.02)
            act(runtime, 1)
        return {"log": ["done"]}

    return speak if colour.sync else speak_async


def write(runtime: Any, number: int) -> None:
    """Hand something to the stream writer."""
    runtime.stream_writer(number)


def beat(runtime: Any, number: int) -> None:
    """Say no more than that the node is alive."""
    runtime.heartbeat()


# ---- in all


@pytest.mark.parametrize("mode", [None, "updates", "custom", "tasks"])
@pytest.mark.parametrize("timeout", [LIMIT, timedelta(seconds=LIMIT), TimeoutPolicy(run_timeout=LIMIT)])
def test_a_node_that_takes_too_long(colour: Colour, mode: Any, timeout: Any, trace: Trace) -> None:
    """The run fails with NodeTimeoutError when time is up, and the task's span says timeout."""
    with Clock() as clock, pytest.raises(NodeTimeoutError) as caught:
        colour.run(limited(colour.stuck, timeout), mode, telemetry=trace.options)
    error = caught.value
    assert LIMIT <= clock.seconds < PROMPT
    assert ("a", "run", LIMIT, LIMIT, None) == (
        error.node,
        error.kind,
        error.timeout,
        error.run_timeout,
        error.idle_timeout,
    )
    assert LIMIT <= error.elapsed < PROMPT
    assert f"Node 'a' exceeded its run timeout of 0.120s (elapsed: {error.elapsed:.3f}s)." == str(error)
    assert {"timeout"} == set(trace.outcomes().values())


def test_a_node_that_is_in_time(colour: Colour, trace: Trace) -> None:
    """A limit that is not reached changes nothing."""
    graph = limited(colour.sleeping(0.001, "done"), 5)
    assert {"log": ["done"]} == colour.invoke(graph, {"log": []}, telemetry=trace.options)
    assert {"success"} == set(trace.outcomes().values())


def test_each_attempt_has_its_own_time(colour: Colour, trace: Trace) -> None:
    """A timeout is retried like other failures, and the next attempt begins anew."""
    slow = iter([True, True, False])
    body, quick = colour.stuck, colour.sleeping(0.001, "third")

    async def node_async(state: State) -> Any:
        return await (body if next(slow) else quick)(state)

    def node(state: State) -> Any:
        return (body if next(slow) else quick)(state)

    graph = limited(node if colour.sync else node_async, AMPLE, retry_policy=AGAIN)
    with Clock() as clock:
        assert ["third"] == colour.invoke(graph, {"log": []}, telemetry=trace.options)["log"]
    assert 2 * AMPLE <= clock.seconds < PROMPT
    assert "success" == trace.outcomes()["a"]


def test_who_is_beside_goes_on(colour: Colour, trace: Trace) -> None:
    """Only the node whose time is up is given up; its handler takes its place, and siblings finish."""
    graph: Any = StateGraph(State)

    def handle(state: State, error: NodeError) -> Any:
        return {"log": [type(error.error).__name__]}

    graph.add_node("a", colour.stuck, timeout=LIMIT, error_handler=handle)
    graph.add_node("b", colour.sleeping(3 * LIMIT, "b"))
    graph.add_edge(START, "a").add_edge(START, "b")
    with Clock() as clock:
        log = colour.invoke(graph.compile(), {"log": []}, telemetry=trace.options)["log"]
    assert ["NodeTimeoutError", "b"] == sorted(log)
    assert clock.seconds < PROMPT
    assert ("timeout", "success") == (trace.outcomes()["a"], trace.outcomes()["b"])


def test_who_waits_for_a_slot_loses_no_time(colour: Colour, trace: Trace) -> None:
    """Time begins with the call, however long that had to wait for one of `max_concurrency`."""
    graph: Any = StateGraph(State)
    for name in "abcdefgh":
        graph.add_node(name, colour.sleeping(AMPLE / 5, name), timeout=AMPLE).add_edge(START, name)
    result = colour.invoke(graph.compile(), {"log": []}, {"max_concurrency": 1}, telemetry=trace.options)
    assert list("abcdefgh") == result["log"]


def test_a_branch_is_part_of_the_attempt(colour: Colour, trace: Trace) -> None:
    """An edge that takes too long fails its node, whose writes then do not count."""
    slow = colour.stuck

    async def route_async(state: State) -> Any:
        await slow(state)
        return "__end__"

    def route(state: State) -> Any:
        slow(state)
        return "__end__"

    graph: Any = StateGraph(State).add_node("a", colour.sleeping(0.001, "a"), timeout=LIMIT)
    graph.add_edge(START, "a").add_conditional_edges("a", route if colour.sync else route_async)
    chunks: list[Any] = []
    with pytest.raises(NodeTimeoutError):
        chunks += colour.stream(graph.compile(), {"log": []}, stream_mode="updates", telemetry=trace.options)
    assert [] == chunks


@pytest.mark.parametrize("given", [LIMIT, PROMPT])
def test_a_packet_has_the_last_word(colour: Colour, given: float, trace: Trace) -> None:
    """`Send(timeout=…)` stands in place of the node's own."""
    node = colour.sleeping(2 * LIMIT, "a") if given > LIMIT else colour.stuck
    graph: Any = StateGraph(State).add_node("a", node, timeout=LIMIT + PROMPT - given)
    graph.add_conditional_edges(START, lambda state: [Send("a", state, timeout=given)], ["a"])
    if given > LIMIT:
        assert ["a"] == colour.invoke(graph.compile(), {"log": []}, telemetry=trace.options)["log"]
    else:
        with pytest.raises(NodeTimeoutError):
            colour.invoke(graph.compile(), {"log": []}, telemetry=trace.options)


def test_error_handlers_have_the_default(colour: Colour, trace: Trace) -> None:
    """The timeout of all nodes holds for error handlers too."""

    def fail(state: State) -> None:
        raise ValueError

    builder: Any = StateGraph(State).add_node("a", colour.node(fail), error_handler=colour.stuck)
    builder.add_edge(START, "a").set_node_defaults(timeout=LIMIT)
    with pytest.raises(NodeTimeoutError, match="Node '__error_handler__a' exceeded"):
        colour.invoke(builder.compile(), {"log": []}, telemetry=trace.options)
    assert "timeout" == trace.outcomes()["__error_handler__a"]


# ---- without a sign of life


@pytest.mark.parametrize(("timeout", "act"), [(IDLE, write), (IDLE, beat), (IDLE_BUT_FOR_BEATS, beat)])
def test_signs_of_life(colour: Colour, timeout: Any, act: Any, trace: Trace) -> None:
    """Whoever gives a sign of life in time may go on for as long as he likes."""
    graph = limited(speaking(colour, act), timeout)
    with Clock() as clock:
        assert ["done"] == colour.invoke(graph, {"log": []}, telemetry=trace.options)["log"]
    assert clock.seconds > AMPLE


@pytest.mark.parametrize(("timeout", "act"), [(IDLE, None), (IDLE_BUT_FOR_BEATS, write)])
def test_no_sign_of_life(colour: Colour, timeout: Any, act: Any, trace: Trace) -> None:
    """Silence for too long is a failure of its own kind; with `refresh_on="heartbeat"` writing is silence too."""
    graph = limited(speaking(colour, act or (lambda *_: None), 30), timeout)
    with pytest.raises(NodeTimeoutError, match="idle timeout of 0.500s without making progress") as caught:
        colour.invoke(graph, {"log": []}, telemetry=trace.options)
    assert ("idle", AMPLE, None) == (caught.value.kind, caught.value.idle_timeout, caught.value.run_timeout)


def test_both_limits(colour: Colour, trace: Trace) -> None:
    """Signs of life do not help against the limit for the whole attempt."""
    graph = limited(speaking(colour, write, 30), TimeoutPolicy(run_timeout=2 * AMPLE, idle_timeout=AMPLE))
    with Clock() as clock, pytest.raises(NodeTimeoutError, match="run timeout of 1.000s"):
        colour.invoke(graph, {"log": []}, telemetry=trace.options)
    assert clock.seconds < PROMPT


@pytest.mark.parametrize("called", [False, True])
@pytest.mark.parametrize(
    ("timeout", "act", "alive"),
    [
        (IDLE, write, True),
        (IDLE, beat, True),
        (IDLE_BUT_FOR_BEATS, beat, True),
        (IDLE_BUT_FOR_BEATS, write, False),
    ],
)
def test_signs_of_life_from_inside(
    colour: Colour, called: bool, timeout: Any, act: Any, alive: bool, trace: Trace
) -> None:
    """What a node inside gives as a sign of life is one of the graph around it, whether anybody streams it or not."""
    inner = chain(speaking(colour, act, 1.5 * AMPLE if alive else 30))
    graph = limited(colour.calling(inner) if called else inner, timeout)
    if alive:
        assert ["done"] == colour.invoke(graph, {"log": []}, telemetry=trace.options)["log"]
    else:
        with pytest.raises(NodeTimeoutError):
            colour.invoke(graph, {"log": []}, telemetry=trace.options)


@pytest.mark.parametrize("called", [False, True])
def test_supersteps_inside_are_signs_of_life(colour: Colour, called: bool, trace: Trace) -> None:
    """A graph inside a node makes progress with every node it runs."""
    inner = chain(*[colour.sleeping(AMPLE / 6, "x")] * 9)
    graph = limited(colour.calling(inner) if called else inner, IDLE)
    assert ["x"] * 9 == colour.invoke(graph, {"log": []}, telemetry=trace.options)["log"]


# ---- graphs as nodes


@pytest.mark.parametrize("called", [False, True])
@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("mode", [None, "custom"])
def test_a_graph_that_takes_too_long(
    colour: Colour, called: bool, width: int, mode: Any, trace: Trace
) -> None:
    """All that goes on inside is given up, and every span has ended when the run has."""
    inner = beside(**dict.fromkeys("xyz"[:width], colour.stuck))
    inner.name = "inner"
    graph = limited(colour.calling(inner) if called else inner)
    with Clock() as clock, pytest.raises(NodeTimeoutError, match="Node 'a'"):
        colour.run(graph, mode, telemetry=trace.options)
    assert clock.seconds < PROMPT
    until(lambda: trace.whole)
    assert "timeout" == trace.outcomes()["a"]
    assert trace.outcomes()["x"] in ("cancelled", "abandoned")


def test_limits_inside_limits(colour: Colour, trace: Trace) -> None:
    """Limits at several levels hold side by side; the first that is reached counts, and may be handled there."""
    inner: Any = StateGraph(State).add_node(
        "x", colour.stuck, timeout=LIMIT, error_handler=colour.sleeping(0.001, "handled")
    )
    graph = limited(inner.add_edge(START, "x").compile(), PROMPT)
    assert ["handled"] == colour.invoke(graph, {"log": []}, telemetry=trace.options)["log"]


def test_many_supersteps_of_a_graph(colour: Colour, trace: Trace) -> None:
    """The limit is for the whole graph, not for each of its supersteps."""
    with pytest.raises(NodeTimeoutError, match="Node 'a'"):
        colour.invoke(
            limited(chain(*[colour.sleeping(LIMIT * 0.4)] * 9)), {"log": []}, telemetry=trace.options
        )


def test_an_endless_graph(colour: Colour, trace: Trace) -> None:
    """A graph that is never found waiting ends all the same."""

    def again(state: State) -> Any:
        return Command(goto="x")

    inner: Any = StateGraph(State).add_node("x", colour.node(again)).add_edge(START, "x").compile()
    with Clock() as clock, pytest.raises(NodeTimeoutError, match="Node 'a'"):
        colour.invoke(limited(inner), {"log": []}, {"recursion_limit": 10**6}, telemetry=trace.options)
    assert clock.seconds < PROMPT


# ---- what was given up


@pytest.mark.parametrize("mode", [None, "custom", ["custom", "updates", "spans"]])
@pytest.mark.parametrize("driver", ["threads", "asyncio"])
def test_a_thread_that_goes_on(driver: str, mode: Any, trace: Trace) -> None:
    """A sync node is abandoned: its result is discarded, and whatever it asks of the run is refused."""
    refused: list[str] = []
    attempts: list[int] = []
    late = threading.Event()
    inner = chain(lambda state: {"log": ["inner"]})

    def node(state: State, runtime: Any) -> Any:
        attempts.append(runtime.execution_info.node_attempt)
        if len(attempts) > 1:
            return {"log": ["second"]}
        while runtime.execution_info.node_attempt == len(attempts):
            time.sleep(0.002)
        for ask in (
            lambda: runtime.stream_writer("late"),
            runtime.heartbeat,
            lambda: interrupt("late"),
            lambda: inner.invoke({"log": []}),
            lambda: list(inner.stream({"log": []})),
        ):
            with pytest.raises(RunEndedError) as error:
                ask()
            refused.append(str(error.value))
        late.set()
        return {"log": ["first"]}

    graph: Any = StateGraph(State).add_node("a", node, timeout=AMPLE, retry_policy=AGAIN)
    graph.add_node("b", lambda state: late.wait(30) and None).add_edge(START, "a").add_edge("a", "b")
    result = Colour(driver).run(graph.compile(), mode, telemetry=trace.options)
    assert "first" not in str(result)
    assert [1, 2] == attempts
    assert 5 == len(refused)
    assert all("node 'a'" in text for text in refused)
    assert "success" == trace.outcomes()["a"]


def test_a_coroutine_that_cleans_up(trace: Trace) -> None:
    """A coroutine is cancelled and waited for; what it says and returns meanwhile counts no more."""
    seen: list[str] = []

    async def node(state: State, runtime: Any) -> Any:
        if runtime.execution_info.node_attempt == 2:
            seen.append("second attempt")
            return {"log": ["second"]}
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            runtime.stream_writer("cleaning up")
            await asyncio.sleep(0.02)
            seen.append("clean")
        return {"log": ["first"]}

    chunks = Colour("asyncio").run(
        limited(node, AMPLE, retry_policy=AGAIN), ["custom", "updates"], telemetry=trace.options
    )
    assert ["clean", "second attempt"] == seen
    assert [("updates", {"a": {"log": ["second"]}})] == chunks


def test_a_node_that_raises_a_timeout_of_its_own(colour: Colour, trace: Trace) -> None:
    """A TimeoutError of the node's is the node's: it passes as it is."""

    def fail(state: State) -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        colour.invoke(limited(colour.node(fail), 5), {"log": []}, telemetry=trace.options)
    assert "error" == trace.outcomes()["a"]


def test_a_slow_reader(colour: Colour, trace: Trace) -> None:
    """While the reader is behind, a graph that waits for him runs out of time like any other."""
    inner = chain(*[colour.node(lambda state: {"log": ["x"]})] * 5)
    graph = limited(inner, TimeoutPolicy(run_timeout=AMPLE))
    got: list[Any] = []

    def read() -> None:
        for chunk in graph.stream(
            {"log": []}, stream_mode="updates", subgraphs=True, buffer=Buffer(1), telemetry=trace.options
        ):
            got.append(chunk)
            time.sleep(AMPLE / 2)

    async def read_async() -> None:
        async for chunk in graph.astream(
            {"log": []}, stream_mode="updates", subgraphs=True, buffer=Buffer(1), telemetry=trace.options
        ):
            got.append(chunk)
            await asyncio.sleep(AMPLE / 2)

    with pytest.raises(NodeTimeoutError):
        read() if colour.sync else asyncio.run(read_async())
    assert 1 <= len(got) <= 4


def test_many_at_once(colour: Colour, trace: Trace) -> None:
    """Of many tasks side by side each has its own time."""
    graph: Any = StateGraph(State)
    slow, quick = colour.stuck, colour.sleeping(0.001, "quick")

    async def node_async(state: Any) -> Any:
        return await (slow if state["n"] % 10 == 0 else quick)(state)

    def node(state: Any) -> Any:
        return (slow if state["n"] % 10 == 0 else quick)(state)

    def handle(state: Any, error: NodeError) -> Any:
        return {"log": ["late"]}

    graph.add_node("a", node if colour.sync else node_async, timeout=2 * AMPLE, error_handler=handle)
    graph.add_conditional_edges(START, lambda state: [Send("a", {"n": n}) for n in range(100)], ["a"])
    with Clock() as clock:
        log = colour.invoke(graph.compile(), {"log": []}, telemetry=trace.options)["log"]
    assert {"quick": 90, "late": 10} == dict(Counter(log))
    assert clock.seconds < PROMPT


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
@pytest.mark.parametrize("retried", [False, True])
def test_a_saved_run(colour: Colour, durability: Any, retried: bool, trace: Trace) -> None:
    """What an attempt that was given up still does is not saved; the next one, or the next run, does it anew."""
    calls: list[int] = []
    slow, quick = colour.stuck, colour.sleeping(0.001, "x")

    def node(state: State) -> Any:
        calls.append(1)
        return (slow if len(calls) == 1 else quick)(state)

    async def node_async(state: State) -> Any:
        return await node(state)

    inner = chain(colour.sleeping(0.001, "p"), node if colour.sync else node_async)
    graph: Any = StateGraph(State).add_node(
        "inner", inner, timeout=AMPLE, retry_policy=AGAIN if retried else None
    )
    graph = graph.add_edge(START, "inner").compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    options: dict[str, Any] = {"durability": durability, "telemetry": trace.options}
    if retried:
        result = colour.invoke(graph, {"log": []}, config, **options)
    else:
        with pytest.raises(NodeTimeoutError):
            colour.invoke(graph, {"log": []}, config, **options)
        state = graph.get_state(config)
        assert (("inner",), []) == (state.next, state.values["log"])
        assert "NodeTimeoutError" in state.tasks[0].error
        result = colour.invoke(graph, None, config, **options)
    assert ["p", "x"] == result["log"] == graph.get_state(config).values["log"]
    assert 2 == len(calls)
