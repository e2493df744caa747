"""TraceStoreProcessor: what it writes of runs that go on and of runs that ended."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from driven import Driven
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from otgraph_exporters.trace_store import TraceStore, TraceStoreProcessor

from otgraph.telemetry import TelemetryOptions, read_spans
from otgraph.tracing import names
from otgraph.types import StreamWriter

from .conftest import Telemetry
from .graphs import chain, first, waiting


def test_what_is_stored_is_what_is_exported(traced: Telemetry, path: Path, driver: Driven) -> None:
    """Every span that an exporter is handed is in the store, with the same attributes, events and links."""
    exporter = InMemorySpanExporter()
    traced.provider.add_span_processor(SimpleSpanProcessor(exporter))
    driver.invoke(chain(driver), {"lines": []}, telemetry=traced.options)
    traced.flush()
    exported = {span["span_id"]: span for span in read_spans(exporter.get_finished_spans())}
    with TraceStore(path) as store:
        stored = {span["span_id"]: span for span in store.spans(store.runs()[0].run_id)}
    assert stored.keys() == exported.keys()
    assert len(stored) == 5
    for span_id, span in exported.items():
        for key in span:
            assert plain(stored[span_id][key]) == plain(span[key]), key


def plain(value: object) -> object:
    """Return data with lists for tuples, as JSON has them."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def test_a_run_is_there_while_it_goes_on(telemetry: Callable[..., Telemetry], path: Path) -> None:
    """A reader sees the spans of a run in progress, with what its nodes have said so far."""
    traced = telemetry(interval=0.01)
    reached, go_on = threading.Event(), threading.Event()
    graph = chain(Driven("threads"), first, waiting(reached, go_on))
    run = threading.Thread(target=graph.invoke, args=({"lines": []},), kwargs={"telemetry": traced.options})
    run.start()
    try:
        assert reached.wait(60)
        traced.flush()
        with TraceStore(path) as store:
            (found,) = store.runs(in_flight=True)
            assert (found.state, found.end_ns, found.outcome) == ("running", None, None)
            spans = {span["name"]: span for span in store.spans(found.run_id)}
            assert spans["invoke_node first"]["end_ns"] > 0
            assert spans["invoke_node wait"]["end_ns"] == 0
            said = spans["invoke_node wait"]["events"]
            assert [(event["name"], event["attributes"][names.PAYLOAD]) for event in said] == [
                ("otgraph.custom", '"waiting"')
            ]
    finally:
        go_on.set()
        run.join()
    traced.flush()
    with TraceStore(path) as store:
        assert [run.state for run in store.runs()] == ["ended"]
        assert all(span["end_ns"] for span in store.spans(found.run_id))


def test_all_events_are_kept_where_a_span_keeps_the_newest(traced: Telemetry, path: Path) -> None:
    """The store hears of events as they come, so the ring of 128 events does not matter to it."""

    def talk(state: object, writer: StreamWriter) -> None:
        for number in range(1000):
            writer(number)

    chain(Driven("threads"), talk).invoke({"lines": []}, telemetry=traced.options)
    traced.flush()
    with TraceStore(path) as store:
        spans = store.spans(store.runs()[0].run_id)
    (task,) = [span for span in spans if span["name"] == "invoke_node talk"]
    said = [event for event in task["events"] if event["name"] == "otgraph.custom"]
    assert [event["attributes"][names.PAYLOAD] for event in said] == [str(number) for number in range(1000)]


def test_spans_of_others_are_kept_too(traced: Telemetry, path: Path) -> None:
    """A span that is not otgraph's is stored with its events, and is part of the run that it is below."""
    tracer = traced.provider.get_tracer("client")

    def call(state: object) -> None:
        with tracer.start_as_current_span("GET", attributes={"raw": b"\x00\xff"}) as span:
            span.add_event("sent")

    with tracer.start_as_current_span("request"):
        chain(Driven("threads"), call).invoke({"lines": []}, telemetry=traced.options)
    traced.flush()
    with TraceStore(path) as store:
        run = store.runs()[0]
        (get,) = [span for span in store.spans(run.run_id) if span["name"] == "GET"]
        assert (get["scope"], get["run_id"], get["attributes"]) == ("client", None, {"raw": b"\x00\xff"})
        assert [event["name"] for event in get["events"]] == ["sent"]
        assert "request" not in [span["name"] for span in store.spans(run.run_id)]
        assert "request" in [span["name"] for span in store.spans(run.run_id, whole_trace=True)]


def test_what_is_not_sampled_is_not_stored(path: Path) -> None:
    """The sampler decides for the store as it does for exporters."""
    processor = TraceStoreProcessor(path)
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    provider.add_span_processor(processor)
    chain(Driven("threads")).invoke({"lines": []}, telemetry=TelemetryOptions(provider=provider))
    provider.shutdown()
    assert not path.exists()


def test_nothing_is_heard_after_the_end(telemetry: Callable[..., Telemetry], path: Path) -> None:
    """After `shutdown` spans are ignored, and kept nowhere."""
    traced = telemetry()
    chain(Driven("threads")).invoke({"lines": []}, telemetry=traced.options)
    traced.provider.shutdown()
    chain(Driven("threads")).invoke({"lines": []}, telemetry=traced.options)
    assert not traced.processor._queue
    with TraceStore(path) as store:
        assert len(store.runs()) == 1


def test_a_queue_without_room_is_refused(path: Path) -> None:
    """A size of nothing is an error that says so."""
    with pytest.raises(ValueError, match="queue_size must be at least 1, not 0"):
        TraceStoreProcessor(path, queue_size=0)
