"""
Spans that do not reach the backend.

Rule: each is counted once, by reason, and the first of each reason is logged; what a run does never depends on it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from threading import Lock
from typing import Any, Final, Literal, TypeAlias

from otgraph.tracing import names

__all__ = ["LostSpans", "Reason", "lost_spans", "measure_lost_spans"]

logger = logging.getLogger(__name__)

Reason: TypeAlias = Literal["queue_full", "export_failed", "shutdown"]

WORDS: Final[dict[Reason, str]] = {
    "queue_full": "the queue of spans is full, so the oldest are dropped: the backend is too slow or away "
    "(OTEL_BSP_MAX_QUEUE_SIZE makes the queue longer)",
    "export_failed": "the exporter gave up on spans: the backend is away, refuses them or does not answer",
    "shutdown": "telemetry is shut down with spans that were not exported",
}


class LostSpans:
    """How many spans did not arrive, as far as their exporters know."""

    __slots__ = ("_lock", "_logged", "counts")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew, as a forked process does."""
        self.counts: Counter[Reason] = Counter()
        """Reason -> number of spans, since the process began."""
        self._logged: set[Reason] = set()
        self._lock = Lock()

    def count(self, reason: Reason, spans: int = 1) -> None:
        """Count spans that are lost, and say so the first time."""
        with self._lock:
            self.counts[reason] += spans
            first = reason not in self._logged
            self._logged.add(reason)
        if first:
            logger.warning("Spans are lost: %s. Runs go on; further losses are only counted", WORDS[reason])

    def arrive(self) -> None:
        """Take note that an export worked; say so where one had failed."""
        if "export_failed" in self._logged:
            with self._lock:
                self._logged.discard("export_failed")
                lost = self.counts["export_failed"] + self.counts["queue_full"]
            logger.warning("Spans arrive again; %d were lost so far", lost)


lost_spans: Final = LostSpans()
"""The counts of this process."""


def measure_lost_spans(meter: Any) -> None:
    """Let `meter` observe how many spans are lost, now and whenever it is asked."""
    from opentelemetry.metrics import CallbackOptions, Observation

    def observe(options: CallbackOptions) -> Iterator[Observation]:
        for reason, spans in list(lost_spans.counts.items()):
            yield Observation(spans, {names.LOST_REASON: reason})

    meter.create_observable_counter(
        names.SPANS_LOST, [observe], "{span}", "Spans that did not reach the backend"
    )
