"""
The channel of a list that every writer adds to: messages between nodes, packets for `Send`.

Rule: a list that was handed out is never changed afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar, Union

from typing_extensions import Self

from otgraph.channels.base import MISSING, BaseChannel, Missing
from otgraph.errors import EmptyChannelError

__all__ = ["Topic"]

Value = TypeVar("Value")


class Topic(BaseChannel["Sequence[Value]", "Value | list[Value]", "list[Value]"], Generic[Value]):
    """
    Holds the values written in the last superstep, in order; a list that is written adds its items.

    Args:
        typ: the type of one value.
        accumulate: keep the values of all supersteps.
    """

    __slots__ = ("accumulate", "values")

    deferred = False

    def __init__(self, typ: Any, accumulate: bool = False) -> None:
        super().__init__(typ)
        self.accumulate = accumulate
        self.values: list[Value] = []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Topic) and self.accumulate == other.accumulate

    __hash__ = None  # type: ignore[assignment]

    @property
    def ValueType(self) -> Any:
        """A sequence of values."""
        return Sequence[self.typ]  # type: ignore[name-defined]

    @property
    def UpdateType(self) -> Any:
        """A value or a list of values."""
        return Union[self.typ, list[self.typ]]  # type: ignore[name-defined] # noqa: UP007 (a runtime type)

    def from_checkpoint(self, checkpoint: list[Value] | tuple[Any, list[Value]] | Missing) -> Self:
        """Return a channel like this one with the values of `checkpoint` (in old ones a pair)."""
        new = self.__class__(self.typ, self.accumulate)
        new.key = self.key
        if isinstance(checkpoint, tuple):
            new.values = list(checkpoint[1])
        elif isinstance(checkpoint, list):
            new.values = list(checkpoint)
        return new

    def get(self) -> list[Value]:
        """Return a list of the values; raise `EmptyChannelError` if there are none."""
        if not self.values:
            raise EmptyChannelError
        return list(self.values)

    def update(self, values: Sequence[Value | list[Value]]) -> bool:
        """Add the writes, after forgetting the last superstep's values unless they accumulate."""
        added: list[Value] = []
        for value in values:
            if isinstance(value, list):
                added.extend(value)
            else:
                added.append(value)
        if self.accumulate:
            if added:
                self.values = self.values + added
            return bool(added)
        changed = bool(added or self.values)
        self.values = added
        return changed

    def checkpoint(self) -> list[Value]:
        """Return the values, an empty list if there are none."""
        return self.values

    def is_available(self) -> bool:
        """Say whether there are any values."""
        return bool(self.values)

    def peek(self) -> list[Value] | Missing:
        """Return a list of the values, or `MISSING` if there are none."""
        return list(self.values) if self.values else MISSING
