"""The embedded trace store: an SQLite file in which runs can be looked up while they go on and afterwards."""

from otgraph_exporters.trace_store.exporter import TraceStoreExporter
from otgraph_exporters.trace_store.file import TraceStoreError, default_path
from otgraph_exporters.trace_store.pieces import StoredSpan
from otgraph_exporters.trace_store.processor import TraceStoreProcessor
from otgraph_exporters.trace_store.retention import Retention
from otgraph_exporters.trace_store.store import StoredRun, TraceStore
from otgraph_exporters.trace_store.tail import StoredEntry, Tail

__all__ = [
    "Retention",
    "StoredEntry",
    "StoredRun",
    "StoredSpan",
    "Tail",
    "TraceStore",
    "TraceStoreError",
    "TraceStoreExporter",
    "TraceStoreProcessor",
    "default_path",
]
