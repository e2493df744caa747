"""
Room in the queues of subscribers: whether there is something to take, and waiting until they have caught up.

Rule: whoever waits holds nothing that a subscriber could need.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING

from otgraph.stream.subscription import Subscription
from otgraph.tracing.record import Record

if TYPE_CHECKING:
    import asyncio

__all__ = ["Queues", "resolve", "wait_for_room"]


class Queues:
    """The queues of several subscriptions as one: true if any of them holds something."""

    __slots__ = ("_queues",)

    def __init__(self, watching: Sequence[Subscription]) -> None:
        self._queues = [subscription.queue for subscription in watching]

    def __bool__(self) -> bool:
        return any(self._queues)


def wait_for_room(record: Record) -> None:
    """Return when no subscriber with the policy `block` is behind any more."""
    gate = Lock()
    gate.acquire()
    record.when_relieved(gate.release)
    gate.acquire()


def resolve(future: asyncio.Future[None]) -> None:
    """Let whoever awaits it go on, if nobody has done so; in its loop's thread."""
    if not future.done():
        future.set_result(None)
