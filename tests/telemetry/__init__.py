"""Telemetry as an application sets it up: exporters, metrics, logs, faults and secrets."""
