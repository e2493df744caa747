"""
The ledger of calls: which tasks that user code has called are in progress.

Rule: bookkeeping only. Whoever changes it holds the lock of the driver.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Calls"]


class Calls:
    """The calls of one run's tasks."""

    __slots__ = ("joint", "open", "sealed")

    def __init__(self) -> None:
        self.open: dict[str, Any] = {}
        """Those in progress, by their task's id; what a driver keeps of each."""
        self.joint: Any = None
        """Who waits until there are none."""
        self.sealed = -2
        """The last superstep whose tasks can call no others."""
