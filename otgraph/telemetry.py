"""Door: `otgraph.telemetry`."""

from otgraph.drivers.follow import AsyncFollower, Follower, afollow, follow
from otgraph.drivers.replay import areplay, replay
from otgraph.drivers.watch import AsyncWatcher, LiveRun, Watcher, awatch, live_runs, watch
from otgraph.stream.exported import ExportedSpan, read_otlp, read_otlp_json, read_spans
from otgraph.tracing.budget import Budget, Price
from otgraph.tracing.conversation import conversation_id
from otgraph.tracing.log_ids import RunIds, add_run_ids, run_ids
from otgraph.tracing.options import TelemetryOptions, get_telemetry, set_telemetry
from otgraph.tracing.patterns import redact_matches
from otgraph.tracing.payload import Captured, Truncated
from otgraph.tracing.setup import Telemetry, flush, setup, shutdown
from otgraph.usage import Usage

__all__ = [
    "AsyncFollower",
    "AsyncWatcher",
    "Budget",
    "Captured",
    "ExportedSpan",
    "Follower",
    "LiveRun",
    "Price",
    "RunIds",
    "Telemetry",
    "TelemetryOptions",
    "Truncated",
    "Usage",
    "Watcher",
    "add_run_ids",
    "afollow",
    "areplay",
    "awatch",
    "conversation_id",
    "flush",
    "follow",
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
