"""
The channel of a value that lives for one superstep: triggers, and keys that must not linger.

Rule: what was written in one superstep is gone after the next, unless it is written again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from typing_extensions import Self

from otgraph.channels.base import MISSING, BaseChannel, Missing
from otgraph.errors import EmptyChannelError, InvalidUpdateError

__all__ = ["EphemeralValue"]

Value = TypeVar("Value")


class EphemeralValue(BaseChannel[Value, Value, Value], Generic[Value]):
    """
    Holds the value written in the last superstep.

    Args:
        typ: the type of the value.
        guard: refuse a second write in one superstep; without it the last write is kept.
    """

    __slots__ = ("guard", "value")

    deferred = False

    def __init__(self, typ: Any, guard: bool = True) -> None:
        self.typ = typ
        self.key = ""
        self.guard = guard
        self.value: Value = MISSING  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EphemeralValue) and self.guard == other.guard

    __hash__ = None  # type: ignore[assignment]

    @property
    def ValueType(self) -> Any:
        """The type of the value."""
        return self.typ

    @property
    def UpdateType(self) -> Any:
        """The type of the value."""
        return self.typ

    def from_checkpoint(self, checkpoint: Value | Missing) -> Self:
        """Return a channel like this one that holds `checkpoint`."""
        new = self.fresh()
        new.value = checkpoint  # type: ignore[assignment]
        return new

    def get(self) -> Value:
        """Return the value; raise `EmptyChannelError` if there is none."""
        if self.value is MISSING:
            raise EmptyChannelError
        return self.value

    def update(self, values: Sequence[Value]) -> bool:
        """Keep the write; forget the value if there was none."""
        if not values:
            if self.value is MISSING:
                return False
            self.value = MISSING  # type: ignore[assignment]
            return True
        if self.guard and len(values) > 1:
            raise InvalidUpdateError(
                f"At key '{self.key}': EphemeralValue(guard=True) can receive only one value per step. "
                "Use guard=False if you want to store any one of multiple values."
            )
        self.value = values[-1]
        return True

    def checkpoint(self) -> Value | Missing:
        """Return the value."""
        return self.value

    def copy(self) -> Self:
        """Return a channel with the same value."""
        new = self.fresh()
        new.value = self.value
        return new

    def fresh(self) -> Self:
        """Return an empty channel like this one."""
        new = self.__class__(self.typ, self.guard)
        new.key = self.key
        return new

    def is_available(self) -> bool:
        """Say whether there is a value."""
        return self.value is not MISSING

    def peek(self) -> Value | Missing:
        """Return the value, or `MISSING`."""
        return self.value
