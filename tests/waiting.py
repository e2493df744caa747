"""
Waiting for what another thread, task or process brings about.

Rule: nobody waits for a time, but until something is so; how long that may take is the patience with a machine that is
slow and busy, and says nothing of the code.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from otgraph.drivers.workers import workers

__all__ = ["PATIENCE", "until", "until_async", "until_none_is_abandoned"]

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds after which what is waited for is given up."""


def until(look: Callable[[], T], what: str = "it", seconds: float = PATIENCE) -> T:
    """Return what `look` finds as soon as it finds something."""
    for pause in _pauses(what, seconds):
        found = look()
        if found:
            return found
        time.sleep(pause)
    raise AssertionError("unreachable")


async def until_async(look: Callable[[], T], what: str = "it", seconds: float = PATIENCE) -> T:
    """Return the same, on an event loop."""
    for pause in _pauses(what, seconds):
        found = look()
        if found:
            return found
        await asyncio.sleep(pause)
    raise AssertionError("unreachable")


def until_none_is_abandoned(before: int = 0) -> None:
    """Wait until no more threads than `before` work on what nobody waits for."""
    until(lambda: workers.abandoned <= before, "an abandoned call to end")


def _pauses(what: str, seconds: float) -> Iterator[float]:
    """Yield how long to sleep before the next look: shorter than one would notice, longer where it takes long."""
    began = time.monotonic()
    while True:
        waited = time.monotonic() - began
        assert waited < seconds, f"waited {seconds:.0f} seconds in vain for {what}"
        yield min(0.25, max(0.002, waited / 10))
