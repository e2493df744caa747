"""
Where the spans of a run from the command line go: to what the environment names, to the terminal, to a trace store.

Rule: only where somebody asked, by an option or by OpenTelemetry's variables. A provider that the program has set
itself is kept, and what the options ask for is added to it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from otgraph.cli.exits import CommandError
from otgraph.tracing.setup import setup

__all__ = ["record"]


def record(*, tree: bool, store: str | None, capture: bool) -> None:
    """
    Set telemetry up for this process.

    Args:
        tree: whether to draw runs in the terminal.
        store: the file of a trace store; empty for the default one, None for none.
        capture: whether content is recorded, so that the store keeps tokens too.
    """
    wanted: list[Callable[[], Any]] = []
    if tree:
        from otgraph_exporters.console import ConsoleProcessor

        wanted.append(ConsoleProcessor)
    if store is not None:
        from otgraph_exporters.trace_store.processor import TraceStoreProcessor

        wanted.append(partial(TraceStoreProcessor, store or None, tokens=capture))
    named = os.environ.get("OTEL_TRACES_EXPORTER", "").strip()
    if not named and any(name.startswith("OTEL_EXPORTER_OTLP_") for name in os.environ):
        named = "otlp"
    exporters = [name.strip() for name in named.split(",") if name.strip() not in ("", "none")]
    metrics = None if named or os.environ.get("OTEL_METRICS_EXPORTER") else False
    if not wanted and not exporters and metrics is False and not os.environ.get("OTEL_LOGS_EXPORTER"):
        return
    try:
        telemetry = setup(traces=[*exporters, *wanted] or False, metrics=metrics)
    except ValueError as error:
        raise CommandError(f"telemetry cannot be set up: {error}") from None
    if telemetry.states["traces"] == "application":
        from otgraph_exporters.attach import attach

        for make in wanted:
            attach(make())
