"""
The sweeper: a thread that deletes, from time to time, the items whose time is over.

Rule: it keeps no store alive and outlives nobody; a sweep that fails is logged and the next one tried.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from threading import Event, Thread
from weakref import WeakMethod

__all__ = ["Sweeper"]

logger = logging.getLogger(__name__)


class Sweeper:
    """
    Calls a method until told to stop, or until its object is gone.

    Args:
        sweep: the method.
        interval: seconds between two calls.
    """

    def __init__(self, sweep: Callable[[], int], interval: float) -> None:
        self._sweep = WeakMethod(sweep)
        self._interval = interval
        self._stopped = Event()
        self.future: Future[None] = Future()
        """Done when the sweeper has stopped; cancel it to stop the sweeper."""
        self.future.add_done_callback(lambda _: self._stopped.set())
        self._thread = Thread(target=self._work, name="otgraph-ttl-sweeper", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it will sweep again."""
        return self._thread.is_alive() and not self._stopped.is_set()

    def stop(self, timeout: float | None) -> bool:
        """Have it stop, wait for that so many seconds, and return whether it did."""
        self._stopped.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while not self._stopped.wait(self._interval) and self._sweep_once():
            pass
        with suppress(InvalidStateError):
            self.future.set_result(None)

    def _sweep_once(self) -> bool:
        sweep = self._sweep()
        if sweep is None:
            return False
        try:
            sweep()
        except Exception:
            logger.exception("a sweep of expired items failed; the next is in %s s", self._interval)
        return True
