"""
The channel of a key with a reducer: `Annotated[list, operator.add]`.

Rule: the writes of a superstep are folded from the left, in the order of their tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from typing_extensions import Self

from otgraph.channels.base import MISSING, BaseChannel, Missing
from otgraph.channels.reducing import maker_of, overwrite_in, same_reducer
from otgraph.errors import EmptyChannelError

__all__ = ["BinaryOperatorAggregate"]

Value = TypeVar("Value")


class BinaryOperatorAggregate(BaseChannel[Value, Value, Value], Generic[Value]):
    """
    Holds the value so far, combined with each write by `operator`.

    It starts at `typ()`; where that fails, empty, and then the first write is taken as it is, an `Overwrite`
    too. Elsewhere an `Overwrite` replaces the value, and the other writes of its superstep are ignored.

    Args:
        typ: the type of the value.
        operator: `(value so far, write) -> new value`; it must leave the value so far as it is.
    """

    __slots__ = ("make", "operator", "value")

    volatile = False
    deferred = False

    def __init__(self, typ: Any, operator: Callable[[Value, Value], Value]) -> None:
        self.typ = typ
        self.key = ""
        self.operator = operator
        self.make = maker_of(typ)
        self.value: Value = self._initial()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BinaryOperatorAggregate) and same_reducer(self.operator, other.operator)

    __hash__ = None  # type: ignore[assignment]

    def _initial(self) -> Any:
        return MISSING if self.make is None else self.make()

    def _holding(self, value: Any) -> Self:
        """Return a channel like this one with `value`, without asking again how initial values are made."""
        cls = self.__class__
        new = cls.__new__(cls)
        new.typ = self.typ
        new.key = self.key
        new.operator = self.operator
        new.make = self.make
        new.value = value
        return new

    def from_checkpoint(self, checkpoint: Value | Missing) -> Self:
        """Return a channel like this one that holds `checkpoint`, or an initial value."""
        return self._holding(self._initial() if checkpoint is MISSING else checkpoint)

    def get(self) -> Value:
        """Return the value; raise `EmptyChannelError` if there is none."""
        if self.value is MISSING:
            raise EmptyChannelError
        return self.value

    def update(self, values: Sequence[Value]) -> bool:
        """Fold the writes into the value, or replace it by the one overwrite among them."""
        if not values:
            return False
        value = self.value
        if value is MISSING:
            value, *values = values
        replacement = overwrite_in(values)
        if replacement is MISSING:
            operator = self.operator
            for write in values:
                value = operator(value, write)
            self.value = value
        else:
            self.value = replacement
        return True

    def checkpoint(self) -> Value | Missing:
        """Return the value."""
        return self.value

    def copy(self) -> Self:
        """Return a channel with the same value."""
        return self._holding(self.value)

    def fresh(self) -> Self:
        """Return a channel like this one with a new initial value."""
        return self._holding(MISSING if self.make is None else self.make())

    def is_available(self) -> bool:
        """Say whether there is a value."""
        return self.value is not MISSING

    def peek(self) -> Value | Missing:
        """Return the value, or `MISSING`."""
        return self.value
