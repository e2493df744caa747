"""
What measurements have in common: the sets of attributes they bear, and the context they are recorded in.

Rule: attributes are of low cardinality: names of graphs and nodes, outcomes, classes; never an id. A set is made once
and used again, because making it costs as much as a tenth of recording.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry import metrics
from opentelemetry.context import Context

from otgraph.infos import RunInfo
from otgraph.tracing.place import SPAN_KEY, Place
from otgraph.tracing.span import Span

__all__ = ["LabelSets", "context_in", "labels_of", "length_of", "seconds"]

MOST: Final = 4096
"""How many sets are kept: a program that makes up names as it goes must not fill the memory."""


class LabelSets(dict[tuple[str | None, ...], dict[str, str]]):
    """
    Values -> the set of attributes; a set is made where it is first asked for, and None is left out of it.

    Args:
        keys: the attributes, in the order of the values.
    """

    def __init__(self, *keys: str) -> None:
        super().__init__()
        self._keys = keys

    def __missing__(self, values: tuple[str | None, ...]) -> dict[str, str]:
        if len(self) >= MOST:
            self.clear()
        pairs = zip(self._keys, values, strict=True)
        self[values] = made = {key: value for key, value in pairs if value is not None}
        return made


def labels_of(told: Mapping[str, Any], wanted: tuple[str, ...]) -> dict[str, Any]:
    """Return those of a span's attributes that are wanted."""
    return {key: told[key] for key in wanted if key in told}


def context_in(run: RunInfo, span: Span) -> Context:
    """
    Return the context for what is measured of a span of a run, so that an exemplar names it.

    A span that is exported nowhere is not named: nobody would find it.
    """
    place: Place = run.place
    return Context({**place.context, SPAN_KEY: span}) if place.exports else place.context


def length_of(span: Span) -> float:
    """Return the seconds that a span took, which has ended."""
    return ((span._end_time or span._start_time) - span._start_time) / 1e9


def seconds(meter: metrics.Meter, name: str, bounds: list[float], what: str) -> Any:
    """Return a histogram of seconds."""
    return meter.create_histogram(name, "s", what, explicit_bucket_boundaries_advisory=bounds)
