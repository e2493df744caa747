"""
What the dashboards know of otgraph's metrics is what the engine makes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from opentelemetry.metrics import NoOpMeter
from otgraph_dashboards.metrics import METRICS, Metric

from otgraph.tracing.lost import measure_lost_spans
from otgraph.tracing.metrics import Meters

KINDS = {
    "counter": "counter",
    "observable_counter": "counter",
    "histogram": "histogram",
    "up_down_counter": "gauge",
    "observable_gauge": "gauge",
}


class Listing(NoOpMeter):
    """A meter that notes which instruments are made: name -> kind and unit."""

    def __init__(self) -> None:
        super().__init__("otgraph")
        self.made: dict[str, tuple[str, str]] = {}
        for kind in KINDS:
            setattr(self, f"create_{kind}", partial(self._note, kind, getattr(self, f"create_{kind}")))

    def _note(self, kind: str, create: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        given = inspect.signature(create).bind(*args, **kwargs).arguments
        self.made[given["name"]] = (kind, given.get("unit", ""))
        return create(*args, **kwargs)


@pytest.fixture(scope="module")
def made() -> dict[str, tuple[str, str]]:
    """What the engine makes on a meter: name -> kind and unit."""
    meter = Listing()
    Meters(meter)
    measure_lost_spans(meter)
    return meter.made


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_is_the_engines(metric: Metric, made: dict[str, tuple[str, str]]) -> None:
    """It has the name, the kind and the unit that the engine gives it."""
    kind, unit = made[metric.name]
    assert (metric.kind, metric.unit) == (KINDS[kind], unit)


def test_no_metric_is_unknown(made: dict[str, tuple[str, str]]) -> None:
    """All that the engine measures is known here, so that a test asks for its panel."""
    assert {metric.name for metric in METRICS} == set(made)
