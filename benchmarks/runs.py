"""
What a case is once it is prepared: a run, and what it counted.

Rule: a case checks its own result by `expect`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

__all__ = ["NOTHING", "Figures", "Run", "expect"]

Figures: TypeAlias = Mapping[str, float]
"""What a run counted besides its time."""

Run: TypeAlias = "Callable[[], Figures] | Callable[[], Awaitable[Figures]]"

NOTHING: Final[Figures] = {}


def expect(expected: object, actual: object) -> None:
    """Raise `AssertionError` unless a run came out as it must."""
    if expected != actual:
        raise AssertionError(f"the run came out wrong: expected {expected!r}, got {actual!r}")
