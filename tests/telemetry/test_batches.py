"""
The span processor of `setup()`: whatever an exporter does, each span is exported once or counted as lost once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from otgraph.tracing.batches import BatchSettings, SpanBatches, size_of
from otgraph.tracing.lost import LostSpans

MOODS = st.sampled_from(["well", "fails", "raises", "slow", "odd"])


class Moody(SpanExporter):
    """Does something else at each call."""

    def __init__(self, moods: Sequence[str]) -> None:
        self._moods = list(moods)
        self.arrived: list[ReadableSpan] = []
        self.calls = 0
        self.down = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        mood = self._moods[self.calls % len(self._moods)]
        self.calls += 1
        if mood == "raises":
            raise RuntimeError("no disk")
        if mood == "slow":
            time.sleep(0.01)
        if mood in ("well", "slow"):
            self.arrived += spans
            return SpanExportResult.SUCCESS
        return SpanExportResult.FAILURE if mood == "fails" else None  # type: ignore[return-value]

    def shutdown(self) -> None:
        self.down += 1


def make(exporter: SpanExporter, **sizes: Any) -> tuple[SpanBatches, LostSpans, Any]:
    lost = LostSpans()
    batches = SpanBatches(exporter, BatchSettings(**sizes), lost)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(batches)
    return batches, lost, provider.get_tracer("mine")


@settings(max_examples=60, deadline=None)
@given(
    moods=st.lists(MOODS, min_size=1, max_size=6),
    batch=st.integers(1, 8),
    more=st.integers(0, 20),
    threads=st.integers(1, 4),
    spans=st.integers(0, 40),
    late=st.integers(0, 3),
    flushes=st.booleans(),
)
def test_arrived_and_lost_are_all_there_were(
    moods: list[str], batch: int, more: int, threads: int, spans: int, late: int, flushes: bool
) -> None:
    """For any moods of an exporter, sizes and threads: arrived + lost = made, nothing twice, nothing out of order."""
    exporter = Moody(moods)
    batches, lost, tracer = make(exporter, queue=batch + more, batch=batch, delay=0.005)

    def work(thread: int) -> None:
        for number in range(spans):
            tracer.start_span(f"{thread}", attributes={"number": number}).end()

    workers = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if flushes:
        assert batches.force_flush(60_000)
        assert len(exporter.arrived) + sum(lost.counts.values()) == threads * spans
    batches.shutdown(60_000)
    for _ in range(late):
        tracer.start_span("late").end()
    assert lost.counts["shutdown"] == late
    assert len(exporter.arrived) + sum(lost.counts.values()) == threads * spans + late
    told = [(span.name, (span.attributes or {})["number"]) for span in exporter.arrived]
    for thread in range(threads):
        numbers = [number for name, number in told if name == f"{thread}"]
        assert numbers == sorted(set(numbers))  # type: ignore[type-var]
    assert exporter.down == 1


class Stuck(SpanExporter):
    """Never returns before it is told to."""

    def __init__(self) -> None:
        self.called = threading.Event()
        self.released = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.called.set()
        self.released.wait(60)
        return SpanExportResult.FAILURE


def test_an_exporter_that_never_returns_costs_the_end_its_time_limit_and_no_more() -> None:
    """Shutting down gives up after its time; what the exporter holds and what waits are lost, and counted once."""
    exporter = Stuck()
    batches, lost, tracer = make(exporter, queue=10, batch=2, delay=60)
    for _ in range(5):
        tracer.start_span("x").end()
    assert exporter.called.wait(30)
    assert not batches.force_flush(10)
    begun = time.monotonic()
    batches.shutdown(100)
    assert time.monotonic() - begun < 20
    assert lost.counts == {"shutdown": 5}
    worker = next(thread for thread in threading.enumerate() if thread.name == "otgraph-export")
    exporter.released.set()
    worker.join(30)
    assert not worker.is_alive()
    assert lost.counts == {"shutdown": 5}
    assert batches.force_flush(10)


def test_spans_that_are_not_sampled_are_no_loss() -> None:
    """A span that the sampler left out is neither exported nor counted, and begins no thread."""
    exporter = Moody(["well"])
    lost = LostSpans()
    batches = SpanBatches(exporter, lost=lost)
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    provider.add_span_processor(batches)
    provider.get_tracer("mine").start_span("x").end()
    assert batches.force_flush(10)
    provider.shutdown()
    assert not exporter.calls
    assert not lost.counts


def test_losses_are_logged_once_for_each_outage(caplog: pytest.LogCaptureFixture) -> None:
    """The first failed export is told, and the first that works again; others are counted only."""
    exporter = Moody(["well", "fails", "fails", "well", "well", "fails"])
    batches, lost, tracer = make(exporter, delay=60)
    for _ in range(6):
        tracer.start_span("x").end()
        assert batches.force_flush(30_000)
    batches.shutdown()
    assert [record.getMessage().split(":")[0].split(";")[0] for record in caplog.records] == [
        "Spans are lost",
        "Spans arrive again",
        "Spans are lost",
    ]
    assert lost.counts == {"export_failed": 3}


@given(
    st.dictionaries(
        st.text(max_size=10),
        st.one_of(st.text(max_size=200), st.integers(0, 2**60), st.lists(st.text(max_size=50), max_size=5)),
        max_size=8,
    ),
    st.lists(st.text(max_size=100), max_size=5),
)
def test_the_size_of_a_span_is_not_underrated(attributes: dict[str, Any], events: list[str]) -> None:
    """What is taken for the size of a span is no less than its size in OTLP, resource and scope aside."""
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    kept = Moody(["well"])
    _, _, tracer = (batches := make(kept, delay=60))
    span = tracer.start_span("a name", attributes={key or "key": value for key, value in attributes.items()})
    for event in events:
        span.add_event(event or "event", {"text": event})
    span.end()
    assert batches[0].force_flush(30_000)
    batches[0].shutdown()
    (made,) = kept.arrived
    (resource,) = encode_spans([made]).resource_spans
    (scope,) = resource.scope_spans
    assert scope.ByteSize() <= size_of(made)
