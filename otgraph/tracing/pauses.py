"""
Pauses: the runs that stopped for a human, as far as this process knows.

Rule: a thread has one pause at most, which any later run on it ends. What happens to a thread in another process, and
its deletion, are not seen here; so the age of the oldest pause is only as true as this process is alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import time
from typing import Any, Final

from opentelemetry import metrics

from otgraph.infos import RunInfo
from otgraph.tracing import names

__all__ = ["Pauses"]

MOST: Final = 10_000
"""How many are kept; a pause that finds no room is not among the oldest anyway."""


class Pauses:
    """
    See the module.

    Args:
        meter: is told the age of the oldest one whenever measurements are collected.
    """

    __slots__ = ("_since",)

    def __init__(self, meter: metrics.Meter) -> None:
        self._since: dict[tuple[str, str | None], float] = {}
        """(graph, thread) -> when it stopped, in seconds since 1970."""
        meter.create_observable_gauge(
            names.OLDEST_PAUSE,
            [self._observe],
            "s",
            "Age of the oldest pause that this process knows of and has not seen the end of.",
        )

    def begin(self, run: RunInfo) -> None:
        """Note that a run has stopped."""
        if len(self._since) < MOST:
            self._since[run.name, run.thread] = time()

    def end(self, run: RunInfo) -> None:
        """Note that a run begins on a thread."""
        if self._since:
            self._since.pop((run.name, run.thread), None)

    def _observe(self, options: Any) -> Iterator[metrics.Observation]:
        oldest: dict[str, float] = {}
        # A copy is made in one step; runs come and go meanwhile.
        for (workflow, _), since in self._since.copy().items():
            oldest[workflow] = min(since, oldest.get(workflow, since))
        now = time()
        for workflow, since in oldest.items():
            yield metrics.Observation(max(0.0, now - since), {names.WORKFLOW: workflow})
