"""Observers of a run that goes on: whole states however late they come and however slow they are, and no harm done."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waiting import until

from otgraph.errors import StreamOverflowError
from otgraph.events import RunEnded, RunStarted, StepApplied
from otgraph.infos import RunInfo
from otgraph.stream.envelope import envelope
from otgraph.stream.subscription import Subscription
from otgraph.stream.view import Buffer, View
from otgraph.telemetry import awatch, live_runs, watch
from otgraph.types import StreamWriter

from .conftest import State, Trace, chain, line


def counting(steps: int) -> Any:
    """Return a graph that counts up in `n` and keeps `log` as long as `n`, in `steps` supersteps."""

    def step(state: State) -> Any:
        return {"n": state["n"] + 1, "log": [state["n"] + 1]}

    graph = line(step)
    graph.add_conditional_edges("a", lambda state: "a" if state["n"] < steps else "__end__", ["a", "__end__"])
    return graph.compile()


def test_an_observer_never_sees_half_a_superstep(trace: Trace) -> None:
    """Whenever an observer comes, every state that it is shown is one that the run was in."""
    graph = counting(3000)
    config: Any = {"recursion_limit": 10**6, "run_id": "observed"}
    thread = threading.Thread(
        target=lambda: graph.invoke({"n": 0, "log": []}, config, telemetry=trace.options)
    )
    thread.start()
    looked = 0
    while thread.is_alive():
        try:
            with watch("observed", stream_mode="values", timeout=5) as watcher:
                for values, _ in zip(watcher, range(3), strict=False):
                    assert len(values["log"]) == values["n"]
                    looked += 1
        except LookupError:
            time.sleep(0.0005)
    thread.join()
    assert looked > 5


def test_a_slow_observer_changes_nothing(trace: Trace) -> None:
    """A run with an observer that takes nothing is as fast as one with an observer that takes all."""
    begun = threading.Event()

    def write(state: State, writer: StreamWriter) -> None:
        begun.set()
        time.sleep(0.01)
        for item in range(20_000):
            writer(item)

    graph = chain(write)
    thread = threading.Thread(
        target=lambda: graph.invoke({"n": 0}, {"run_id": "slow"}, telemetry=trace.options)
    )
    thread.start()
    begun.wait()
    watcher = watch("slow", stream_mode="custom", version="v2")
    thread.join(10)
    assert not thread.is_alive()
    parts = list(watcher)
    assert 20_000 == len(parts) + parts[0].dropped
    assert 19_999 == parts[-1]["data"]


def test_an_observer_that_fails_leaves_the_run_alone(trace: Trace) -> None:
    """With the policy `error` the observer is told, then it is closed; the run goes on."""
    begun, go = threading.Event(), threading.Event()
    result: list[Any] = []

    def write(state: State, writer: StreamWriter) -> Any:
        begun.set()
        go.wait(5)
        for item in range(5000):
            writer(item)
        return {"log": ["done"]}

    graph = chain(write)
    thread = threading.Thread(
        target=lambda: result.append(
            graph.invoke({"log": []}, {"run_id": "failing"}, telemetry=trace.options)
        )
    )
    thread.start()
    begun.wait()
    watcher = watch("failing", stream_mode="custom", buffer=Buffer(10, "error"))
    go.set()
    thread.join(5)
    with pytest.raises(StreamOverflowError):
        next(watcher)
    assert [] == list(watcher)
    assert [{"log": ["done"]}] == result


def test_an_observer_whose_loop_is_gone(trace: Trace) -> None:
    """An async observer whose event loop was closed does the run no harm."""
    begun, go = threading.Event(), threading.Event()
    result: list[Any] = []

    def wait(state: State, writer: StreamWriter) -> Any:
        begun.set()
        go.wait(5)
        writer("said")
        return {"log": ["done"]}

    graph = chain(wait)
    thread = threading.Thread(
        target=lambda: result.append(graph.invoke({"log": []}, {"run_id": "gone"}, telemetry=trace.options))
    )
    thread.start()
    begun.wait()
    watcher = awatch("gone", stream_mode="custom")
    loop = asyncio.new_event_loop()
    task = loop.create_task(watcher.__anext__())
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
    go.set()
    thread.join(5)
    assert [{"log": ["done"]}] == result
    task._log_destroy_pending = False  # type: ignore[attr-defined]


def test_no_run_is_listed_when_all_are_over(trace: Trace) -> None:
    """`live_runs` is empty where nothing runs."""
    chain(lambda state: None).invoke({"log": []}, telemetry=trace.options)
    until(lambda: live_runs() == [])


# ---- gaps


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("apply"), st.sampled_from("ab"), st.integers(0, 9)),
            st.tuples(st.just("take")),
        ),
        max_size=60,
    ),
    st.integers(1, 5),
)
def test_states_are_whole_after_any_gap(script: list[tuple[Any, ...]], size: int) -> None:
    """However facts are dropped and taken, what is shown is right, and each gap is counted where it is."""
    run = RunInfo("r", "graph", (), ("a", "b"), ("a", "b"))
    view = View(
        ("values",), envelope("values", subgraphs=False, version="v2"), buffer=Buffer(size, "drop_oldest")
    )
    subscription = Subscription(view, run)
    state: dict[str, int] = {}
    expected: list[dict[str, int]] = []
    parts: list[Any] = []
    heard = 1
    subscription.hear(RunStarted(run))
    for number, (what, *rest) in enumerate([*script, ("end",), ("take",)]):
        if what == "apply":
            key, value = rest
            state[key] = value
            fact = StepApplied(run, 1, (key,), (key,))
            fact.values = {key: value}
            fact.seq = number
            expected.append(dict(state))
            subscription.hear(fact)
            heard += 1
        elif what == "end":
            ended = RunEnded(run, "success")  # type: ignore[arg-type]
            subscription.hear(ended)
            heard += 1
        else:
            while subscription.queue:
                parts.extend(subscription.take())
    shown = [part["data"] for part in parts]
    rest_of = iter(expected)
    assert all(any(one == other for other in rest_of) for one in shown)
    assert expected[-1:] == shown[-1:] or size == 1
    assert sum(part.dropped for part in parts) <= subscription.dropped < heard
