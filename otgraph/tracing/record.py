"""
The record of one root run and of all runs nested in it: an ordered list of facts that is written and not kept.

Rule: a fact gets its number and reaches every listener under one lock, so that all listeners hear the same facts in
the same order. Nothing else happens here: nobody waits, nobody raises.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import count
from threading import RLock
from typing import Any, Protocol

from otgraph.events import BlockTold, Fact, MessageTold, ToolTold
from otgraph.infos import RunInfo

__all__ = ["Listener", "Record"]


class Listener(Protocol):
    """Somebody to whom a record tells facts."""

    mask: int
    """The kinds of facts it wants."""
    reads: int
    """Those of them of which it wants all that they can tell of the run's state."""
    watches_spans: bool
    """Whether it wants to see spans as plain data."""
    crowded: bool
    """Whether it asks the run to wait because it cannot keep up."""

    @property
    def flooded(self) -> bool:
        """Whether it asked in vain, and has ten times as much before it as it has room for."""

    def hear(self, fact: Fact) -> bool:
        """
        Take a fact, and say whether it is `crowded`.

        Called under the record's lock, so it must only put it somewhere.
        """

    def meet(self, run: RunInfo) -> None:
        """Learn of a run that was going on already when the listener came."""

    def end(self) -> None:
        """Learn that there will be nothing more."""


class Record:
    """See the module."""

    __slots__ = (
        "_called_back",
        "_listeners",
        "_lock",
        "_relief",
        "bridged",
        "closed",
        "context",
        "crowded",
        "cut_off",
        "mask",
        "meters",
        "numbers",
        "reads",
        "runs",
        "seq",
        "spans",
    )

    def __init__(self) -> None:
        # Reentrant: the garbage collector may close a stream of the same run in the middle of a fact.
        self._lock = RLock()
        self._called_back = False
        self._listeners: tuple[Listener, ...] = ()
        self._relief: list[Callable[[], None]] = []
        self.numbers = count(1)
        """Gives each fact its number; taking one is a single step, so a fact that nobody hears needs no lock."""
        self.seq = 0
        """The number of the newest fact that anybody heard."""
        self.mask = 0
        """The kinds of facts that anybody wants."""
        self.reads = 0
        """Those that are to tell of the run's state; see `Fact.load`."""
        self.spans = False
        """Whether anybody watches spans."""
        self.bridged = False
        """Whether model clients that are called in nodes are to find the run."""
        self.crowded = False
        """Whether somebody asks the run to wait because it cannot keep up."""
        self.runs: list[RunInfo] = []
        """The runs that are going on, the root run first."""
        self.context: Any = None
        """The OpenTelemetry context that the run was begun in, with this record in it."""
        self.closed = False
        self.cut_off = False
        """Whether a run is stopped in the middle, maybe by the garbage collector in the middle of anything."""
        self.meters: Any = None
        """The instruments that all that goes on here is measured with, a `Meters`; None where nobody measures."""

    def append(self, fact: Fact) -> int:
        """Number a fact, tell it to those who want it, and return its number."""
        with self._lock:
            fact.seq = seq = self.seq = next(self.numbers)
            for listener in self._listeners:
                if listener.mask & fact.kind and listener.hear(fact):
                    self.crowded = True
        return seq

    def note(self, fact: Fact) -> None:
        """Tell of something that is no part of the run's own record: it bears the number of what came before."""
        with self._lock:
            fact.seq = self.seq
            for listener in self._listeners:
                if listener.mask & fact.kind and listener.hear(fact):
                    self.crowded = True

    def close(self) -> None:
        """Tell all listeners that there will be nothing more."""
        with self._lock:
            self.closed = True
            for listener in self._listeners:
                listener.end()

    def desert(self) -> None:
        """Forget everybody, in a process that was forked inside the run: it goes on elsewhere."""
        # A thread of the parent may have held the lock.
        self._lock = RLock()
        self._listeners, self._relief = (), []
        self._note_wishes()
        self.crowded, self.closed = False, True

    # ---- who listens

    def subscribe(self, listener: Listener) -> None:
        """Tell `listener` all facts from now on, after introducing the runs that are going on."""
        with self._lock:
            self._listeners = (*self._listeners, listener)
            self._note_wishes()
            # From here on nothing is said unheard, so what they show of themselves now is where it begins.
            for run in self.runs:
                listener.meet(run)

    def unsubscribe(self, listener: Listener) -> None:
        """Tell `listener` nothing more."""
        self.retire((listener,))
        self.relieve()

    def retire(self, listeners: Collection[Listener], *, numbered: bool = False) -> int:
        """
        Tell some listeners nothing more.

        Args:
            numbered: whether that is part of the record: return its number there then, else 0.
        """
        with self._lock:
            self._listeners = tuple([other for other in self._listeners if other not in listeners])
            self._note_wishes()
            return next(self.numbers) if numbered else 0

    def call_back(self) -> None:
        """Let model clients find the run whether somebody listens or not."""
        self._called_back = self.bridged = True

    def _note_wishes(self) -> None:
        mask, reads, spans = 0, 0, False
        for listener in self._listeners:
            mask |= listener.mask
            reads |= listener.reads
            spans = spans or listener.watches_spans
        self.mask, self.reads, self.spans = mask, reads, spans
        self.bridged = self._called_back or mask & (MessageTold.kind | BlockTold.kind | ToolTold.kind) != 0

    @property
    def flooded(self) -> bool:
        """Whether some listener asked the run to wait and was not heard."""
        return any(listener.flooded for listener in self._listeners)

    # ---- waiting for those who cannot keep up; the waiting itself is done elsewhere

    def when_relieved(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, from any thread, when the record is no longer crowded; at once if it is not."""
        with self._lock:
            if self.crowded:
                self._relief.append(callback)
                return
        callback()

    def relieve(self) -> None:
        """Look again whether anybody is behind, and wake those who wait if nobody is."""
        if not self.crowded:
            # Nobody waits then.
            return
        with self._lock:
            self.crowded = any(listener.crowded for listener in self._listeners)
            if self.crowded:
                return
            waiting, self._relief = self._relief, []
        for callback in waiting:
            callback()
