"""The metrics of calls of models by the names that are in use, and by those that the conventions draft."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from messages.conftest import Drive, Traced, line
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otgraph.graph import MessagesState
from otgraph.tracing import names

from .conftest import asks, chat
from .server import Answer, Server, limited

Serve = Callable[..., Server]
FOX = Answer(text="big red fox")
HI = {"messages": [("user", "hi")]}


@pytest.fixture
def measured(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Return a function that runs a graph of one call under a set of names, and returns the metrics of calls."""

    def measure(called: names.CallMetrics, drive: Drive, server: Server) -> dict[str, Any]:
        monkeypatch.setattr(names, "CALL_METRICS", called)
        reader = InMemoryMetricReader()
        options = replace(traced.options, meter_provider=MeterProvider([reader], shutdown_on_exit=False))
        graph = line(MessagesState, n=asks(drive, chat(server)))
        try:
            drive.stream(graph, HI, stream_mode="messages", telemetry=options)
        except Exception:
            assert not server.script
        data = reader.get_metrics_data()
        assert data is not None
        return {
            metric.name: metric
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name.startswith("gen_ai.client.")
        }

    return measure


def test_the_names_in_use(drive: Drive, serve: Serve, measured: Any) -> None:
    """By default there is one histogram of tokens, which tells input from output."""
    assert names.CALL_METRICS is names.CURRENT
    found = measured(names.CURRENT, drive, serve(FOX))
    assert {
        "gen_ai.client.operation.duration": 1,
        "gen_ai.client.operation.time_to_first_chunk": 1,
        "gen_ai.client.token.usage": 2,
    } == {name: len(metric.data.data_points) for name, metric in found.items()}


def test_the_drafted_names(drive: Drive, serve: Serve, measured: Any) -> None:
    """Under the draft each kind of token has a counter, and input and output have histograms beside."""
    found = measured(names.DRAFTED, drive, serve(FOX))
    assert {
        "gen_ai.client.inference.duration",
        "gen_ai.client.inference.time_to_first_chunk",
        "gen_ai.client.inference.usage.input_tokens",
        "gen_ai.client.inference.usage.output_tokens",
        "gen_ai.client.inference.usage.cache_read.input_tokens",
        "gen_ai.client.inference.usage.reasoning.output_tokens",
        "gen_ai.client.inference.operation.input_tokens",
        "gen_ai.client.inference.operation.output_tokens",
    } == set(found)
    counted = {}
    for name, metric in found.items():
        (point,) = metric.data.data_points
        if ".usage." in name:
            assert "unknown" == point.attributes["gen_ai.token.modality"]
            assert metric.data.is_monotonic
            counted[name.partition(".usage.")[2]] = point.value
        else:
            assert ("gen_ai.token.modality" in point.attributes, point.count) == (False, 1)
    assert {
        "input_tokens": 12,
        "output_tokens": 5,
        "cache_read.input_tokens": 4,
        "reasoning.output_tokens": 2,
    } == counted


def test_a_call_that_failed_under_the_draft(drive: Drive, serve: Serve, measured: Any) -> None:
    """It has taken no tokens, and is counted with none; its error is told by its duration only."""
    found = measured(names.DRAFTED, drive, serve(limited()))
    for kind in ("input", "output"):
        (point,) = found[f"gen_ai.client.inference.usage.{kind}_tokens"].data.data_points
        assert (0, False) == (point.value, "error.type" in point.attributes)
    (call,) = found["gen_ai.client.inference.duration"].data.data_points
    assert "error.type" in call.attributes
    assert "gen_ai.client.inference.operation.input_tokens" not in found
