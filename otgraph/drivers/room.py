"""
Waiting, in a thread, until the subscribers of a record have caught up.

Rule: whoever waits holds nothing that a subscriber could need.
"""

from __future__ import annotations

from threading import Lock

from otgraph.tracing.record import Record

__all__ = ["wait_for_room"]


def wait_for_room(record: Record) -> None:
    """Return when no subscriber with the policy `block` is behind any more."""
    gate = Lock()
    gate.acquire()
    record.when_relieved(gate.release)
    gate.acquire()
