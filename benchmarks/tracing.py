"""
The telemetry a worker runs under: none, the SDK, that with a meter provider, a trace
store or OpenInference's instrumentor.

Rule: spans and measurements go all the way to an exporter, which counts them and throws them away.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, TypeAlias

__all__ = ["Telemetry", "TracingName", "set_up"]

TracingName: TypeAlias = Literal["none", "sdk", "metrics", "store", "openinference"]

_QUEUE = 2**18
"""Large enough that no span is dropped for want of room: all are counted."""


@dataclass(frozen=True, slots=True)
class Telemetry:
    """How a worker learns what was exported."""

    settle: Callable[[], object]
    take_count: Callable[[], int]
    """Returns how many spans were exported since it was last called."""
    take_measurements: Callable[[], int] = lambda: 0
    """Returns how many values histograms were given since it was last called."""


def set_up(tracing: TracingName) -> Telemetry:
    """Configure this process once and for all."""
    if tracing == "none":
        return Telemetry(settle=lambda: None, take_count=lambda: 0)

    from opentelemetry import trace
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Discard(SpanExporter):
        count = 0

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            self.count += len(spans)
            return SpanExportResult.SUCCESS

        def take_count(self) -> int:
            taken, self.count = self.count, 0
            return taken

    exporter, provider = Discard(), TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=_QUEUE))
    trace.set_tracer_provider(provider)
    if tracing == "openinference":
        instrumentation = import_module("openinference.instrumentation.langchain")
        instrumentation.LangChainInstrumentor().instrument(tracer_provider=provider)
    if tracing == "store":
        _store(provider)
    measured = _measure() if tracing == "metrics" else lambda: 0
    return Telemetry(provider.force_flush, exporter.take_count, measured)


def _store(provider: Any) -> None:
    """Have spans written into a trace store too, until the process ends."""
    from tempfile import TemporaryDirectory

    from otgraph_exporters.trace_store import TraceStoreProcessor

    folder = TemporaryDirectory()
    processor = TraceStoreProcessor(f"{folder.name}/traces.db")
    provider.add_span_processor(processor)
    atexit.register(lambda: (processor.shutdown(), folder.cleanup()))


def _measure() -> Callable[[], int]:
    """Set a meter provider up that exports as applications have it do; return what counts the values."""
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import Histogram, MeterProvider
    from opentelemetry.sdk.metrics import export as sdk

    class Discard(sdk.MetricExporter):
        count = 0

        def export(
            self, data: sdk.MetricsData, timeout_millis: float = 0, **_: object
        ) -> sdk.MetricExportResult:
            for scope in [scope for resource in data.resource_metrics for scope in resource.scope_metrics]:
                for metric in scope.metrics:
                    if isinstance(metric.data, sdk.Histogram):
                        self.count += sum(point.count for point in metric.data.data_points)
            return sdk.MetricExportResult.SUCCESS

        def force_flush(self, timeout_millis: float = 0) -> bool:
            return True

        def shutdown(self, timeout_millis: float = 0, **_: object) -> None:
            pass

    exporter = Discard(preferred_temporality={Histogram: sdk.AggregationTemporality.DELTA})
    provider = MeterProvider([sdk.PeriodicExportingMetricReader(exporter)])
    metrics.set_meter_provider(provider)

    def take() -> int:
        provider.force_flush()
        taken, exporter.count = exporter.count, 0
        return taken

    return take
