"""Both drivers, and a meter provider whose measurements the tests read back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from driven import Driven
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from otgraph.telemetry import TelemetryOptions


@pytest.fixture(params=["threads", "asyncio"])
def drive(request: pytest.FixtureRequest) -> Driven:
    """Return each driver in turn."""
    return Driven(request.param)


class Measured:
    """
    A process as far as its measurements go: its providers, and what was measured in it.

    Args:
        traced: whether spans are exported, too.
    """

    def __init__(self, *, traced: bool = True, **options: Any) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader], shutdown_on_exit=False, **options)
        self.tracers = TracerProvider(shutdown_on_exit=False) if traced else None
        self.options = TelemetryOptions(provider=self.tracers, meter_provider=self.provider)
        self.read()

    def read(self) -> dict[str, Any]:
        """Return each metric by its name, as a reader is given it."""
        data = self.reader.get_metrics_data()
        return {
            metric.name: metric
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def points(self, name: str) -> dict[tuple[Any, ...], Any]:
        """Return the points of a metric by the values of their labels, sorted by the labels' names."""
        metric = self.read().get(name)
        return {
            tuple(value for _, value in sorted(point.attributes.items())): point
            for point in (metric.data.data_points if metric else ())
        }

    def counts(self, name: str) -> dict[tuple[Any, ...], Any]:
        """Return the value of each point of a counter, or how often each of a histogram was recorded."""
        return {
            labels: point.count if hasattr(point, "count") else point.value
            for labels, point in self.points(name).items()
        }

    def close(self) -> None:
        """Let the providers go."""
        self.provider.shutdown()
        if self.tracers is not None:
            self.tracers.shutdown()


@pytest.fixture
def measured() -> Iterator[Measured]:
    """Return a process in which nothing has been measured yet."""
    measured = Measured()
    yield measured
    measured.close()
