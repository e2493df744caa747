"""Door: `otgraph.telemetry`."""

from otgraph.drivers.watch import AsyncWatcher, LiveRun, Watcher, awatch, live_runs, watch
from otgraph.stream.exported import ExportedSpan, read_otlp, read_otlp_json, read_spans
from otgraph.stream.replay import replay
from otgraph.tracing.budget import Budget, Price
from otgraph.tracing.conversation import conversation_id
from otgraph.tracing.log_ids import RunIds, add_run_ids, run_ids
from otgraph.tracing.options import TelemetryOptions, get_telemetry, set_telemetry
from otgraph.tracing.patterns import redact_matches
from otgraph.tracing.payload import Captured, Truncated
from otgraph.tracing.setup import Telemetry, flush, setup, shutdown
from otgraph.usage import Usage

__all__ = [
    "AsyncWatcher",
    "Budget",
    "Captured",
    "ExportedSpan",
    "LiveRun",
    "Price",
    "RunIds",
    "Telemetry",
    "TelemetryOptions",
    "Truncated",
    "Usage",
    "Watcher",
    "add_run_ids",
    "awatch",
    "conversation_id",
    "flush",
    "get_telemetry",
    "live_runs",
    "read_otlp",
    "read_otlp_json",
    "read_spans",
    "redact_matches",
    "replay",
    "run_ids",
    "set_telemetry",
    "setup",
    "shutdown",
    "watch",
]
