"""
The channel of a key that several nodes write alike.

Rule: the writes of a superstep are equal, so the last is kept; a superstep without any empties the channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from typing_extensions import Self

from otgraph.channels.base import MISSING, BaseChannel, Missing
from otgraph.errors import EmptyChannelError

__all__ = ["AnyValue"]

Value = TypeVar("Value")


class AnyValue(BaseChannel[Value, Value, Value], Generic[Value]):
    """Holds the last value of the last superstep, trusting that all its writes were equal."""

    __slots__ = ("value",)

    deferred = False

    def __init__(self, typ: Any, key: str = "") -> None:
        super().__init__(typ, key)
        self.value: Value = MISSING  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AnyValue)

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
        new = self.__class__(self.typ, self.key)
        new.value = checkpoint  # type: ignore[assignment]
        return new

    def get(self) -> Value:
        """Return the value; raise `EmptyChannelError` if there is none."""
        if self.value is MISSING:
            raise EmptyChannelError
        return self.value

    def update(self, values: Sequence[Value]) -> bool:
        """Keep the last write; forget the value if there was no write."""
        if values:
            self.value = values[-1]
            return True
        if self.value is MISSING:
            return False
        self.value = MISSING  # type: ignore[assignment]
        return True

    def checkpoint(self) -> Value | Missing:
        """Return the value."""
        return self.value

    def is_available(self) -> bool:
        """Say whether there is a value."""
        return self.value is not MISSING

    def peek(self) -> Value | Missing:
        """Return the value, or `MISSING`."""
        return self.value
