"""
The channel of a value too large to be saved with every checkpoint, reduced a whole superstep at a time.

Rule: reducing writes in one batch or in several gives the same value, so it can be rebuilt from the writes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from typing_extensions import Self

from otgraph.channels.base import MISSING, BaseChannel, Missing
from otgraph.channels.reducing import maker_of, overwrite_in, same_reducer
from otgraph.errors import EmptyChannelError

__all__ = ["DeltaChannel"]

Value = TypeVar("Value")

_LIMIT: Final = "LANGGRAPH_DELTA_MAX_SUPERSTEPS_SINCE_SNAPSHOT"


def _max_supersteps() -> int:
    told = os.environ.get(_LIMIT, "5000")
    if not told.isdecimal() or not int(told):
        raise ValueError(f"{_LIMIT} must be a positive whole number, not {told!r}")
    return int(told)


MAX_SUPERSTEPS: Final = _max_supersteps()
"""After how many supersteps the whole value is saved again although it seldom changes."""


class DeltaChannel(BaseChannel[Value, Any, Value], Generic[Value]):
    """
    Holds the value so far, combined with all writes of a superstep at once.

    Args:
        reducer: `(value so far, list of writes) -> new value`; it must leave the value so far as it is.
        typ: makes the initial value when called; a list by default. As an annotation the key's type wins.
        snapshot_frequency: after how many changed supersteps the whole value is saved again.
    """

    __slots__ = ("make", "reducer", "replaced", "snapshot_frequency", "value")

    volatile = False
    deferred = False

    def __init__(
        self,
        reducer: Callable[[Any, Sequence[Any]], Any],
        typ: Any = None,
        *,
        snapshot_frequency: int = 100,
    ) -> None:
        if snapshot_frequency <= 0:
            raise ValueError(f"snapshot_frequency must be a positive int, got {snapshot_frequency}")
        super().__init__(list if typ is None else typ)
        make = maker_of(self.typ)
        if make is None:
            raise TypeError(
                f"DeltaChannel needs a type that makes an initial value when it is called, got {typ!r}: "
                "annotate the key with a concrete class such as list or dict"
            )
        self.make = make
        self.reducer = reducer
        self.snapshot_frequency = snapshot_frequency
        self.replaced = False
        """Whether an overwrite put a value in the place of the one so far; whoever saves it takes that back."""
        self.value: Value = MISSING  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, DeltaChannel)
            and self.snapshot_frequency == other.snapshot_frequency
            and same_reducer(self.reducer, other.reducer)
        )

    __hash__ = None  # type: ignore[assignment]

    def _holding(self, value: Any) -> Self:
        new = self.__class__(self.reducer, self.typ, snapshot_frequency=self.snapshot_frequency)
        new.key = self.key
        new.value = value
        return new

    def from_checkpoint(self, checkpoint: Value | Missing) -> Self:
        """Return a channel like this one that holds `checkpoint`, or an initial value."""
        return self._holding(self.make() if checkpoint is MISSING else checkpoint)

    def get(self) -> Value:
        """Return the value; raise `EmptyChannelError` if there is none."""
        if self.value is MISSING:
            raise EmptyChannelError
        return self.value

    def update(self, values: Sequence[Any]) -> bool:
        """Reduce the writes into the value, or replace it by the one overwrite among them."""
        if not values:
            return False
        value = overwrite_in(values)
        if value is MISSING:
            self.value = self._reduced(values)
        else:
            self.value, self.replaced = value, True
        return True

    def replay_writes(self, writes: Sequence[tuple[str, str, Any]]) -> None:
        """Rebuild the value from saved writes, `(task id, channel, value)` from the oldest to the newest."""
        since: list[Any] = []
        for _, _, write in writes:
            value = overwrite_in((write,))
            if value is MISSING:
                since.append(write)
            else:
                self.value = value
                since.clear()
        if since:
            self.value = self._reduced(since)

    def _reduced(self, values: Sequence[Any]) -> Any:
        return self.reducer(self.make() if self.value is MISSING else self.value, list(values))

    def checkpoint(self) -> Value | Missing:
        """Return the value."""
        return self.value

    def copy(self) -> Self:
        """Return a channel with the same value."""
        return self._holding(self.value)

    def is_available(self) -> bool:
        """Say whether there is a value."""
        return self.value is not MISSING

    def peek(self) -> Value | Missing:
        """Return the value, or `MISSING`."""
        return self.value
