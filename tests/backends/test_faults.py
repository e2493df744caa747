"""What the Collector makes of backends that are away, and of what is too large."""

from __future__ import annotations

from pathlib import Path

import pytest
from foreign_server import eventually, free_port

from backends.conftest import SAMPLING
from backends.servers import Jaeger, Programs, running_collector, running_jaeger, running_sink
from backends.workload import happen
from otgraph.telemetry import ExportedSpan

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def test_a_backend_may_be_away_for_a_while(binaries: Programs, tmp_path: Path) -> None:
    """What is kept while Jaeger is away comes when it is back, and the other backend does not wait for it."""
    port = free_port()
    with running_sink(binaries, tmp_path) as sink:
        settings = {
            "JAEGER_ENDPOINT": f"127.0.0.1:{port}",
            "TEMPO_ENDPOINT": sink.address("otlp"),
            **SAMPLING,
        }
        with running_collector(binaries, tmp_path, **settings) as collector:
            traces = happen("division", tmp_path, "grpc", f"http://{collector.address('grpc')}")
            count = sum(map(len, traces.values()))
            eventually(lambda: len(sink.spans()) == count, "the other backend to have all spans")
            with running_jaeger(binaries, tmp_path, otlp=port) as jaeger:
                eventually(lambda: jaeger.count(*traces) == count, "Jaeger to have all spans")


def test_nothing_is_too_large_for_the_backends(binaries: Programs, jaeger: Jaeger, tmp_path: Path) -> None:
    """A run with a state of a megabyte and a long exception arrives as a whole, its attributes cut."""
    with running_sink(binaries, tmp_path) as sink:
        settings = {
            "JAEGER_ENDPOINT": jaeger.address("otlp"),
            "TEMPO_ENDPOINT": sink.address("otlp"),
            **SAMPLING,
        }
        with running_collector(binaries, tmp_path, **settings) as collector:
            traces = happen("heavy", tmp_path, "http/protobuf", f"http://{collector.address('http')}")
            count = sum(map(len, traces.values()))
            eventually(lambda: jaeger.count(*traces) == count == len(sink.spans()), "both to have all spans")
            texts = [value for span in sink.spans() for value in values(span) if isinstance(value, str)]
            assert max(map(len, texts)) == 4096


def test_the_engine_cuts_what_it_captures(binaries: Programs, tmp_path: Path) -> None:
    """Without the Collector the same run arrives too, and says where its captured payload was cut."""
    with running_sink(binaries, tmp_path) as bare:
        traces = happen("heavy", tmp_path, "grpc", f"http://{bare.address('otlp')}")
        count = sum(map(len, traces.values()))
        eventually(lambda: len(bare.spans()) == count, "all spans to be written")
        payloads = [
            attributes
            for span in bare.spans()
            for attributes in (span["attributes"], *(event["attributes"] for event in span["events"]))
            if "otgraph.payload" in attributes
        ]
        assert 0 < max(len(attributes["otgraph.payload"]) for attributes in payloads) <= 65536
        assert any(attributes.get("otgraph.truncated") for attributes in payloads)


def values(span: ExportedSpan) -> list[object]:
    """Return the values of the attributes of a span and its events."""
    return [
        *span["attributes"].values(),
        *(v for event in span["events"] for v in event["attributes"].values()),
    ]
