"""
Gap: what a subscriber that was behind has missed.

Rule: a fact that was dropped is not shown, but the state that it carried is kept for those that follow. A gap is as
large as that state, however long it is.
"""

from __future__ import annotations

from typing import Any

from otgraph.events import Fact, RunEnded, RunStarted, StepApplied
from otgraph.infos import RunInfo
from otgraph.stream.modes import States

__all__ = ["Gap"]


class Gap:
    """Facts one after another that were dropped."""

    __slots__ = ("_applied", "_begun", "_ended", "count")

    def __init__(self) -> None:
        self.count = 0
        """How many they are."""
        self._begun: dict[RunInfo, dict[str, Any]] = {}
        """Runs that began in it -> their state at its end."""
        self._applied: dict[RunInfo, dict[str, Any]] = {}
        """Runs that go on from before -> what changed in it."""
        self._ended: list[RunInfo] = []
        """Runs from before that ended in it."""

    def add(self, fact: Fact) -> None:
        """Take one more fact."""
        self.count += 1
        run = fact.run
        if isinstance(fact, StepApplied):
            changes = self._begun.get(run)
            if changes is None:
                changes = self._applied.setdefault(run, {})
            changes.update(fact.values or {})
        elif isinstance(fact, RunStarted):
            self._begun[run] = dict(fact.values or {})
        elif isinstance(fact, RunEnded):
            self._applied.pop(run, None)
            if self._begun.pop(run, None) is None:
                self._ended.append(run)

    def close(self, states: States) -> None:
        """Bring the states of all runs to where they are at its end."""
        for run, values in self._begun.items():
            states.begin(run, {})
            states.change(run, values)
        for run, changes in self._applied.items():
            states.change(run, changes)
        for run in self._ended:
            states.end(run)
