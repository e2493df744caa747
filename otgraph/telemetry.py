"""Door: `otgraph.telemetry`."""

from otgraph.drivers.watch import AsyncWatcher, LiveRun, Watcher, awatch, live_runs, watch
from otgraph.stream.exported import ExportedSpan, read_otlp, read_otlp_json, read_spans
from otgraph.stream.replay import replay
from otgraph.tracing.budget import Budget, Price
from otgraph.tracing.conversation import conversation_id
from otgraph.tracing.options import TelemetryOptions, get_telemetry, set_telemetry
from otgraph.tracing.payload import Captured, Truncated
from otgraph.usage import Usage

__all__ = [
    "AsyncWatcher",
    "Budget",
    "Captured",
    "ExportedSpan",
    "LiveRun",
    "Price",
    "TelemetryOptions",
    "Truncated",
    "Usage",
    "Watcher",
    "awatch",
    "conversation_id",
    "get_telemetry",
    "live_runs",
    "read_otlp",
    "read_otlp_json",
    "read_spans",
    "replay",
    "set_telemetry",
    "watch",
]
