"""
TraceStoreExporter: writes spans into a trace store when they have ended.

Rule: a plain exporter, for whoever configures exporters by name. It knows nothing of spans that go on; with
`TraceStoreProcessor` they are in the store from their start.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otgraph_exporters.trace_store.processor import TraceStoreProcessor

__all__ = ["TraceStoreExporter"]


class TraceStoreExporter(SpanExporter):
    """
    Writes spans into the trace store when they have ended.

    Args:
        path: of the file; by default what `OTGRAPH_TRACE_STORE` says, or `.otgraph/traces.db`.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self._processor = TraceStoreProcessor(path)

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._processor.path

    def as_processor(self) -> TraceStoreProcessor:
        """Return the processor that does more: whoever sets a provider up may add it in this exporter's place."""
        return self._processor

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write spans that have ended."""
        for span in spans:
            self._processor.on_end(span)
        return SpanExportResult.SUCCESS if self._processor.force_flush() else SpanExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Write what could not be written before."""
        return self._processor.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """Let go of the file."""
        self._processor.shutdown()
