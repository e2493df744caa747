"""
Saves: what a run on threads hands over to be saved while it goes on; `async_saves.py` has the twin.

Rule: saved in the order it was handed over, one after the other; what a run inside another hands over comes after what
it follows from. A run that is too far ahead of its saver waits. After the first failure nothing more is saved, and the
run learns of it when it next hands something over, at the latest at its end.
"""

from __future__ import annotations

import logging
from collections import deque
from threading import Condition
from typing import Any

from otgraph.drivers.storage import perform, stamp
from otgraph.drivers.workers import workers
from otgraph.engine.effects import Failure, Flush, SaveCheckpoint, SaveWrites
from otgraph.errors import RunEndedError
from otgraph.tracing.record import Record

__all__ = ["MOST", "SAVES", "Saves", "is_prompt", "note_loss"]

logger = logging.getLogger("otgraph")

SAVES = (SaveCheckpoint, SaveWrites, Flush)
"""The effects that are performed before anything is shown."""


MOST = 64
"""How much may be left to save before a run waits, until no more than half of that is left."""


def is_prompt(saver: Any) -> bool:
    """Say whether a saver's work is too short to be worth another thread; that of a subclass may be longer."""
    return bool(vars(type(saver)).get("prompt", False))


def note_loss(failure: Failure | None) -> None:
    """Say what could not be saved of a run that nobody waits for any more."""
    if failure is not None:
        logger.warning("Not everything of a run that was given up could be saved: %r", failure.error)


class Saves:
    """
    For a driver on threads: a worker saves what is handed over, for as long as there is something.

    Args:
        above: what was handed over by the run around, of either colour.
        record: that of the run.
    """

    def __init__(self, above: Any, record: Record) -> None:
        self._record = record
        if above is not None:
            above.settle()
        self._left: deque[SaveCheckpoint | SaveWrites] = deque()
        self._changed = Condition()
        self._busy = False
        self._failure: Failure | None = None

    def perform(self, effect: SaveCheckpoint | SaveWrites | Flush) -> Any:
        """Perform an effect, or take it over; return the reply."""
        if type(effect) is Flush:
            return self.flush()
        assert isinstance(effect, (SaveCheckpoint, SaveWrites))
        id = stamp(effect) if type(effect) is SaveCheckpoint else None  # noqa: A001
        if self._failure is not None:
            return self._failure
        if effect.wait or is_prompt(effect.saver):
            reply = self.flush() if self._busy else None
            return (perform(effect, self._record) if reply is None else reply) or id
        with self._changed:
            if len(self._left) >= MOST:
                self._changed.wait_for(lambda: len(self._left) <= MOST // 2)
                if self._failure is not None:
                    return self._failure
            self._left.append(effect)
            idle, self._busy = not self._busy, True
        if idle:
            workers.submit((self._work,))
        return id

    def flush(self) -> Failure | None:
        """Wait until all is saved; return what went wrong."""
        if self._busy:
            with self._changed:
                self._changed.wait_for(lambda: not self._busy)
        return self._failure

    def settle(self) -> None:
        """Wait until all is saved; what went wrong is the business of the run that it is of."""
        self.flush()

    def desert(self) -> None:
        """Save nothing more, in a process that was forked inside the run: run and worker are the parent's."""
        self._changed = Condition()
        self._left = deque()
        self._busy = False
        self._failure = Failure(
            RunEndedError(
                "the run goes on in the process that this one was forked from, so it cannot go on here"
            )
        )

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._left or self._failure is not None:
                    self._left.clear()
                    self._busy = False
                    self._changed.notify_all()
                    return
                effect = self._left.popleft()
                if len(self._left) == MOST // 2:
                    self._changed.notify_all()
            reply = perform(effect, self._record)
            if isinstance(reply, Failure):
                self._failure = reply
