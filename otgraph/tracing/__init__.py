"""Runs as OpenTelemetry spans: the only road from the engine to traces, metrics, logs and streams."""
