"""
Job: a call of user code in a worker thread, for a driver of either colour.

Rule: a job is begun, given up or done, each at most once, and whoever comes second learns of it: a call that was
given up before it began never begins, and the result of one that was given up later is discarded.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from otgraph.drivers.call import call_sync
from otgraph.drivers.scope import CallScope
from otgraph.drivers.workers import workers
from otgraph.engine.effects import CallNode, Failure
from otgraph.errors import NodeCancelledError
from otgraph.tracing import names

if TYPE_CHECKING:
    from otgraph.drivers.base import Driver
    from otgraph.drivers.strands import Strand

__all__ = ["Job", "note_wait", "outcome", "own_cancellation"]

logger = logging.getLogger(__name__)

WORTH_TELLING = 0.001
"""Seconds that a call waits for a slot before its span says so."""

BEGINNING: Final = "beginning"
ENDING: Final = "ending"


class Job:
    """
    See the module.

    Args:
        strand: whose effect is the call.
    """

    __slots__ = ("_driver", "_effect", "_reply", "_steps", "scope", "strand")

    def __init__(self, driver: Driver, strand: Strand, effect: CallNode, scope: CallScope) -> None:
        self._driver = driver
        self.strand = strand
        self._effect = effect
        self._steps = [ENDING, BEGINNING]
        """
        What is still ahead of it. Whoever takes a step out has it, be that the thread that makes the call or one that
        gives it up: a list lets go of an item in one go, so that takes no lock.
        """
        self.scope = scope

    def __call__(self) -> Callable[[], None] | None:
        """Make the call; return what hands its result over, unless nobody wants it."""
        if self._take() is not BEGINNING:
            return None
        effect, home = self._effect, workers.home
        note_wait(effect.task, self.strand.asked)
        self._reply = outcome(effect, self.scope, self._driver)
        if workers.home is not home:
            leave_process(self._reply, effect.task.name)
        if self._take() is None:
            workers.returned()
            return None
        return self._deliver

    def _deliver(self) -> None:
        self._driver.deliver(self, self._reply)

    def give_up(self) -> None:
        """Go on without it: a call that has begun is abandoned."""
        with workers.lock:
            # Under the lock, so that nobody sees it return who has not seen it abandoned.
            step = self._take()
            if step is BEGINNING:
                self._take()
            elif step is ENDING:
                self.scope.task.abandoned = True
                workers.abandon()
        self.scope.give_up()

    def _take(self) -> str | None:
        try:
            return self._steps.pop()
        except IndexError:
            return None


def outcome(effect: CallNode, scope: CallScope, driver: Driver) -> Any:
    """Call the sync colour of a callable; return its result, or a `Failure`."""
    try:
        return (scope.context or driver.context).copy().run(call_sync, effect, scope)
    except BaseException as error:
        if type(error).__name__ == "CancelledError" and _is_cancellation(error):
            return own_cancellation(effect, error)
        return Failure(error)


def leave_process(reply: Any, node: str) -> None:
    """End a process that was forked in a node and has come to the node's end: its run goes on in the parent only."""
    code: Any = 0
    error = reply.error if type(reply) is Failure else None
    if isinstance(error, SystemExit):
        code = error.code
    elif error is not None:
        code = 1
        logger.error("A process that was forked in node %r ends with an error.", node, exc_info=error)
    else:
        logger.warning(
            "A process that was forked in node %r has returned from it, and ends; what it returned does not count. "
            "End it with os._exit, or give the work to multiprocessing.",
            node,
        )
    if not isinstance(code, int):
        code = 0 if code is None else 1
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code)


def own_cancellation(effect: CallNode, error: BaseException) -> Failure:
    """Return the reply of a call that raised CancelledError though nobody had cancelled it."""
    failure = NodeCancelledError(effect.task.name)
    failure.__cause__ = error
    return Failure(failure)


def _is_cancellation(error: BaseException) -> bool:
    # Where nobody has imported asyncio, nobody has raised its exception.
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def note_wait(task: Any, since: float) -> None:
    """Say on a task's span how long its call had to wait for a slot or a thread, if that is worth telling."""
    waited = monotonic() - since
    if waited > WORTH_TELLING and not task.node.hidden:
        before = task.span.attributes.get(names.WAITED, 0.0)
        task.span.annotate({names.WAITED: before + waited})
