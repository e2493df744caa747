"""
Spans that did not arrive: counted in a metric, and logged once per cause.

Rule: a loss is never silent and never raises.
"""

from __future__ import annotations

import logging
from threading import Lock
from typing import Any, Final

from opentelemetry import metrics

from otgraph.tracing import names

__all__ = ["Losses"]

SCOPE: Final = "otgraph_exporters"
"""Of the metric: otgraph counts under its own name what its own batch processor loses."""

logger = logging.getLogger(__name__)


class Losses:
    """
    What one exporter has lost.

    Args:
        what: who lost it, as the log calls it.
    """

    def __init__(self, what: str) -> None:
        self.count = 0
        self._what = what
        self._logged: set[str] = set()
        self._lock = Lock()

    def add(self, spans: int, reason: str, why: str = "") -> None:
        """Count lost spans; log it, unless this reason was logged since things last went well."""
        if not spans:
            return
        with self._lock:
            self.count += spans
        self.warn(reason, f"spans are lost ({why or reason}); runs go on, and each lost span is counted")
        try:
            _counter().add(spans, {names.LOST_REASON: reason})
        except Exception:
            logger.debug("the metric of lost spans failed", exc_info=True)

    def warn(self, reason: str, message: str) -> None:
        """Log `message`, once for each reason."""
        with self._lock:
            first = reason not in self._logged
            self._logged.add(reason)
        if first:
            logger.error("%s: %s", self._what, message)

    def recover(self, reason: str) -> None:
        """Say that what was warned of is over, if it was."""
        with self._lock:
            known = reason in self._logged
            self._logged.discard(reason)
        if known:
            logger.warning("%s: written again; %d spans were lost so far", self._what, self.count)

    def renew(self) -> None:
        """Begin anew in a process that was forked."""
        self.count = 0
        self._lock = Lock()


_made: dict[str, Any] = {}


def _counter() -> Any:
    provider = metrics.get_meter_provider()
    if _made.get("provider") is not provider:
        meter = provider.get_meter(SCOPE)
        _made["counter"] = meter.create_counter(
            names.SPANS_LOST, "{span}", "Spans that did not reach where they were to go."
        )
        _made["provider"] = provider
    return _made["counter"]
