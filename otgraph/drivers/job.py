"""
A call of user code in a worker thread, and who hears of its end.

Rule: a call ends once. Whoever comes first decides how: its thread, which delivers what it returned, or the driver
that gives it up; then the thread is counted as long as it goes on, and what it returns is dropped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import Context
from typing import Any

from otgraph.drivers.call import call_sync
from otgraph.drivers.scope import CallScope
from otgraph.drivers.strands import Strand
from otgraph.drivers.workers import workers
from otgraph.engine.effects import CallNode, Failure
from otgraph.errors import NodeCancelledError

__all__ = ["Job", "outcome_of"]


class Job:
    """
    What a worker does for a strand.

    Args:
        deliver: called with the strand and the outcome, in the worker's thread.
    """

    __slots__ = ("_abandoned", "_context", "_deliver", "_effect", "_ends", "_scope", "_strand", "begun")

    def __init__(
        self, strand: Strand, scope: CallScope, context: Context, deliver: Callable[[Strand, Any], None]
    ) -> None:
        self._strand = strand
        self._effect: Any = strand.effect
        self._scope = scope
        self._context = context
        self._deliver = deliver
        self._ends = [True]
        self._abandoned = False
        self.begun = False

    def __call__(self) -> None:
        if self._scope.ended:
            return
        self.begun = True
        reply = outcome_of(self._effect, self._scope, self._context)
        if self._ends_now():
            self._deliver(self._strand, reply)
        elif self._abandoned:
            workers.returned()

    def give_up(self) -> None:
        """Let the call go on without a run, if it does not end at this moment."""
        self._scope.ended = True
        if self._ends_now() and self.begun:
            self._abandoned = self._scope.task.abandoned = True
            workers.abandon(1)

    def _ends_now(self) -> bool:
        try:
            # One step, so that of two threads only one succeeds.
            return self._ends.pop()
        except IndexError:
            return False


def outcome_of(effect: CallNode, scope: CallScope, context: Context) -> Any:
    """Make a call in this thread and return its result, or `Failure`."""
    try:
        return call_sync(effect, scope, context)
    except BaseException as error:
        asyncio = sys.modules.get("asyncio")
        if asyncio is not None and isinstance(error, asyncio.CancelledError):
            # Where nobody has imported asyncio, nobody has raised its exception.
            return Failure(NodeCancelledError(effect.task.name))
        return Failure(error)
