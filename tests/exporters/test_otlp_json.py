"""OTLP-JSON lines: what is in the file is what an OTLP exporter would have sent."""

from __future__ import annotations

import base64
import json
import logging
import math
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from driven import Driven
from google.protobuf import json_format
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from otgraph_exporters.otlp_json import OtlpJsonExporter, request_of

from otgraph.telemetry import TelemetryOptions, read_otlp_json, replay

from .graphs import State, chain

THREADS = Driven("threads")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where spans go."""
    return tmp_path / "deep" / "traces.jsonl"


def provider_with(*exporters: Any) -> TracerProvider:
    """Return a provider that exports at once."""
    provider = TracerProvider(shutdown_on_exit=False)
    for exporter in exporters:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


def strange_spans() -> Sequence[ReadableSpan]:
    """Return spans with everything that a span may have."""
    memory = InMemorySpanExporter()
    provider = provider_with(memory)
    remote = SpanContext(2**127 + 1, 2**63 + 1, True, TraceFlags(1), TraceState([("a", "b"), ("c", "d")]))
    attributes = {
        "text": "ä\u2028\x00",
        "yes": True,
        "big": 2**62,
        "half": -0.5,
        "no number": math.nan,
        "endless": -math.inf,
        "texts": ("a", "b"),
        "numbers": [1, 2],
        "bytes": b"\x00\xff",
        "nested": {"list": [1, "b", None], "map": {"deep": True}},
    }
    for kind in SpanKind:
        tracer = provider.get_tracer("lib", "1.2", "https://schema", {"scope": 1})
        span = tracer.start_span(
            "span", kind=kind, attributes=attributes, links=[Link(remote, {"why": "so"})]
        )
        span.add_event("event", attributes, timestamp=5)
        span.set_status(Status(StatusCode.ERROR, "no"))
        span.end()
    chain(THREADS).invoke({"lines": []}, telemetry=TelemetryOptions(provider=provider, capture=True))
    return memory.get_finished_spans()


def test_it_is_what_otlp_says() -> None:
    """Read by protobuf's own rules for JSON, a line is the message that OTLP's exporter sends."""
    spans = strange_spans()

    def in_base64(data: Any) -> Any:
        # The one place where OTLP departs from these rules: ids are hexadecimal.
        if isinstance(data, list):
            return [in_base64(item) for item in data]
        if not isinstance(data, dict):
            return data
        ids = ("traceId", "spanId", "parentSpanId")
        return {
            key: base64.b64encode(bytes.fromhex(item)).decode() if key in ids else in_base64(item)
            for key, item in data.items()
        }

    ours = ExportTraceServiceRequest()
    json_format.ParseDict(in_base64(json.loads(json.dumps(request_of(spans)))), ours)
    theirs = encode_spans(spans)
    for message in (ours, theirs):
        for resource in message.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    # The SDK's encoder leaves out what W3C says of the trace, and the state of linked ones.
                    span.flags &= ~0xFF
                    for link in span.links:
                        link.flags &= ~0xFF
                        link.trace_state = ""
    assert json_format.MessageToDict(ours) == json_format.MessageToDict(theirs)


def test_a_file_is_replayed(file: Path, driver: Driven) -> None:
    """The file of a run tells its streams again."""
    provider = provider_with(OtlpJsonExporter(file))
    options = TelemetryOptions(provider=provider, capture=True)
    modes = ["values", "updates", "custom", "tasks", "debug"]
    live = driver.stream(chain(driver), {"lines": []}, stream_mode=modes, telemetry=options)
    with file.open() as lines:
        assert list(replay(read_otlp_json(lines), modes)) == live


def test_a_file_that_is_large_makes_way(file: Path) -> None:
    """Beyond `max_bytes` the file gets a number, the oldest beyond `keep` goes, and no line is cut."""
    exporter = OtlpJsonExporter(file, max_bytes=20_000, keep=2)
    provider = provider_with(exporter)
    for _ in range(20):
        chain(THREADS).invoke({"lines": []}, telemetry=TelemetryOptions(provider=provider))
    files = sorted(path.name for path in file.parent.iterdir())
    assert files == ["traces.jsonl", "traces.jsonl.1", "traces.jsonl.2"]
    for name in files:
        path = file.parent / name
        assert path.stat().st_size <= 20_000
        for line in path.read_text().splitlines():
            assert len(list(read_otlp_json(line))) == 1


def test_a_file_that_cannot_be_written_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Runs go on, one line says so, and the exporter says that it failed; later it works again."""
    (tmp_path / "taken").write_text("")
    exporter = OtlpJsonExporter(tmp_path / "taken" / "traces.jsonl")
    provider = provider_with(exporter)
    graph = chain(THREADS)
    assert graph.invoke({"lines": []}, telemetry=TelemetryOptions(provider=provider))
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "cannot be written" in caplog.text
    assert exporter.export(strange_spans()) is SpanExportResult.FAILURE
    (tmp_path / "taken").unlink()
    assert exporter.export(strange_spans()) is SpanExportResult.SUCCESS


def test_a_disk_that_fills_leaves_whole_lines(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a line for which there is no room nothing stays, so that the next one can be read."""
    exporter = OtlpJsonExporter(file)
    spans = strange_spans()
    assert exporter.export(spans) is SpanExportResult.SUCCESS
    write = os.write
    with monkeypatch.context() as patch:
        calls = iter([lambda file, data: write(file, data[:100])])

        def full(file: int, data: bytes) -> int:
            for call in calls:
                return call(file, data)
            raise OSError(28, "No space left on device")

        patch.setattr(os, "write", full)
        assert exporter.export(spans) is SpanExportResult.FAILURE
    assert exporter.export(spans) is SpanExportResult.SUCCESS
    assert len(list(read_otlp_json(file.read_text()))) == 2 * len(spans)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="where there is no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_several_processes_write_to_one_file(file: Path) -> None:
    """Lines of processes that write at the same time are whole."""
    exporter = OtlpJsonExporter(file)

    def big(state: State) -> State:
        return {"lines": ["x" * 50_000]}

    def child() -> None:
        options = TelemetryOptions(provider=provider_with(exporter), capture=True)
        for _ in range(10):
            chain(THREADS, big).invoke({"lines": []}, telemetry=options)

    processes = [multiprocessing.get_context("fork").Process(target=child) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert len(list(read_otlp_json(file.read_text()))) == 3 * 10 * 3


def test_it_is_found_by_its_name(file: Path) -> None:
    """`OTEL_TRACES_EXPORTER=otgraph_otlp_json` writes to the file that `OTGRAPH_OTLP_JSON` names."""
    code = (
        "from driven import Driven\nfrom exporters.graphs import chain\n"
        "from otgraph.telemetry import setup\nsetup(metrics=False)\n"
        "chain(Driven('threads')).invoke({'lines': []})\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "tests"),
        "OTEL_TRACES_EXPORTER": "otgraph_otlp_json",
        "OTGRAPH_OTLP_JSON": str(file),
    }
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert len(list(read_otlp_json(file.read_text()))) == 5
