"""
A clock that stands still until a test turns it.

Rule: seconds since 1970, as `time.time` has them.
"""

from __future__ import annotations

__all__ = ["Clock"]


class Clock:
    """Seconds since 1970."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now
