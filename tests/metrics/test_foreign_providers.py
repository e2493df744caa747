"""Whose meter provider it is: one that fails, one that keeps nothing, one that is set late, none."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from driven import Driven
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import DropAggregation, View

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.telemetry import TelemetryOptions
from otgraph.tracing import names
from otgraph.tracing.faults import faults
from otgraph.tracing.metrics import meters_for
from otgraph.types import Command

from .conftest import Measured
from .graphs import State, asker, beside

THREAD: Any = {"configurable": {"thread_id": "t"}}


class Broken:
    """An instrument, a meter and a provider of which some part fails."""

    def __init__(self, *fails: str) -> None:
        self._fails = fails

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)

        def act(*args: Any, **options: Any) -> Broken:
            if name in self._fails or (name.startswith("create") and "create" in self._fails):
                raise RuntimeError(f"{name} is broken")
            return self

        return act


def story(drive: Driven, telemetry: TelemetryOptions) -> list[Any]:
    """Return all chunks of a thread that pauses and goes on, in a graph of two nodes side by side."""
    graph = beside(a=drive.node(lambda state: {"log": ["a"]}), b=drive.node(asker)).compile(
        name="g", checkpointer=InMemorySaver()
    )
    modes = ["values", "updates", "custom"]
    chunks = drive.stream(graph, {"log": []}, THREAD, stream_mode=modes, telemetry=telemetry)
    chunks += drive.stream(graph, Command(resume="x"), THREAD, stream_mode=modes, telemetry=telemetry)
    return [chunk for chunk in chunks if "__interrupt__" not in chunk[1]]


@pytest.mark.parametrize("fails", ["get_meter", "create", "record", "add", "everything", "nothing"])
def test_faults_break_no_run(drive: Driven, fails: str) -> None:
    """Whatever fails in a meter provider, a run yields the chunks it yields without one, and the faults are counted."""
    broken = Broken(*(("get_meter", "create", "record", "add") if fails == "everything" else (fails,)))
    before = faults.counts["metrics"] + faults.counts["meter provider"]
    assert story(drive, TelemetryOptions()) == story(drive, TelemetryOptions(meter_provider=broken))
    counted = faults.counts["metrics"] + faults.counts["meter provider"] - before
    assert (counted > 0) is (fails != "nothing")


def test_views(drive: Driven) -> None:
    """A view may drop a metric, rename one and take labels away: what is left is measured as ever."""
    measured = Measured(
        views=[
            View(instrument_name=names.STEP_DURATION, aggregation=DropAggregation()),
            View(instrument_name=names.NODE_DURATION, name="renamed", attribute_keys={names.NODE}),
        ]
    )
    story(drive, measured.options)
    found = measured.read()
    assert names.STEP_DURATION not in found
    assert {("a",): 1, ("b",): 2} == measured.counts("renamed")
    assert {("g",): 2} == measured.counts(names.STEP_WIDTH)
    measured.close()


def test_a_view_that_fails(drive: Driven) -> None:
    """A view whose aggregation cannot be made is a fault like any other."""

    class Failing(DropAggregation):
        def _create_aggregation(self, *args: Any) -> Any:
            raise RuntimeError("broken")

    measured = Measured(views=[View(instrument_name=names.NODE_DURATION, aggregation=Failing())])
    assert story(drive, TelemetryOptions()) == story(drive, measured.options)
    assert {("g",): 2} == measured.counts(names.STEP_WIDTH)
    measured.close()


def test_several_readers(drive: Driven) -> None:
    """All readers of a provider are told the same."""
    readers = [InMemoryMetricReader(), InMemoryMetricReader()]
    provider = MeterProvider(readers, shutdown_on_exit=False)
    story(drive, TelemetryOptions(meter_provider=provider))
    told = []
    for reader in readers:
        data = reader.get_metrics_data()
        assert data is not None
        (scope,) = data.resource_metrics[0].scope_metrics
        told.append({metric.name: len(metric.data.data_points) for metric in scope.metrics})
    assert told[0] == told[1]
    assert told[0][names.NODE_DURATION] == 3
    provider.shutdown()


def test_a_provider_that_is_shut_down(drive: Driven, measured: Measured) -> None:
    """Runs go on after it."""
    before = story(drive, measured.options)
    measured.provider.shutdown()
    assert before == story(drive, measured.options)


@pytest.mark.parametrize("provider", [metrics.NoOpMeterProvider(), None])
def test_nobody_measures(provider: Any) -> None:
    """A no-op, and no provider at all, are found out once for a run; nothing is called for each superstep."""
    assert meters_for(provider) is None


def test_nobody_measures_where_the_sdk_is_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """`OTEL_SDK_DISABLED` counts for metrics, too."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert meters_for(MeterProvider(shutdown_on_exit=False)) is None


def test_a_provider_that_is_set_late() -> None:
    """A global provider that is set after a graph was compiled and has run is found by the next run."""
    program = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from otgraph.graph import START, StateGraph

graph = StateGraph(dict).add_node("a", lambda state: state).add_edge(START, "a").compile(name="g")
graph.invoke({})
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
graph.invoke({})
(scope,) = reader.get_metrics_data().resource_metrics[0].scope_metrics
print([metric.data.data_points[0].count for metric in scope.metrics if metric.name == "otgraph.node.duration"])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[1]\n"


def test_names_that_a_program_makes_up(drive: Driven, measured: Measured) -> None:
    """Graphs with ever new names do not fill the memory with sets of labels."""
    meters = meters_for(measured.provider)
    assert meters is not None
    sets = meters.steps._node._sets

    def node(state: State) -> None:
        return None

    for number in range(20):
        graph = beside(a=drive.node(node)).compile(name=f"g{number}")
        drive.invoke(graph, {"log": []}, telemetry=measured.options)
    assert len(sets) == 20
    for number in range(5000):
        _ = sets["g", str(number), "success", None]
    assert len(sets) <= 4096
