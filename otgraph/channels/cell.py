"""
What the channels of one plain value share: a place that holds a value, or nothing.

Rule: what a checkpoint keeps is the value itself; only the update rule differs from one cell to the next.
"""

from __future__ import annotations

from typing import Any, Generic, NoReturn, TypeVar

from typing_extensions import Self

from otgraph.channels.base import MISSING, BaseChannel, Missing
from otgraph.errors import EmptyChannelError, InvalidUpdateError

__all__ = ["Cell", "GuardedCell"]

Value = TypeVar("Value")


class Cell(BaseChannel[Value, Value, Value], Generic[Value]):
    """Holds one value; `update` says how it changes."""

    __slots__ = ("value",)

    deferred = False

    def __init__(self, typ: Any, key: str = "") -> None:
        self.typ = typ
        self.key = key
        self.value: Value = MISSING  # type: ignore[assignment]

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
        return self.__class__(self.typ, self.key)

    def is_available(self) -> bool:
        """Say whether there is a value."""
        return self.value is not MISSING

    def peek(self) -> Value | Missing:
        """Return the value, or `MISSING`."""
        return self.value

    def _forget(self) -> bool:
        """Empty the channel; return whether that changed it."""
        if self.value is MISSING:
            return False
        self.value = MISSING  # type: ignore[assignment]
        return True


class GuardedCell(Cell[Value], Generic[Value]):
    """
    Holds one value and may refuse a second write in one superstep.

    Args:
        typ: the type of the value.
        guard: refuse a second write in one superstep; without it the last write is kept.
    """

    __slots__ = ("guard",)

    def __init__(self, typ: Any, guard: bool = True) -> None:
        self.typ = typ
        self.key = ""
        self.guard = guard
        self.value: Value = MISSING  # type: ignore[assignment]

    def fresh(self) -> Self:
        """Return an empty channel like this one."""
        new = self.__class__(self.typ, self.guard)
        new.key = self.key
        return new

    def _refuse(self) -> NoReturn:
        raise InvalidUpdateError(
            f"At key '{self.key}': {type(self).__name__}(guard=True) can receive only one value per step. "
            "Use guard=False if you want to store any one of multiple values."
        )
