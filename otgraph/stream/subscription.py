"""
One subscriber of a record: a bounded queue of facts, and the projection that makes chunks of them.

Rule: the queue has a size and a policy. Taking a fact in never waits; whoever must wait or fail for it does so
afterwards, by asking `crowded` and `overflowed`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from otgraph.errors import StreamOverflowError
from otgraph.events import Fact, RunEnded, RunStarted, StepApplied, snapshot
from otgraph.infos import RunInfo
from otgraph.stream.envelope import Envelope
from otgraph.stream.modes import States, project

__all__ = ["Buffer", "Subscription", "View"]

LIVE = frozenset({"custom", "messages", "spans"})
"""Modes whose items are handed out while a node runs."""


@dataclass(frozen=True, slots=True)
class Buffer:
    """How far a subscriber may fall behind a run, and what happens then."""

    size: int = 1024
    """Entries of the record that wait at most."""
    policy: Literal["block", "drop_oldest", "error"] = "block"
    """The run waits; the oldest entries are dropped and counted; or the subscriber's iterator raises."""

    def __post_init__(self) -> None:
        if not isinstance(self.size, int) or self.size < 1:
            raise ValueError(f"buffer size must be a positive integer, not {self.size!r}")
        if self.policy not in ("block", "drop_oldest", "error"):
            raise ValueError(
                f"unknown buffer policy {self.policy!r}; expected 'block', 'drop_oldest' or 'error'"
            )


@dataclass(frozen=True, slots=True)
class View:
    """What a subscriber wants to see."""

    modes: tuple[str, ...]
    envelope: Envelope
    subgraphs: bool = False
    buffer: Buffer = Buffer()
    printed: tuple[str, ...] = ()
    """Modes whose payloads are printed as they are handed out."""

    @property
    def live(self) -> bool:
        """Whether chunks may come while a node runs."""
        return not LIVE.isdisjoint(self.modes) or self.subgraphs


class Subscription:
    """
    A listener of a record.

    Args:
        view: what to make of the facts.
        root: the run whose facts count, together with those of runs nested in it if the view has subgraphs;
            None for the root run of the record.
    """

    __slots__ = (
        "_deep",
        "_queue",
        "_relieve",
        "_root",
        "_size",
        "_states",
        "_table",
        "_wrap",
        "blocks",
        "crowded",
        "dropped",
        "mask",
        "overflowed",
        "view",
        "wake",
        "watches_spans",
    )

    def __init__(self, view: View, root: RunInfo | None = None) -> None:
        self.view = view
        self._root = root
        self._deep = view.subgraphs
        self._table = project({*view.modes, *view.printed})
        self._states = States()
        self._wrap = view.envelope
        self._size = view.buffer.size
        self._queue: deque[Fact] = deque()
        self._relieve: Callable[[], None] | None = None
        self.blocks = view.buffer.policy == "block"
        self.mask = 0
        for fact in self._table:
            self.mask |= fact.kind
        self.mask |= RunEnded.kind
        self.watches_spans = "spans" in view.modes
        self.crowded = False
        """Whether the run should wait for this subscriber."""
        self.overflowed = False
        """Whether the policy `error` has been broken."""
        self.dropped = 0
        """How many entries the policy `drop_oldest` has dropped."""
        self.wake: Callable[[], None] | None = None
        """Called once, from any thread, when something is there; set by whoever waits."""

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def flooded(self) -> bool:
        """Whether it asked the run to wait and has ten times as much before it as it has room for."""
        return self.crowded and len(self._queue) >= 10 * self._size

    # ---- the record's side, under its lock

    def hear(self, fact: Fact) -> None:
        """Put a fact into the queue, if it concerns this subscriber."""
        run = fact.run
        if run is not self._root and not self._concerns(run):
            return
        queue = self._queue
        queue.append(fact)
        if len(queue) >= self._size:
            self._full()
        wake = self.wake
        if wake is not None:
            self.wake = None
            wake()

    def meet(self, run: RunInfo) -> None:
        """Take the state of a run that was going on already."""
        self._states.begin(run, snapshot(run))
        if self._root is None:
            self._root = run

    def _concerns(self, run: RunInfo) -> bool:
        if self._root is None:
            self._root = run
            return True
        above: RunInfo | None = run.parent if self._deep else None
        while above is not None:
            if above is self._root:
                return True
            above = above.parent
        return False

    def _full(self) -> None:
        if self.blocks:
            self.crowded = True
        elif self.view.buffer.policy == "error":
            self.overflowed = True
        elif len(self._queue) > self._size:
            self._states_before_drop(self._queue.popleft())
            self.dropped += 1

    def _states_before_drop(self, fact: Fact) -> None:
        # A dropped entry is not shown, but the state it carried must not be lost for those that follow.
        if isinstance(fact, StepApplied):
            self._states.apply(fact)
        elif isinstance(fact, RunStarted):
            self._states.begin(fact.run, fact.values or {})

    # ---- the subscriber's side

    def drain(self) -> Iterator[Any]:
        """
        Yield the chunks of all facts that are there.

        Raises:
            StreamOverflowError: the policy is `error` and the subscriber fell behind.
        """
        queue, table, states, wrap = self._queue, self._table, self._states, self._wrap
        modes, printed = self.view.modes, self.view.printed
        modes, printed = self.view.modes, self.view.printed
        low = self._size >> 1
        while queue:
            if self.overflowed:
                raise StreamOverflowError(
                    f"the subscriber fell more than {self._size} entries behind the run; read faster, "
                    "give stream(buffer=Buffer(size=…)) more room, or choose the policy 'block' or 'drop_oldest'"
                )
            fact = queue.popleft()
            for mode, function in table.get(type(fact), ()):
                for payload in function(fact, states):
                    if printed and mode in printed:
                        _print(fact, mode, payload, self._deep)
                        if mode not in modes:
                            continue
                    yield wrap(fact, mode, payload)
            if type(fact) is RunEnded:
                states.end(fact.run)
            if self.crowded and len(queue) <= low:
                self.relax()
        if self.crowded:
            self.relax()

    def relax(self) -> None:
        """Let the run go on."""
        self.crowded = False
        if self._relieve is not None:
            self._relieve()

    def on_relief(self, relieve: Callable[[], None]) -> None:
        """Have `relieve` called whenever there is room again."""
        self._relieve = relieve


def _print(fact: Fact, mode: str, payload: Any, deep: bool) -> None:
    bold, yellow, plain = "\033[1m", "\033[1;30;33m", "\033[0m"
    where = f" {yellow}[graph={fact.run.ns}]{plain}" if deep and fact.run.ns else ""
    print(f"{bold}[{mode}]{plain}{where} {payload!r}")
