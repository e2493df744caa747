"""
Strands: which flows of a run are in progress, and which one is to be resumed with which reply.

Rule: bookkeeping only; no waiting, no colour. One coordinator drives all flows of a run, nested graphs included, in
one thread; what leaves it are the effects that a driver must perform.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from otgraph.engine.effects import Effect, Expired, Flow, RunTasks

__all__ = ["Coordinator", "Group", "Strand"]


class Strand:
    """A flow in progress."""

    __slots__ = ("asked", "child", "effect", "flow", "group", "handle", "reply")

    def __init__(self, flow: Flow, group: Group | None) -> None:
        self.flow = flow
        self.group = group
        self.child: Group | None = None
        """The strands it waits for."""
        self.effect: Effect | None = None
        """What a driver is performing for it."""
        self.handle: Any = None
        """What the driver holds of that: a job, a task; None if it has not begun."""
        self.reply: Any = None
        self.asked = 0.0
        """When it asked for a slot, by the monotonic clock."""


class Group:
    """Strands that run at the same time, and the one that waits for them."""

    __slots__ = ("limit", "nested", "open", "parent", "stopped", "strands")

    def __init__(self, parent: Strand, effect: RunTasks) -> None:
        self.parent = parent
        self.strands = [Strand(flow, self) for flow in effect.flows]
        self.nested = effect.nested
        self.limit = effect.limit
        """How long it may take; None once its time is up."""
        self.open = len(self.strands)
        self.stopped: BaseException | Expired | None = None
        """The first error that one of them returned, or that their time is up."""


class Coordinator:
    """Resumes flows; see the module."""

    __slots__ = ("done", "error", "ready", "result", "root", "stopped", "timed", "width")

    def __init__(self, flow: Flow) -> None:
        self.root = Strand(flow, None)
        self.ready: deque[Strand] = deque((self.root,))
        self.width = 1
        """How many strands there are that do not wait for other strands."""
        self.timed: list[Group] = []
        """Groups that may not take for ever."""
        self.stopped: list[Group] = []
        """Groups in which an error has just stopped the rest; the driver empties the list."""
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None

    def resume(self) -> Strand | None:
        """Resume the next strand that is ready; return it if it asks for something, in `effect`."""
        strand = self.ready.popleft()
        reply, strand.reply = strand.reply, None
        try:
            effect = strand.flow.send(reply)
        except StopIteration as stop:
            self.finish(strand, stop.value, None)
            return None
        except BaseException as error:
            self.finish(strand, None, error)
            return None
        return self.take(strand, effect)

    def take(self, strand: Strand, effect: Effect) -> Strand | None:
        """Take what a strand asks for; return the strand if a driver has to perform it."""
        if type(effect) is RunTasks:
            group = strand.child = Group(strand, effect)
            self.width += len(group.strands) - 1
            self.ready.extend(group.strands)
            if group.limit is not None:
                self.timed.append(group)
            strand.effect = None
            return None
        strand.effect = effect
        return strand

    def answer(self, strand: Strand, reply: Any) -> None:
        """Give a strand what it asked for."""
        strand.effect = strand.handle = None
        strand.reply = reply
        self.ready.append(strand)

    def answer_now(self, strand: Strand, reply: Any) -> None:
        """Give a strand what it asked for, and have it go on before all others."""
        strand.effect = strand.handle = None
        strand.reply = reply
        self.ready.appendleft(strand)

    def waiting(self, group: Group | None = None) -> Iterator[Strand]:
        """Yield the strands for which a driver is performing something, of the whole run or below one group."""
        for strand in (self.root,) if group is None else group.strands:
            if strand.effect is not None:
                yield strand
            elif strand.child is not None:
                yield from self.waiting(strand.child)

    def close(self) -> None:
        """End all flows where they stand; they may end their spans and nothing else."""
        self._close(self.root)
        self.done = True

    def _close(self, strand: Strand) -> None:
        if strand.child is not None:
            for inner in strand.child.strands:
                self._close(inner)
        strand.flow.close()

    def finish(self, strand: Strand, value: Any, error: BaseException | None) -> None:
        """Take what a flow returned or raised."""
        group = strand.group
        if group is None:
            self.done = True
            self.result = value
            self.error = error
            return
        stop = value if error is None else error
        group.open -= 1
        if not group.open and group.limit is not None:
            self.timed.remove(group)
        if stop is not None and group.stopped is None:
            group.stopped = stop
            if group.open:
                self.stopped.append(group)
        if group.open:
            self.width -= 1
            return
        parent = group.parent
        parent.child = None
        parent.reply = group.stopped
        self.ready.append(parent)
