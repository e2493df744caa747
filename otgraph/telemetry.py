"""Door: `otgraph.telemetry`."""

from otgraph.tracing.options import TelemetryOptions, get_telemetry, set_telemetry

__all__ = ["TelemetryOptions", "get_telemetry", "set_telemetry"]
