"""`step_timeout`: a superstep that takes too long is given up, in both colours and at every level."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from waiting import until

from otgraph.graph import START, StateGraph
from otgraph.tracing import names
from otgraph.types import RetryPolicy

from .conftest import PROMPT, Blocked, Clock, Colour, State, Trace, beside, chain

EXPIRED = (TimeoutError, asyncio.TimeoutError)
LIMIT = 0.1


def limited(graph: Any, seconds: float = LIMIT) -> Any:
    """Return the graph with a limit for each of its supersteps."""
    graph.step_timeout = seconds
    return graph


def expired(trace: Trace) -> bool:
    """Say whether a superstep ended because its time was up."""
    steps = [span for span in trace.spans if span.name == names.STEP_SPAN]
    return any((span.attributes or {})[names.OUTCOME] == "timeout" for span in steps)


@pytest.mark.parametrize("mode", [None, "updates", "custom"])
@pytest.mark.parametrize("width", [1, 3])
def test_a_superstep_that_takes_too_long(colour: Colour, mode: Any, width: int, trace: Trace) -> None:
    """The run fails with a timeout at once; its tasks are cancelled, or abandoned where they cannot be stopped."""
    graph = limited(beside(**dict.fromkeys("abc"[:width], colour.stuck)))
    with Clock() as clock, pytest.raises(EXPIRED):
        colour.run(graph, mode, telemetry=trace.options)
    assert LIMIT <= clock.seconds < PROMPT
    ended = "abandoned" if colour.sync else "cancelled"
    assert (True, ended) == (expired(trace), trace.outcomes()["a"])


def test_what_is_in_time_is_kept(colour: Colour, trace: Trace) -> None:
    """The limit is for each superstep; a run may take longer."""
    graph = limited(chain(*[colour.sleeping(0.08, "in time")] * 8), 0.5)
    assert ["in time"] * 8 == colour.invoke(graph, {"log": []}, telemetry=trace.options)["log"]


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("outside", [True, False])
def test_nested(colour: Colour, inside: bool, outside: bool, trace: Trace) -> None:
    """The limits of a graph and of the graphs inside it hold side by side; the first one that is reached counts."""
    slow = colour.stuck if inside or outside else colour.sleeping(2 * LIMIT)
    inner = limited(beside(i=slow, j=slow), LIMIT if inside else PROMPT)
    graph: Any = StateGraph(State)
    graph.add_node("graph", inner).add_node("sibling", colour.sleeping(0.001))
    graph.add_edge(START, "graph").add_edge(START, "sibling")
    compiled = limited(graph.compile(), LIMIT * 1.5 if outside else PROMPT)
    if not inside and not outside:
        colour.invoke(compiled, telemetry=trace.options)
        return
    with pytest.raises(EXPIRED):
        colour.invoke(compiled, telemetry=trace.options)
    assert expired(trace)


def test_a_graph_invoked_in_a_node(colour: Colour, trace: Trace) -> None:
    """The limit of the run around it ends a run inside a node too, with all its spans."""
    inner = chain(colour.stuck, colour.stuck, name="inner")
    graph = limited(beside(a=colour.calling(inner), b=colour.sleeping(0.001)))
    with Clock() as clock, pytest.raises(EXPIRED):
        colour.invoke(graph, telemetry=trace.options)
    assert clock.seconds < PROMPT
    assert trace.whole
    assert "cancelled" == trace.outcomes()["inner"]


def test_those_that_waited_for_a_slot(colour: Colour, trace: Trace) -> None:
    """Calls that have not begun when time is up never begin."""
    begun: list[str] = []
    others = {f"n{i}": colour.node(lambda state: begun.append("n")) for i in range(9)}
    graph = limited(beside(a=colour.stuck, **others))
    with pytest.raises(EXPIRED):
        colour.invoke(graph, {"n": 0}, {"max_concurrency": 1}, telemetry=trace.options)
    time.sleep(0.02)
    assert [] == begun


@pytest.mark.parametrize("width", [1, 2])
def test_between_two_attempts(colour: Colour, width: int, trace: Trace) -> None:
    """A task that waits for its next attempt is given up like any other."""

    def fail(state: State) -> None:
        raise ConnectionError

    retry = RetryPolicy(initial_interval=30.0, jitter=False)
    graph: Any = StateGraph(State)
    for name in "ab"[:width]:
        graph.add_node(name, colour.node(fail), retry_policy=retry).add_edge(START, name)
    with Clock() as clock, pytest.raises(EXPIRED):
        colour.invoke(limited(graph.compile()), telemetry=trace.options)
    assert clock.seconds < PROMPT


def test_a_late_result_is_discarded(blocked: Blocked, trace: Trace) -> None:
    """What a node returns after its time changes nothing."""
    graph = limited(beside(a=blocked, b=lambda state: None))
    with pytest.raises(EXPIRED):
        graph.invoke({"log": []}, telemetry=trace.options)
    count = len(trace.spans)
    blocked.let_go.set()
    until(blocked.ended.is_set)
    time.sleep(0.01)
    assert count == len(trace.spans)


def test_attempts_side_by_side_sleep_in_no_thread(trace: Trace) -> None:
    """Tasks that wait for their next attempt occupy no worker thread, and wait at the same time."""
    tries: dict[str, int] = {}

    def fail_once(name: str) -> Any:
        def node(state: State) -> Any:
            tries[name] = tries.get(name, 0) + 1
            if tries[name] == 1:
                raise ConnectionError
            return {"log": [name]}

        return node

    retry = RetryPolicy(initial_interval=0.25, jitter=False)
    graph: Any = StateGraph(State)
    every = [f"n{i}" for i in range(30)]
    for name in every:
        graph.add_node(name, fail_once(name), retry_policy=retry).add_edge(START, name)
    with Clock() as clock:
        result = graph.compile().invoke({"log": []}, telemetry=trace.options)
    assert sorted(every) == sorted(result["log"])
    assert clock.seconds < 30 * 0.25
