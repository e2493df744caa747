"""
Distribution: a histogram, recorded to in every superstep.

Rule: what is recorded is what the histogram's own `record` would be given, in the context of the span it is of; there
is only less of a detour to it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from opentelemetry import metrics
from opentelemetry.context import Context

from otgraph.infos import RunInfo
from otgraph.tracing.labels import LabelSets
from otgraph.tracing.place import SPAN_KEY, Place
from otgraph.tracing.span import Span

__all__ = ["NOWHERE", "Distribution", "context_in", "length_of", "recorder", "seconds"]

PAUSE: Final = 100_000_000
"""Nanoseconds for which a bucket has an exemplar that is new enough."""

NOWHERE: Final = Context({"otgraph.measured": True})
"""A context with no span in it; an empty one would stand for the current one."""

EXAMPLE: Final = {"a": "b"}

Record: TypeAlias = Callable[[float, int, Mapping[str, Any], Context], None]
"""Takes a value, the time in nanoseconds, attributes and context."""


def context_in(run: RunInfo, span: Span) -> Context:
    """
    Return the context for what is measured of a span of a run, so that an exemplar names it.

    A span that is exported nowhere is not named: nobody would find it.
    """
    place: Place = run.place
    return Context({**place.context, SPAN_KEY: span}) if place.exports else place.context


class Distribution:
    """
    See the module.

    A bucket keeps one exemplar, the last, until it is exported, and to offer it one costs a third of all recording. So
    it is offered one only if it has not been offered one lately.

    Args:
        meter: makes the histogram.
        name: of the metric; `unit` and `what` are its unit and description.
        bounds: between the buckets.
        keys: the attributes.
    """

    __slots__ = ("_bounds", "_record", "_sets")

    def __init__(
        self, meter: metrics.Meter, name: str, unit: str, what: str, bounds: Sequence[float], *keys: str
    ) -> None:
        self._record = recorder(
            meter.create_histogram(name, unit, what, explicit_bucket_boundaries_advisory=bounds)
        )
        self._bounds = bounds
        self._sets = LabelSets(*keys, buckets=len(bounds) + 1)

    def record(self, value: float, labels: tuple[str | None, ...], at: int, run: Any, span: Any) -> None:
        """
        Record a value.

        Args:
            labels: the values of the attributes.
            at: when, in nanoseconds since 1970.
            run: in which it was measured; None for outside of any, and then there is no span.
            span: of what it was measured.
        """
        bears, context = self._sets[labels], NOWHERE
        if value < 0:
            # The clock was set back.
            value = 0.0
        if span is not None and span.exported:
            bucket = bisect_left(self._bounds, value)
            if at >= bears.due[bucket]:
                bears.due[bucket] = at + PAUSE
                context = context_in(run, span)
        self._record(value, at, bears, context)


def recorder(instrument: Any) -> Record:
    """Return what records to a histogram, or adds to a counter."""
    try:
        fast = _fast_recorder(instrument)
    except Exception:
        # A release of the SDK that is built in another way, or not the SDK.
        fast = None
    return fast or _plain_recorder(instrument)


def _plain_recorder(instrument: Any) -> Record:
    record = instrument.add if hasattr(instrument, "add") else instrument.record

    def plain(value: float, at: int, labels: Mapping[str, Any], context: Context) -> None:
        record(value, labels, context)

    return plain


def _fast_recorder(instrument: Any) -> Record | None:
    """
    Return what does the same for one of the SDK's, without asking each time whether value and labels are valid.

    The SDK's `record` makes a `Measurement`, which checks and copies the attributes, and hands it on. Ours are made of
    strings, once. Where the installed release makes anything else of them, None is returned, or it raises.
    """
    from opentelemetry.sdk.metrics._internal.instrument import Histogram, UpDownCounter
    from opentelemetry.sdk.metrics._internal.measurement import Measurement

    if not isinstance(instrument, (Histogram, UpDownCounter)):
        return None
    enabled, new = instrument._is_enabled, object.__new__

    def handing_to(consume: Callable[[Any], object]) -> Record:
        def fast(value: float, at: int, labels: Mapping[str, Any], context: Context) -> None:
            if enabled():
                made = new(Measurement)
                made.__dict__.update(
                    value=value, time_unix_nano=at, instrument=instrument, context=context, attributes=labels
                )
                consume(made)

        return fast

    ours: list[Any] = []
    handing_to(ours.append)(1.0, 2, EXAMPLE, NOWHERE)
    theirs = Measurement(1.0, 2, instrument, NOWHERE, EXAMPLE)
    same = len(ours) == 1 and vars(ours[0]) == vars(theirs)
    return handing_to(instrument._measurement_consumer.consume_measurement) if same else None


def length_of(span: Span) -> float:
    """Return the seconds that a span took, which has ended."""
    return ((span._end_time or span._start_time) - span._start_time) / 1e9


def seconds(meter: metrics.Meter, name: str, bounds: Sequence[float], what: str) -> Any:
    """Return a plain histogram of seconds."""
    return meter.create_histogram(name, "s", what, explicit_bucket_boundaries_advisory=bounds)
