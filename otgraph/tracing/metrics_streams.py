"""
StreamMeters: metrics of subscribers: how far behind they are, and what they miss.

Rule: nothing is recorded for each chunk. A subscriber's lag is the longest of those of a moment, and what it missed is
added up until it next takes something.
"""

from __future__ import annotations

from time import time_ns
from typing import Final

from opentelemetry import metrics

from otgraph.infos import RunInfo
from otgraph.tracing import names
from otgraph.tracing.distribution import NOWHERE, Distribution
from otgraph.tracing.faults import faults
from otgraph.tracing.labels import LabelSets
from otgraph.tracing.late import Late

__all__ = ["StreamMeters", "SubscriberMeter"]

LAG_SECONDS: Final = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
]  # fmt: skip
"""From a consumer that waits for chunks to one that has stopped reading."""

MOMENT: Final = 10_000_000
"""Nanoseconds of which only the longest lag is recorded."""


class StreamMeters:
    """
    See the module.

    Args:
        meter: makes the instruments.
        late: takes what is to be measured at the end of a stream.
    """

    __slots__ = ("dropped", "labels", "lag", "late")

    def __init__(self, meter: metrics.Meter, late: Late) -> None:
        what = "From when something enters a subscriber's queue until it is taken."
        self.lag = Distribution(meter, names.STREAM_LAG, "s", what, LAG_SECONDS, names.WORKFLOW)
        self.dropped = meter.create_counter(
            names.STREAM_DROPPED, "{chunk}", "What subscribers missed because they were behind."
        )
        self.labels = LabelSets(names.WORKFLOW, names.STREAM_POLICY)
        self.late = late


class SubscriberMeter:
    """
    What is measured of one subscriber.

    Args:
        meters: the instruments.
        policy: of its buffer.
    """

    __slots__ = ("_due", "_longest", "_meters", "_policy", "_told")

    def __init__(self, meters: StreamMeters, policy: str) -> None:
        self._meters = meters
        self._policy = policy
        self._due = 0
        self._longest = 0
        self._told = 0

    def taking(self, run: RunInfo, since: int, dropped: int) -> None:
        """
        Note that the subscriber takes what has come first.

        Args:
            run: the run that it watches.
            since: when that came, in nanoseconds since 1970; 0 where nobody knows.
            dropped: how much it has missed so far.
        """
        now = time_ns()
        if since and now - since > self._longest:
            self._longest = now - since
        if now >= self._due:
            self._due = now + MOMENT
            self._measure(run, now, dropped)

    def leave(self, run: RunInfo | None, dropped: int) -> None:
        """Note that the subscriber takes nothing more."""
        if run is not None and (self._longest or dropped > self._told):
            self._meters.late.put(self._measure, run, time_ns(), dropped)

    def _measure(self, run: RunInfo, now: int, dropped: int) -> None:
        try:
            longest, self._longest = self._longest, 0
            if longest:
                self._meters.lag.record(longest / 1e9, (run.name,), now, run, run.span)
            more, self._told = dropped - self._told, dropped
            if more > 0:
                self._meters.dropped.add(more, self._meters.labels[run.name, self._policy], NOWHERE)
        except Exception as error:
            faults.count(error, "metrics")
