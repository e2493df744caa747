"""
One subscriber of a record: a bounded queue of facts, and the projection that makes chunks of them.

Rule: the queue has a size and a policy. Taking a fact in never waits; whoever must wait or fail for it does so
afterwards, by asking `crowded` and `overflowed`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from otgraph.errors import StreamOverflowError
from otgraph.events import Fact, RunEnded, RunStarted, StepApplied, snapshot
from otgraph.infos import RunInfo
from otgraph.stream.envelope import Envelope
from otgraph.stream.modes import States, project
from otgraph.stream.part import Part

__all__ = ["Buffer", "Subscription", "View"]

BATCH = 64
"""How many facts are made into chunks before the run may go on."""

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


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class View:
    """What a subscriber wants to see."""

    modes: tuple[str, ...]
    envelope: Envelope
    subgraphs: bool = False
    buffer: Buffer = Buffer()

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
        "_relieve",
        "_root",
        "_size",
        "_states",
        "_table",
        "_told",
        "_wrap",
        "blocks",
        "crowded",
        "dropped",
        "mask",
        "overflowed",
        "queue",
        "view",
        "wake",
        "watches_spans",
    )

    def __init__(self, view: View, root: RunInfo | None = None) -> None:
        self.view = view
        self._root = root
        self._deep = view.subgraphs
        self._table = project(view.modes)
        self._states = States()
        self._wrap = view.envelope
        self._size = view.buffer.size
        self.queue: deque[Fact] = deque()
        """What has been heard and not yet taken."""
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
        self._told = 0
        self.dropped = 0
        """How many entries the policy `drop_oldest` has dropped."""
        self.wake: Callable[[], None] | None = None
        """Called once, from any thread, when something is there; set by whoever waits."""

    def __len__(self) -> int:
        return len(self.queue)

    @property
    def flooded(self) -> bool:
        """Whether it asked the run to wait and has ten times as much before it as it has room for."""
        return self.crowded and len(self.queue) >= 10 * self._size

    # ---- the record's side, under its lock

    def hear(self, fact: Fact) -> None:
        """Put a fact into the queue, if it concerns this subscriber."""
        run = fact.run
        if run is not self._root and not self._concerns(run):
            return
        queue = self.queue
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

    def end(self) -> None:
        """Wake whoever waits: there will be nothing more."""
        wake = self.wake
        if wake is not None:
            self.wake = None
            wake()

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
        elif len(self.queue) > self._size:
            self._states_before_drop(self.queue.popleft())
            self.dropped += 1

    def _states_before_drop(self, fact: Fact) -> None:
        # A dropped entry is not shown, but the state it carried must not be lost for those that follow.
        if isinstance(fact, StepApplied):
            self._states.apply(fact)
        elif isinstance(fact, RunStarted):
            self._states.begin(fact.run, fact.values or {})

    # ---- the subscriber's side

    def take(self) -> list[Any]:
        """
        Return the chunks of the oldest facts that are there, `BATCH` facts at most.

        Raises:
            StreamOverflowError: the policy is `error` and the subscriber fell behind.
        """
        queue, table, states, wrap = self.queue, self._table, self._states, self._wrap
        chunks: list[Any] = []
        if self.overflowed:
            raise StreamOverflowError(
                f"the subscriber fell more than {self._size} entries behind the run; read faster, "
                "give stream(buffer=Buffer(size=…)) more room, or choose the policy 'block' or 'drop_oldest'"
            )
        for _ in range(min(len(queue), BATCH)):
            fact = queue.popleft()
            for mode, function in table.get(type(fact), ()):
                for payload in function(fact, states):
                    chunks.append(wrap(fact, mode, payload))
            if type(fact) is RunEnded:
                states.end(fact.run)
        if self.dropped > self._told:
            self._mark_gap(chunks)
        if self.crowded and len(queue) <= self._size >> 1:
            self.relax()
        return chunks

    def _mark_gap(self, chunks: list[Any]) -> None:
        """Say on the first chunk after a gap how many entries are missing before it, where a chunk can say that."""
        if chunks:
            if isinstance(chunks[0], Part):
                chunks[0].dropped = self.dropped - self._told
            self._told = self.dropped

    def relax(self) -> None:
        """Let the run go on."""
        self.crowded = False
        if self._relieve is not None:
            self._relieve()

    def on_relief(self, relieve: Callable[[], None]) -> None:
        """Have `relieve` called whenever there is room again."""
        self._relieve = relieve
