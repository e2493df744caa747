"""
What a forked process must not share with its parent: connections of exporters, and measurements.

Rule: nothing of the parent is exported again by its child, and no connection is used by both.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from copy import copy
from threading import Lock, RLock
from typing import Any

from otgraph.tracing.faults import faults

__all__ = ["Renewed", "forget_measurements"]


class Renewed:
    """
    An exporter that is made anew in each forked process.

    Args:
        make: makes it; called at once, and in a child when it exports for the first time.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self.made = make()
        """The one of this process, once it has exported."""
        self._pid = os.getpid()
        self._inherited: list[Any] = []
        """Those of parents: closing them, as garbage collection would, is not for a child to do."""

    def _current(self) -> Any:
        if self._pid != os.getpid():
            self._inherited.append(self.made)
            self.made = self._make()
            self._pid = os.getpid()
        return self.made

    def __getattr__(self, name: str) -> Any:
        return getattr(self._current(), name)


def forget_measurements(provider: Any) -> None:
    """
    Let the metrics of a provider of the SDK begin at nothing, in a child that has just been forked.

    What the parent measured before would be exported by both, and a sum over processes would count it twice. The
    SDK has no call for that, and keeps locks that a thread of the parent may have held.
    """
    try:
        consumer = provider._measurement_consumer
        consumer._lock = Lock()
        storages = {}
        for reader, storage in consumer._reader_storages.items():
            if hasattr(reader, "_export_lock"):
                reader._export_lock = Lock()
            storages[reader] = fresh = copy(storage)
            fresh._lock = RLock()
            fresh._instrument_view_instrument_matches = {}
        consumer._reader_storages = storages
    except Exception as error:
        faults.count(error, "metrics after a fork")
