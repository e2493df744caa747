"""Exemplars: measurements that lead to a trace, as an OTLP exporter sends them."""

from __future__ import annotations

from typing import Any

import pytest
from driven import Driven
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.telemetry import TelemetryOptions
from otgraph.tracing import names
from otgraph.tracing.distribution import _fast_recorder, _plain_recorder
from otgraph.types import Command

from .conftest import Measured
from .graphs import asker, beside, line

THREAD: Any = {"configurable": {"thread_id": "t"}}


def exported(measured: Measured) -> ExportMetricsServiceRequest:
    """Return what is measured, after it was turned into bytes and back."""
    data = measured.reader.get_metrics_data()
    assert data is not None
    return ExportMetricsServiceRequest.FromString(encode_metrics(data).SerializeToString())


def exemplars(measured: Measured) -> dict[str, list[tuple[str, str]]]:
    """Return the trace and span ids of the exemplars of each metric."""
    found: dict[str, list[tuple[str, str]]] = {}
    for resource in exported(measured).resource_metrics:
        for metric in [metric for scope in resource.scope_metrics for metric in scope.metrics]:
            kind = metric.WhichOneof("data")
            assert kind is not None
            found[metric.name] = [
                (item.trace_id.hex(), item.span_id.hex())
                for point in getattr(metric, kind).data_points
                for item in point.exemplars
                if item.span_id
            ]
    return found


def ids(span: Any) -> tuple[str, str]:
    """Return what an exemplar of a span has."""
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"


def test_exemplars_name_their_spans(drive: Driven, measured: Measured) -> None:
    """In OTLP bytes, each histogram of a sampled run has the ids of a span that it measured."""
    exporter = InMemorySpanExporter()
    assert measured.tracers is not None
    measured.tracers.add_span_processor(SimpleSpanProcessor(exporter))
    two = beside(a=drive.node(lambda state: None), b=drive.node(asker))
    graph = two.compile(name="g", checkpointer=InMemorySaver())
    drive.invoke(graph, {"log": []}, THREAD, telemetry=measured.options)
    drive.invoke(graph, Command(resume="x"), THREAD, telemetry=measured.options)
    spans = exporter.get_finished_spans()
    found = exemplars(measured)
    for name, kind in (
        (names.NODE_DURATION, "invoke_node"),
        (names.BARRIER_WAIT, "invoke_node"),
        (names.STEP_DURATION, "otgraph.superstep"),
        (names.STEP_WIDTH, "otgraph.superstep"),
        (names.RUN_DURATION, "invoke_workflow"),
        (names.PAUSES, "invoke_workflow"),
        (names.RESUMES, "invoke_workflow"),
        (names.INTERRUPT_WAITS, "invoke_workflow"),
    ):
        assert found[name], name
        assert set(found[name]) <= {ids(span) for span in spans if span.name.startswith(kind)}, name


@pytest.mark.parametrize("provider", [None, TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)])
def test_nobody_is_sent_to_a_trace_that_is_not_there(drive: Driven, provider: Any) -> None:
    """Runs that are not sampled, or whose spans are exported nowhere, are measured without exemplars."""
    measured = Measured()
    options = TelemetryOptions(provider=provider, meter_provider=measured.provider)
    graph = beside(a=drive.node(lambda state: None), b=drive.node(asker))
    drive.invoke(graph.compile(checkpointer=InMemorySaver()), {"log": []}, THREAD, telemetry=options)
    assert 1 == sum(measured.counts(names.STEP_DURATION).values())
    assert not any(exemplars(measured).values())
    measured.close()


def test_sampled_ones_are_found_among_many(drive: Driven, measured: Measured) -> None:
    """Where few runs are sampled, those that are not take no exemplar's place."""
    unsampled = TelemetryOptions(
        provider=TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False), meter_provider=measured.provider
    )
    graph = line(a=drive.node(lambda state: None)).compile()
    for options in (unsampled, measured.options, unsampled):
        drive.invoke(graph, {"log": []}, telemetry=options)
    assert len(exemplars(measured)[names.NODE_DURATION]) == 1


def test_both_ways_of_recording() -> None:
    """The fast way to the SDK's aggregation gives the same exported points as the histogram's own `record`."""
    span = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("s")
    contexts = [trace.set_span_in_context(span), otel_context.Context({"no": "span"})]
    points = []
    for recorder in (_fast_recorder, _plain_recorder):
        measured = Measured()
        histogram = measured.provider.get_meter("m").create_histogram(
            "h", "s", explicit_bucket_boundaries_advisory=[1.0, 2.0]
        )
        record = recorder(histogram)
        assert record is not None
        for value in (0.5, 1.0, 1.5, 7.0):
            for labels in ({"a": "b"}, {"a": "c", "d": "e"}):
                for context in contexts:
                    record(value, 1, labels, context)
        points.append(
            {
                labels: (
                    point.count,
                    point.sum,
                    point.min,
                    point.max,
                    point.bucket_counts,
                    len(point.exemplars),
                )
                for labels, point in measured.points("h").items()
            }
        )
        measured.close()
    fast, plain = points
    assert fast == plain
    assert fast["b",] == (8, 20.0, 0.5, 7.0, (4, 2, 2), 3)


def test_both_ways_of_counting() -> None:
    """The same for a counter that goes up and down."""
    for make in (_fast_recorder, _plain_recorder):
        measured = Measured()
        count = make(measured.provider.get_meter("m").create_up_down_counter("c"))
        assert count is not None
        for step in (1, 1, -1, 5):
            count(step, 1, {"a": "b"}, otel_context.Context())
        assert {("b",): 6} == measured.counts("c")
        measured.close()


def test_recorders_of_others() -> None:
    """A histogram that is not the SDK's has no fast way."""

    class Histogram:
        _measurement_consumer = None

    assert _fast_recorder(Histogram()) is None
    assert _fast_recorder(MeterProvider(shutdown_on_exit=False).get_meter("m").create_counter("c")) is None
