"""
The telemetry a worker runs under: none, the SDK, or the SDK with OpenInference's instrumentor.

Rule: spans go all the way to an exporter, which counts them and throws them away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Literal, TypeAlias

__all__ = ["Telemetry", "TracingName", "set_up"]

TracingName: TypeAlias = Literal["none", "sdk", "openinference"]

_QUEUE = 2**18
"""Large enough that no span is dropped for want of room: all are counted."""


@dataclass(frozen=True, slots=True)
class Telemetry:
    """How a worker learns what was exported."""

    settle: Callable[[], object]
    take_count: Callable[[], int]
    """Returns how many spans were exported since it was last called."""


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
    return Telemetry(settle=provider.force_flush, take_count=exporter.take_count)
