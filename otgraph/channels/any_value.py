"""
The channel of a key that several nodes write alike.

Rule: the writes of a superstep are equal, so the last is kept; a superstep without any empties the channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from otgraph.channels.cell import Cell

__all__ = ["AnyValue"]

Value = TypeVar("Value")


class AnyValue(Cell[Value], Generic[Value]):
    """Holds the last value of the last superstep, trusting that all its writes were equal."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AnyValue)

    __hash__ = None  # type: ignore[assignment]

    def update(self, values: Sequence[Value]) -> bool:
        """Keep the last write; forget the value if there was no write."""
        if values:
            self.value = values[-1]
            return True
        return self._forget()
