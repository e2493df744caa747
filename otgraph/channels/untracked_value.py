"""
The channel of a value that belongs to the process and not to the thread: a client, a handle, a secret.

Rule: never part of a checkpoint; a resumed run starts without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from typing_extensions import Self

from otgraph.channels.base import MISSING, BaseChannel, Missing
from otgraph.errors import EmptyChannelError, InvalidUpdateError

__all__ = ["UntrackedValue"]

Value = TypeVar("Value")


class UntrackedValue(BaseChannel[Value, Value, Value], Generic[Value]):
    """
    Holds the last value written and keeps it out of checkpoints.

    Args:
        typ: the type of the value.
        guard: refuse a second write in one superstep; without it the last write is kept.
    """

    __slots__ = ("guard", "value")

    volatile = False
    deferred = False

    def __init__(self, typ: Any, guard: bool = True) -> None:
        super().__init__(typ)
        self.guard = guard
        self.value: Value = MISSING  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntrackedValue) and self.guard == other.guard

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
        """Return an empty channel like this one, whatever the checkpoint says."""
        return self.fresh()

    def get(self) -> Value:
        """Return the value; raise `EmptyChannelError` if there is none."""
        if self.value is MISSING:
            raise EmptyChannelError
        return self.value

    def update(self, values: Sequence[Value]) -> bool:
        """Keep the write, if there is one."""
        if not values:
            return False
        if self.guard and len(values) > 1:
            raise InvalidUpdateError(
                f"At key '{self.key}': UntrackedValue(guard=True) can receive only one value per step. "
                "Use guard=False if you want to store any one of multiple values."
            )
        self.value = values[-1]
        return True

    def checkpoint(self) -> Missing:
        """Return `MISSING`: there is never anything to keep."""
        return MISSING

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
        """Say whether a value was written."""
        return self.value is not MISSING

    def peek(self) -> Value | Missing:
        """Return the value, or `MISSING`."""
        return self.value
