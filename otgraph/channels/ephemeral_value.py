"""
The channel of a value that lives for one superstep: triggers, and keys that must not linger.

Rule: what was written in one superstep is gone after the next, unless it is written again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from otgraph.channels.cell import GuardedCell

__all__ = ["EphemeralValue"]

Value = TypeVar("Value")


class EphemeralValue(GuardedCell[Value], Generic[Value]):
    """
    Holds the value written in the last superstep.

    Args:
        typ: the type of the value.
        guard: refuse a second write in one superstep; without it the last write is kept.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EphemeralValue) and self.guard == other.guard

    __hash__ = None  # type: ignore[assignment]

    def update(self, values: Sequence[Value]) -> bool:
        """Keep the write; forget the value if there was none."""
        if not values:
            return self._forget()
        if self.guard and len(values) > 1:
            self._refuse()
        self.value = values[-1]
        return True
