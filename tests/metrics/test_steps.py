"""Metrics of supersteps and tasks: their values are the spans', their counts those of the work that was done."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from driven import Driven
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otgraph.func import entrypoint, task
from otgraph.tracing import names
from otgraph.types import RetryPolicy

from .conftest import Measured
from .graphs import State, beside, line


def test_one_after_another(drive: Driven, measured: Measured) -> None:
    """Each task and each superstep is measured once, with the duration of its span; a task alone waits for nobody."""
    exporter = InMemorySpanExporter()
    assert measured.tracers is not None
    measured.tracers.add_span_processor(SimpleSpanProcessor(exporter))
    graph = line(a=drive.node(lambda state: None), b=drive.node(lambda state: None)).compile(name="g")
    for _ in range(3):
        drive.invoke(graph, {"log": []}, telemetry=measured.options)
    points = measured.points(names.NODE_DURATION)
    assert {("a", "g", "success"): 3, ("b", "g", "success"): 3} == measured.counts(names.NODE_DURATION)
    spans = [span for span in exporter.get_finished_spans() if span.name == "invoke_node a"]
    assert points["a", "g", "success"].sum == pytest.approx(
        sum((span.end_time or 0) - (span.start_time or 0) for span in spans) / 1e9
    )
    assert {("g",): 6} == measured.counts(names.STEP_DURATION) == measured.counts(names.STEP_WIDTH)
    assert measured.points(names.STEP_WIDTH)["g",].sum == 6
    assert {} == measured.counts(names.BARRIER_WAIT)


def test_labels_units_and_buckets(drive: Driven, measured: Measured) -> None:
    """Metrics have the units and labels that are documented, explicit buckets, and never an id."""
    graph = beside(a=drive.node(lambda state: None), b=drive.node(lambda state: None)).compile(name="g")
    config = {
        "configurable": {"thread_id": "secret-thread"},
        "run_id": "5c7b4c34-0000-4000-8000-000000000000",
    }
    drive.invoke(graph, {"log": []}, config, telemetry=measured.options)
    found = measured.read()
    for name, unit, labels in (
        (names.NODE_DURATION, "s", {names.WORKFLOW, names.NODE, names.OUTCOME}),
        (names.BARRIER_WAIT, "s", {names.WORKFLOW, names.NODE}),
        (names.STEP_DURATION, "s", {names.WORKFLOW}),
        (names.STEP_WIDTH, "{task}", {names.WORKFLOW}),
        (names.RUN_ACTIVE, "{run}", {names.WORKFLOW}),
    ):
        metric = found[name]
        assert unit == metric.unit
        assert all(labels == set(point.attributes) for point in metric.data.data_points)
    for metric in found.values():
        assert metric.description
        for point in metric.data.data_points:
            assert not {"secret-thread", config["run_id"]} & set(point.attributes.values())
    (width,) = found[names.STEP_WIDTH].data.data_points
    assert 1 in width.explicit_bounds
    assert 5000 in width.explicit_bounds
    (step,) = found[names.STEP_DURATION].data.data_points
    assert 0.001 == min(step.explicit_bounds)
    assert 3600 == max(step.explicit_bounds)


def test_barrier_wait(drive: Driven, measured: Measured) -> None:
    """A task that is done early waits for the last one of its superstep, which waits for nobody."""

    begun = threading.Event()

    def fast(state: State) -> None:
        begun.set()

    def slow(state: State) -> None:
        if drive.sync:
            begun.wait(30)
        time.sleep(0.2)

    graph = beside(fast=drive.node(fast), slow=drive.node(slow)).compile(name="g")
    drive.invoke(graph, {"log": []}, telemetry=measured.options)
    waits = {labels[0]: point.sum for labels, point in measured.points(names.BARRIER_WAIT).items()}
    if drive.sync:
        assert waits["fast"] > 0
    assert 0 == min(waits.values())
    assert {("fast", "g"): 1, ("slow", "g"): 1} == measured.counts(names.BARRIER_WAIT)


def test_failures_and_retries(drive: Driven, measured: Measured) -> None:
    """A failure is told by outcome and class; attempts that are made again are counted, the last one is not."""
    tries = iter([ValueError(), TimeoutError(), None, OSError(), OSError(), OSError()])

    def shaky(state: State) -> None:
        error = next(tries)
        if error is not None:
            raise error

    policy = RetryPolicy(max_attempts=3, initial_interval=0.001, jitter=False, retry_on=Exception)
    graph: Any = line()
    graph.add_node("shaky", drive.node(shaky), retry_policy=policy).add_edge("__start__", "shaky")
    graph = graph.compile(name="g")
    drive.invoke(graph, {"log": []}, telemetry=measured.options)
    with pytest.raises(OSError):
        drive.invoke(graph, {"log": []}, telemetry=measured.options)
    assert {
        ("ValueError", "shaky", "g"): 1,
        ("TimeoutError", "shaky", "g"): 1,
        ("OSError", "shaky", "g"): 2,
    } == measured.counts(names.RETRIES)
    assert {("shaky", "g", "success"): 1, ("OSError", "shaky", "g", "error"): 1} == measured.counts(
        names.NODE_DURATION
    )


def test_graphs_inside(drive: Driven, measured: Measured) -> None:
    """The tasks of a graph inside are measured under its own name; what restores from nothing is all counted once."""
    inner = line(deep=drive.node(lambda state: None)).compile(name="inner")
    graph = line(shell=inner).compile(name="outer")
    drive.invoke(graph, {"log": []}, telemetry=measured.options)
    assert {("deep", "inner", "success"): 1, ("shell", "outer", "success"): 1} == measured.counts(
        names.NODE_DURATION
    )
    assert {("inner",): 1, ("outer",): 1} == measured.counts(names.STEP_DURATION)


def test_calls_of_tasks(drive: Driven, measured: Measured) -> None:
    """A call of a task is measured as a node is; the entrypoint is the task around it."""
    if drive.sync:

        @task
        def double(n: int) -> int:
            return 2 * n

        @entrypoint()
        def flow(n: int) -> int:
            return sum(future.result() for future in [double(i) for i in range(n)])
    else:

        @task  # type: ignore[no-redef]
        async def double(n: int) -> int:
            return 2 * n

        @entrypoint()  # type: ignore[no-redef]
        async def flow(n: int) -> int:
            return sum([await double(i) for i in range(n)])

    assert 12 == drive.invoke(flow, 4, telemetry=measured.options)
    assert {("double", "flow", "success"): 4, ("flow", "flow", "success"): 1} == measured.counts(
        names.NODE_DURATION
    )
    assert {("flow",): 1} == measured.counts(names.STEP_WIDTH)
