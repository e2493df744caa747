"""
Faults of user-given telemetry code: processors, exporters, hooks.

Rule: a fault is swallowed, counted, and logged the first time it is met; the run never hears of it.
"""

from __future__ import annotations

import logging
from collections import Counter
from threading import Lock
from typing import Final

__all__ = ["Faults", "faults"]

logger = logging.getLogger(__name__)


class Faults:
    """How often user-given telemetry code failed, by the place where it did."""

    __slots__ = ("_lock", "_logged", "counts")

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._logged: set[tuple[str, type[BaseException]]] = set()
        self._lock = Lock()

    def count(self, error: BaseException, where: str) -> None:
        """Count `error`; log it unless one of its type was logged for `where` already."""
        met = (where, type(error))
        with self._lock:
            self.counts[where] += 1
            first = met not in self._logged
            self._logged.add(met)
        if first:
            logger.error(
                "%s failed; the run goes on, further failures are only counted", where, exc_info=error
            )


faults: Final = Faults()
"""The counts of this process."""
