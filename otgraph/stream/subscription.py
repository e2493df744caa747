"""
One subscriber of a record: a bounded queue of facts, and the projection that makes chunks of them.

Rule: the queue has a size and a policy. Taking a fact in never waits; whoever must wait or fail for it does so
afterwards, by asking `crowded` and `overflowed`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Any

from otgraph.errors import StreamOverflowError
from otgraph.events import Fact, RunEnded, RunStarted, StepApplied, snapshot
from otgraph.infos import RunInfo
from otgraph.stream.gap import Gap
from otgraph.stream.modes import States
from otgraph.stream.part import Part
from otgraph.stream.view import View
from otgraph.tracing.metrics import Meters
from otgraph.tracing.metrics_streams import SubscriberMeter

__all__ = ["Subscription"]

BATCH = 64
"""How many facts are made into chunks before the run may go on."""


class Subscription:
    """
    A listener of a record.

    Args:
        view: what to make of the facts.
        root: the run whose facts count, together with those of runs nested in it if the view has subgraphs;
            None for the root run of the record.
        relieve: called whenever there is room again.
        meters: what its lag is measured with; None where nobody measures.
    """

    __slots__ = (
        "_deep",
        "_gap",
        "_lock",
        "_meter",
        "_relieve",
        "_root",
        "_shows",
        "_size",
        "_states",
        "_strangers",
        "_table",
        "_wrap",
        "blocks",
        "crowded",
        "dropped",
        "mask",
        "overflowed",
        "queue",
        "quiet_until",
        "reads",
        "view",
        "wake",
        "watches_spans",
    )

    def __init__(
        self,
        view: View,
        root: RunInfo | None = None,
        relieve: Callable[[], None] | None = None,
        meters: Meters | None = None,
    ) -> None:
        self.view = view
        self._root = root
        self._deep = view.subgraphs
        self._table, self._shows = view.table, view.shows
        self.mask, self.reads = view.mask, view.reads
        self._states = States()
        self._wrap = view.envelope
        self._size = view.buffer.size
        self.queue: deque[Fact] = deque()
        """What has been heard and not yet taken."""
        self._relieve = relieve
        self._meter = None if meters is None else SubscriberMeter(meters.streams, view.buffer.policy)
        self.blocks = view.buffer.policy == "block"
        self.watches_spans = "spans" in view.modes
        self.crowded = False
        """Whether the run should wait for this subscriber."""
        self.overflowed = False
        """Whether the policy `error` has been broken."""
        self._lock = Lock() if view.buffer.policy == "drop_oldest" else None
        self._gap: Gap | None = None
        """What was dropped since a fact was last taken."""
        self._strangers: list[RunInfo] = []
        """Runs that were going on already and whose state could not be read when we came."""
        self.dropped = 0
        """How many entries the policy `drop_oldest` has dropped, or `error` has refused."""
        self.wake: Callable[[], None] | None = None
        """Called once, from any thread, when something is there; set by whoever waits."""
        self.quiet_until = 0.0
        """Until when, by the monotonic clock, whoever waits looks by himself and need not be called."""

    def __len__(self) -> int:
        return len(self.queue)

    @property
    def flooded(self) -> bool:
        """Whether it asked the run to wait and has ten times as much before it as it has room for."""
        return self.crowded and len(self.queue) >= 10 * self._size

    # ---- the record's side, under its lock

    def hear(self, fact: Fact) -> bool:
        """Put a fact into the queue, if it concerns this subscriber; say whether that falls behind."""
        run = fact.run
        if run is not self._root and not self._concerns(run):
            return self.crowded
        if self._strangers:
            self._get_to_know(fact)
        queue = self.queue
        queue.append(fact)
        if len(queue) >= self._size:
            self._full()
        wake = self.wake
        if wake is not None and monotonic() >= self.quiet_until:
            self.wake = None
            wake()
        return self.crowded

    def meet(self, run: RunInfo) -> None:
        """Take the state of a run that was going on already, and show it."""
        if RunStarted not in self._table or not (run is self._root or self._concerns(run)):
            return
        task = _task_in_progress(run)
        if task is not None:
            values = snapshot(run)
            if task.is_recording():
                # One and the same task went on all the while, so nothing was applied meanwhile.
                self._introduce(run, values)
                shown = StepApplied(run, 0, tuple(values), tuple(values))
                shown.values = {}
                self._put(shown)
                return
        self._strangers.append(run)

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

    def _get_to_know(self, fact: Fact) -> None:
        # Whoever tells that a superstep was applied has just done so: now the state can be read.
        if type(fact) is StepApplied and fact.run in self._strangers:
            self._strangers.remove(fact.run)
            self._introduce(fact.run, snapshot(fact.run))

    def _introduce(self, run: RunInfo, values: dict[str, Any]) -> None:
        began = RunStarted(run)
        began.values = values
        self._put(began)

    def _put(self, fact: Fact) -> None:
        fact.seq = fact.run.place.record.seq
        self.queue.append(fact)

    def _full(self) -> None:
        queue = self.queue
        if self.blocks:
            self.crowded = True
        elif self._lock is None:
            self.overflowed = True
            while len(queue) > self._size:
                queue.pop()
                self.dropped += 1
        else:
            with self._lock:
                if self._gap is None:
                    self._gap = Gap()
                while len(queue) > self._size:
                    self._gap.add(queue.popleft())
                    self.dropped += 1
                if not self._gap.count:
                    self._gap = None

    # ---- the subscriber's side

    def take(self) -> list[Any]:
        """
        Return the chunks of the oldest facts that are there, `BATCH` facts at most.

        Raises:
            StreamOverflowError: the policy is `error` and the subscriber fell behind.
        """
        queue = self.queue
        if self._meter is not None:
            self._note_lag(self._meter)
        if self._lock is not None:
            return self._take_what_is_left(self._lock)
        if self.overflowed:
            raise StreamOverflowError(
                f"the subscriber fell more than {self._size} entries behind the run; read faster, "
                "give stream(buffer=Buffer(size=…)) more room, or choose the policy 'block' or 'drop_oldest'"
            )
        chunks: list[Any] = []
        shows, states, left = self._shows, self._states, BATCH
        while queue and left:
            left -= 1
            fact = queue.popleft()
            if shows is None:
                self._show(fact, chunks)
            else:
                for show in shows[type(fact)]:
                    chunks += show(fact, states)
        if self.crowded and len(queue) <= self._size >> 1:
            self.relax()
        return chunks

    def _show(self, fact: Fact, chunks: list[Any]) -> None:
        states = self._states
        for mode, function in self._table[type(fact)]:
            for payload in function(fact, states):
                chunks.append(self._wrap(fact, mode, payload))
        if type(fact) is RunEnded:
            states.end(fact.run)

    def _take_what_is_left(self, lock: Lock) -> list[Any]:
        """Do the same where facts may be dropped meanwhile: say on the next part how many are missing before it."""
        queue = self.queue
        chunks: list[Any] = []
        missing = 0
        for _ in range(BATCH):
            with lock:
                if not queue:
                    break
                fact = queue.popleft()
                gap, self._gap = self._gap, None
            if gap is not None:
                gap.close(self._states)
                missing += gap.count
            count = len(chunks)
            self._show(fact, chunks)
            if missing and len(chunks) > count:
                if isinstance(chunks[count], Part):
                    chunks[count].dropped = missing
                missing = 0
        if missing:
            self._owe(missing, lock)
        return chunks

    def _owe(self, missing: int, lock: Lock) -> None:
        """Remember facts that are missing and of which no chunk could tell so far."""
        with lock:
            if self._gap is None:
                self._gap = Gap()
            self._gap.count += missing

    def _note_lag(self, meter: SubscriberMeter) -> None:
        try:
            oldest = self.queue[0]
        except IndexError:
            return
        if self._root is not None:
            meter.taking(self._root, oldest.time_ns, self.dropped)

    def leave(self) -> None:
        """Take nothing more."""
        if self._meter is not None:
            self._meter.leave(self._root, self.dropped)

    def relax(self) -> None:
        """Let the run go on."""
        self.crowded = False
        if self._relieve is not None:
            self._relieve()


def _task_in_progress(run: RunInfo) -> Any:
    """Return the span of a task that is in progress, or None: while there is one, the state stays as it is."""
    for span in run.place.latest[1:]:
        if span.is_recording():
            return span
    return None
