"""
TraceStoreExporter: the trace store where only an exporter can be named, as in `OTEL_TRACES_EXPORTER=otgraph_sqlite`.

Rule: whoever sees that it is a span processor too, as `otgraph.telemetry.setup` does, adds it as that, and has spans
in the store from their start. As a plain exporter, behind a batch processor, it is told of them when they have ended.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otgraph_exporters.trace_store.processor import TraceStoreProcessor

__all__ = ["TraceStoreExporter"]


class TraceStoreExporter(TraceStoreProcessor, SpanExporter):
    """
    Writes spans into the trace store.

    Args:
        path: of the file; by default what `OTGRAPH_TRACE_STORE` says, or `.otgraph/traces.db`.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        TraceStoreProcessor.__init__(self, path)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write spans that have ended; what cannot be written now is tried again, and counted if it is lost."""
        for span in spans:
            self.on_end(span)
        self.force_flush()
        return SpanExportResult.SUCCESS
