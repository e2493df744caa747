"""Metrics of runs: how many go on, how many wait for a human, how they end."""

from __future__ import annotations

from typing import Any

import pytest
from driven import Driven

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.errors import GraphRecursionError
from otgraph.func import entrypoint, task
from otgraph.tracing import names
from otgraph.tracing.faults import faults
from otgraph.types import Command, interrupt

from .conftest import Measured
from .graphs import State, asker, line

INPUT: dict[str, Any] = {"log": []}


def thread(name: str) -> Any:
    """Return the config of a thread."""
    return {"configurable": {"thread_id": name}}


def test_active(drive: Driven, measured: Measured) -> None:
    """While a run goes on it counts as active; when it is over, however it ended, it does not."""
    seen: list[Any] = []

    def look(state: State) -> None:
        seen.append(measured.counts(names.RUN_ACTIVE))
        if state.get("todo") == "fail":
            raise ValueError

    inner = line(look=drive.node(look)).compile(name="inner")
    graph = line(shell=inner).compile(name="g")
    drive.invoke(graph, INPUT, telemetry=measured.options)
    with pytest.raises(ValueError):
        drive.invoke(graph, {"todo": "fail"}, telemetry=measured.options)
    assert [{("g",): 1}, {("g",): 1}] == seen
    assert {("g",): 0} == measured.counts(names.RUN_ACTIVE)
    assert {("invoke_workflow", "g", "success"): 1, ("ValueError", "invoke_workflow", "g", "error"): 1} == (
        measured.counts(names.RUN_DURATION)
    )


@pytest.mark.parametrize("traced", [True, False])
def test_pause_and_resume(drive: Driven, traced: bool) -> None:
    """A pause counts until a run goes on from it, in whatever process: the sum over all is what waits now."""
    here, there = Measured(traced=traced), Measured(traced=traced)
    graph = line(ask=drive.node(asker)).compile(name="g", checkpointer=InMemorySaver())
    for name in "abc":
        drive.invoke(graph, INPUT, thread(name), telemetry=here.options)
    assert {("g",): 3} == here.counts(names.RUN_PAUSED) == here.counts(names.PAUSES)
    assert here.counts(names.OLDEST_PAUSE)["g",] > 0
    drive.invoke(graph, Command(resume="x"), thread("a"), telemetry=there.options)
    drive.invoke(graph, Command(resume="x"), thread("b"), telemetry=here.options)
    assert {("g",): 2} == here.counts(names.RUN_PAUSED)
    assert {("g",): -1} == there.counts(names.RUN_PAUSED)
    assert {("g", "success"): 1} == here.counts(names.RESUMES) == there.counts(names.RESUMES)
    assert {("g",): 1} == here.counts(names.INTERRUPT_WAITS) == there.counts(names.INTERRUPT_WAITS)
    assert {("g",): 3} == here.counts(names.PAUSES)
    assert {} == there.counts(names.PAUSES) == there.counts(names.OLDEST_PAUSE)
    here.close()
    there.close()


@pytest.mark.parametrize("traced", [True, False])
def test_pauses_that_end_otherwise(drive: Driven, traced: bool) -> None:
    """A new input ends a pause, too, and resumes nothing; a question after a question is another pause."""
    measured = Measured(traced=traced)
    two = line(first=drive.node(asker), second=drive.node(asker))
    graph = two.compile(name="g", checkpointer=InMemorySaver())
    drive.invoke(graph, INPUT, thread("a"), telemetry=measured.options)
    drive.invoke(graph, INPUT, thread("a"), telemetry=measured.options)
    assert {("g",): 1} == measured.counts(names.RUN_PAUSED)
    assert {("g",): 2} == measured.counts(names.PAUSES)
    assert {} == measured.counts(names.RESUMES)
    drive.invoke(graph, Command(resume="x"), thread("a"), telemetry=measured.options)
    assert {("g",): 1} == measured.counts(names.RUN_PAUSED)
    assert {("g", "interrupted"): 1} == measured.counts(names.RESUMES)
    drive.invoke(graph, Command(resume="x"), thread("a"), telemetry=measured.options)
    assert {("g",): 0} == measured.counts(names.RUN_PAUSED)
    assert {("g",): 3} == measured.counts(names.PAUSES)
    assert {} == measured.counts(names.OLDEST_PAUSE)
    measured.close()


@pytest.mark.parametrize("traced", [True, False])
def test_resumed_runs_that_fail(drive: Driven, traced: bool) -> None:
    """A pause ends once: a resumed run that fails has ended it, and a retry of that is no resume of a pause."""
    measured = Measured(traced=traced)
    fails = iter([True, False])

    def shaky(state: State) -> Any:
        answer = asker(state)
        if next(fails):
            raise ValueError
        return answer

    graph = line(ask=drive.node(shaky)).compile(name="g", checkpointer=InMemorySaver())
    drive.invoke(graph, INPUT, thread("a"), telemetry=measured.options)
    with pytest.raises(ValueError):
        drive.invoke(graph, Command(resume="x"), thread("a"), telemetry=measured.options)
    assert {("g",): 0} == measured.counts(names.RUN_PAUSED)
    assert {("g", "error"): 1} == measured.counts(names.RESUMES)
    drive.invoke(graph, None, thread("a"), telemetry=measured.options)
    assert {("g",): 0} == measured.counts(names.RUN_PAUSED)
    measured.close()


def test_pauses_inside(drive: Driven, measured: Measured) -> None:
    """A question in a graph inside a graph, or in a call of a task, is one pause: that of the root run."""

    @task
    def ask_sync(n: int) -> Any:
        return interrupt("why?")

    @task
    async def ask_async(n: int) -> Any:
        return interrupt("why?")

    @entrypoint(checkpointer=InMemorySaver())
    def flow_sync(n: int) -> Any:
        return ask_sync(n).result()

    @entrypoint(checkpointer=InMemorySaver())
    async def flow_async(n: int) -> Any:
        return await ask_async(n)

    inner = line(ask=drive.node(asker)).compile(name="inner")
    outer = line(shell=inner).compile(name="outer", checkpointer=InMemorySaver())
    for graph, given in ((outer, INPUT), (flow_sync if drive.sync else flow_async, 1)):
        drive.invoke(graph, given, thread("a"), telemetry=measured.options)
        name = (graph.name,)
        assert (1, 1) == (measured.counts(names.RUN_PAUSED)[name], measured.counts(names.PAUSES)[name])
        drive.invoke(graph, Command(resume="x"), thread("a"), telemetry=measured.options)
        assert 0 == measured.counts(names.RUN_PAUSED)[name]
        assert 1 == measured.counts(names.RESUMES)[(*name, "success")]
        assert 1 == measured.counts(names.INTERRUPT_WAITS)[name]
    assert ("inner",) not in measured.counts(names.PAUSES)


def test_stops_that_nobody_can_go_on_from(drive: Driven, measured: Measured) -> None:
    """A run that is not saved may stop at a breakpoint: that is a pause, and nothing is paused by it."""
    graph = line(a=drive.node(lambda state: None), b=drive.node(lambda state: None)).compile(name="g")
    drive.invoke(graph, INPUT, interrupt_before=["b"], telemetry=measured.options)
    assert {("g",): 1} == measured.counts(names.PAUSES)
    assert {} == measured.counts(names.RUN_PAUSED) == measured.counts(names.OLDEST_PAUSE)


def test_breakpoints(drive: Driven, measured: Measured) -> None:
    """A stop at a breakpoint is a pause like any other."""
    graph = line(a=drive.node(lambda state: None), b=drive.node(lambda state: None)).compile(
        name="g", checkpointer=InMemorySaver(), interrupt_before=["b"]
    )
    drive.invoke(graph, INPUT, thread("a"), telemetry=measured.options)
    assert {("g",): 1} == measured.counts(names.RUN_PAUSED) == measured.counts(names.PAUSES)
    drive.invoke(graph, None, thread("a"), telemetry=measured.options)
    assert {("g",): 0} == measured.counts(names.RUN_PAUSED)
    assert {("g", "success"): 1} == measured.counts(names.RESUMES)


def test_forks(drive: Driven, measured: Measured) -> None:
    """A run from a point of the past that has been gone on from ends no pause: that was over before."""
    graph = line(ask=drive.node(asker)).compile(name="g", checkpointer=InMemorySaver())
    drive.invoke(graph, INPUT, thread("a"), telemetry=measured.options)
    paused = graph.get_state(thread("a")).config
    drive.invoke(graph, Command(resume="x"), thread("a"), telemetry=measured.options)
    assert {("g",): 0} == measured.counts(names.RUN_PAUSED)
    drive.invoke(graph, Command(resume="y"), paused, telemetry=measured.options)
    assert {("g",): 0} == measured.counts(names.RUN_PAUSED)
    assert {("g", "success"): 1} == measured.counts(names.RESUMES)


def test_updates(drive: Driven, measured: Measured) -> None:
    """An update of a thread that is paused leaves it paused; the run that goes on from there ends the pause."""
    graph = line(ask=drive.node(asker), done=drive.node(lambda state: None)).compile(
        name="g", checkpointer=InMemorySaver()
    )
    drive.invoke(graph, INPUT, thread("a"), telemetry=measured.options)
    graph.update_state(thread("a"), {"log": ["by hand"]}, as_node="ask")
    assert {("g",): 1} == measured.counts(names.RUN_PAUSED)
    drive.invoke(graph, None, thread("a"), telemetry=measured.options)
    assert {("g",): 0} == measured.counts(names.RUN_PAUSED)


def test_recursion_limit(drive: Driven, measured: Measured) -> None:
    """A run that does not stop is counted once, under the graph that did not, however many are around it."""
    loop: Any = line(again=drive.node(lambda state: None))
    inner = loop.add_edge("again", "again").compile(name="inner")
    graph = line(shell=inner).compile(name="outer")
    config: Any = {"recursion_limit": 5}
    for tried in (inner, inner, graph):
        with pytest.raises(GraphRecursionError):
            drive.invoke(tried, INPUT, config, telemetry=measured.options)
    assert {("inner",): 3} == measured.counts(names.LIMIT_HITS)


def test_faults(drive: Driven, measured: Measured) -> None:
    """Faults of telemetry that were swallowed are counted by the place where they were."""

    class Broken:
        """A span processor that always fails."""

        def on_start(self, span: Any, parent_context: Any = None) -> None:
            raise RuntimeError("broken")

        def on_end(self, span: Any) -> None:
            pass

        def shutdown(self) -> None:
            pass

        def force_flush(self, timeout_millis: int = 0) -> bool:
            return True

    assert measured.tracers is not None
    measured.tracers.add_span_processor(Broken())  # type: ignore[arg-type]
    before = faults.counts["span processor on_start"]
    drive.invoke(line(a=drive.node(lambda state: None)).compile(), INPUT, telemetry=measured.options)
    assert 3 == measured.counts(names.FAULTS)["span processor on_start",] - before
