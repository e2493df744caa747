"""
The few shapes of PromQL that the dashboards and rules are made of.

Rule: a series that is new counts from zero. Prometheus' own `increase` starts at the first sample that it has, so the
first error of a process, or all that a short one did, would be missing. `counted` takes a series that did not exist in
the hour before the window as what it has grown to; any other as its `increase`. Without traffic there is a zero or
nothing, never a NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import indent
from typing import Final

from otgraph_dashboards.metrics import Metric, label

__all__ = [
    "RANGE",
    "RATE",
    "by",
    "counted",
    "last_known",
    "mean",
    "per_minute",
    "quantile",
    "ratio",
    "select",
    "total",
]

RANGE: Final = "$__range"
"""The time range of the dashboard."""
RATE: Final = "$__rate_interval"
"""A window in which Prometheus has several samples."""

MEMORY: Final = "7d"
"""How long what a process said counts after its end, where that outlives it."""


def select(patterns: Mapping[str, str]) -> str:
    """Return matchers of attributes: `name="value"`; a value that starts with `=~`, `!=` or `!~` keeps that."""
    return ", ".join(_matcher(label(attribute), pattern) for attribute, pattern in patterns.items())


def _matcher(name: str, pattern: str) -> str:
    for operator in ("=~", "!=", "!~"):
        if pattern.startswith(operator):
            return f'{name}{operator}"{pattern[2:]}"'
    return f'{name}="{pattern}"'


def counted(series: str, matchers: str, window: str) -> str:
    """Return how much each series has grown in the window."""
    chosen = f"{series}{{{matchers}}}" if matchers else series
    new = f"max_over_time({chosen}[{window}])\nunless present_over_time({chosen}[1h] offset {window})"
    return f"{new}\nor increase({chosen}[{window}])"


def by(expression: str, *attributes: str, operator: str = "sum") -> str:
    """Return the sum of `expression`, for each value of the attributes, or of the labels, if any are named."""
    kept = ", ".join(label(attribute) for attribute in attributes)
    grouping = f" by ({kept})" if kept else ""
    return f"{operator}{grouping} (\n{indent(expression, '  ')}\n)"


def last_known(metric: Metric, matchers: str) -> str:
    """Return what each process said last of a gauge that outlives it."""
    return f"last_over_time({metric.series}{{{matchers}}}[{MEMORY}])"


def total(expression: str) -> str:
    """Return the sum of `expression` over all series, zero where there is none."""
    return f"{by(expression)} or vector(0)"


def per_minute(expression: str) -> str:
    """Return what was counted in a `RATE` window as a number per minute."""
    return f"{expression} * 60000 / {RATE}_ms"


def ratio(part: str, whole: str) -> str:
    """Return `part` of `whole`, zero where there was no part, and nothing where there was no whole."""
    return f"({part} or {whole} * 0)\n/ ({whole} > 0)"


def mean(metric: Metric, matchers: str, window: str, *attributes: str) -> str:
    """Return the mean of what a histogram measured, and nothing where it measured nothing."""
    measured = by(counted(metric.sum, matchers, window), *attributes)
    times = by(counted(metric.count, matchers, window), *attributes)
    return f"{measured}\n/ ({times} > 0)"


def quantile(rank: float, metric: Metric, matchers: str, window: str, *attributes: str) -> str:
    """Return a quantile of what a histogram measured, and nothing where it measured nothing."""
    buckets = by(counted(metric.bucket, matchers, window), "le", *attributes)
    return f"histogram_quantile({rank:g}, {buckets}) >= 0"
