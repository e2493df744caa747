"""
Inbox: where worker threads put what the coordinator of a run waits for.

Rule: taking waits, putting never does.
"""

from __future__ import annotations

from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from otgraph.drivers.job import Job

__all__ = ["NOTHING", "Inbox", "receive"]

Inbox: TypeAlias = "SimpleQueue[tuple[Job, Any] | None]"
"""Jobs with their replies, and None from whoever wants the coordinator to look again."""

NOTHING: Final = object()
"""Not an item, not a reply."""


def receive(inbox: Inbox, until: float | None) -> Any:
    """Wait for an item until a time by the monotonic clock; return NOTHING if none has come."""
    try:
        return inbox.get(timeout=None if until is None else max(0.0, until - monotonic()))
    except Empty:
        return NOTHING
