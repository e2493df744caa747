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
from otgraph.messages import model_call
from otgraph.tracing import names

from .conftest import asks, chat, client
from .server import Answer, Server, limited

Serve = Callable[..., Server]
FOX = Answer(text="big red fox")
HI = {"messages": [("user", "hi")]}


def ask_langchain(drive: Drive, server: Server) -> Any:
    """Return a node that asks LangChain's model."""
    return asks(drive, chat(server))


def ask_client(drive: Drive, server: Server) -> Any:
    """Return a node that asks OpenAI's client."""

    def n(state: Any) -> None:
        asked: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
        with client(server, "threads") as openai, model_call("gpt-4o-mini", provider="openai") as call:
            call.response(openai.chat.completions.create(**asked))

    return drive.node(n)


@pytest.fixture
def measured(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Return a function that runs a graph of one call under a set of names, and returns the metrics of calls."""

    def measure(
        called: names.CallMetrics, drive: Drive, server: Server, by: Any = ask_langchain
    ) -> dict[str, Any]:
        monkeypatch.setattr(names, "CALL_METRICS", called)
        reader = InMemoryMetricReader()
        options = replace(traced.options, meter_provider=MeterProvider([reader], shutdown_on_exit=False))
        graph = line(MessagesState, n=by(drive, server))
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
        "gen_ai.client.operation.time_per_output_chunk": 1,
        "gen_ai.client.operation.time_to_first_chunk": 1,
        "gen_ai.client.token.usage": 2,
    } == {name: len(metric.data.data_points) for name, metric in found.items()}


def test_the_drafted_names(drive: Drive, serve: Serve, measured: Any) -> None:
    """Under the draft each kind of token has a counter, and input and output have histograms beside."""
    found = measured(names.DRAFTED, drive, serve(FOX))
    assert {
        "gen_ai.client.inference.duration",
        "gen_ai.client.inference.time_per_output_chunk",
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
            measured_once = "per_output_chunk" not in name
            assert ("gen_ai.token.modality" in point.attributes, point.count == 1) == (False, measured_once)
    assert {
        "input_tokens": 12,
        "output_tokens": 5,
        "cache_read.input_tokens": 4,
        "reasoning.output_tokens": 2,
    } == counted


def test_modalities_under_the_draft(drive: Drive, serve: Serve, measured: Any) -> None:
    """The counters tell modalities apart as far as the client does; the rest is unknown, and all is counted once."""
    given = {"cached_tokens": 30, "cached_tokens_details": {"text_tokens": 10, "audio_tokens": 20}}
    answer = Answer(
        text="big red fox",
        usage=(100, 50),
        given={**given, "text_tokens": 40, "audio_tokens": 25, "image_tokens": 35},
        made={"audio_tokens": 20, "reasoning_tokens": 8},
    )
    found = measured(names.DRAFTED, drive, serve(answer), by=ask_client)
    counted = {
        (name.partition(".usage.")[2], point.attributes["gen_ai.token.modality"]): point.value
        for name, metric in found.items()
        if ".usage." in name
        for point in metric.data.data_points
    }
    assert {
        ("input_tokens", "text"): 40,
        ("input_tokens", "audio"): 25,
        ("input_tokens", "image"): 35,
        ("output_tokens", "audio"): 20,
        ("output_tokens", "unknown"): 30,
        ("cache_read.input_tokens", "text"): 10,
        ("cache_read.input_tokens", "audio"): 20,
        ("reasoning.output_tokens", "unknown"): 8,
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
