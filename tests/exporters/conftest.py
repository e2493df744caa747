"""A trace store of each test's own, and who writes to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from driven import Driven
from opentelemetry.sdk.trace import TracerProvider
from otgraph_exporters.trace_store import TraceStoreProcessor

from otgraph.telemetry import TelemetryOptions


@pytest.fixture(params=["threads", "asyncio"])
def driver(request: pytest.FixtureRequest) -> Driven:
    """Either driver."""
    return Driven(request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the trace store is."""
    return tmp_path / "traces.db"


class Telemetry:
    """A provider whose spans go into a trace store."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.processor = TraceStoreProcessor(path, **options)
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(self.processor)
        self.options = TelemetryOptions(provider=self.provider, capture=True)
        self.without_content = TelemetryOptions(provider=self.provider)

    def flush(self) -> None:
        """Have all that was told written."""
        assert self.processor.force_flush()


@pytest.fixture
def telemetry(path: Path) -> Iterator[Callable[..., Telemetry]]:
    """Make providers that write to the store, and close them after the test."""
    made: list[Telemetry] = []

    def make(**options: Any) -> Telemetry:
        made.append(Telemetry(options.pop("path", path), **options))
        return made[-1]

    yield make
    for each in made:
        each.provider.shutdown()


@pytest.fixture
def traced(telemetry: Callable[..., Telemetry]) -> Telemetry:
    """One that writes by default options."""
    return telemetry()
