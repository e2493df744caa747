"""Door: `otgraph.telemetry`."""

from otgraph.stream.exported import ExportedSpan, read_otlp, read_otlp_json, read_spans
from otgraph.stream.replay import replay
from otgraph.tracing.options import TelemetryOptions, get_telemetry, set_telemetry
from otgraph.tracing.payload import Captured, Truncated

__all__ = [
    "Captured",
    "ExportedSpan",
    "TelemetryOptions",
    "Truncated",
    "get_telemetry",
    "read_otlp",
    "read_otlp_json",
    "read_spans",
    "replay",
    "set_telemetry",
]
