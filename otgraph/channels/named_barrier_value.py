"""
The channel of a list edge: it waits until each of the named nodes has written to it.

Rule: available exactly while every name was seen; being consumed arms it again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Generic, TypeVar

from typing_extensions import Self

from otgraph.channels.base import BaseChannel, Missing
from otgraph.errors import EmptyChannelError, InvalidUpdateError

__all__ = ["NamedBarrierValue", "NamedBarrierValueAfterFinish"]

Value = TypeVar("Value")
Stored = TypeVar("Stored")


def _add(seen: set[Value], values: Sequence[Value], names: set[Value], key: str) -> set[Value]:
    """Return `seen` with `values`: a new set, for the old one may be on its way into a checkpoint."""
    for value in values:
        if value not in names:
            raise InvalidUpdateError(f"At key '{key}': Value {value} not in {names}")
    return seen.union(values)


class _Barrier(BaseChannel[None, Value, Stored], Generic[Value, Stored]):
    """The names waited for, and those seen so far."""

    __slots__ = ("names", "seen")

    volatile = False

    def __init__(self, typ: Any, names: Collection[Value]) -> None:
        super().__init__(typ)
        self.names: set[Value] = set(names)
        self.seen: set[Value] = set()

    def update(self, values: Sequence[Value]) -> bool:
        """Take the names; raise `InvalidUpdateError` for one that is not among those waited for."""
        seen = _add(self.seen, values, self.names, self.key)
        changed = len(seen) > len(self.seen)
        self.seen = seen
        return changed


class NamedBarrierValue(_Barrier[Value, "set[Value]"], Generic[Value]):
    """
    Holds None once every one of `names` was written.

    Args:
        typ: the type of a name.
        names: what must be written before the channel is available.
    """

    __slots__ = ()

    deferred = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NamedBarrierValue) and self.names == other.names

    __hash__ = None  # type: ignore[assignment]

    def from_checkpoint(self, checkpoint: set[Value] | Missing) -> Self:
        """Return a channel like this one that has seen the names of `checkpoint`."""
        new = self.__class__(self.typ, self.names)
        new.key = self.key
        if not isinstance(checkpoint, Missing):
            new.seen = set(checkpoint)
        return new

    def get(self) -> None:
        """Return None; raise `EmptyChannelError` while a name is missing."""
        if not self.is_available():
            raise EmptyChannelError

    def checkpoint(self) -> set[Value]:
        """Return the names seen so far."""
        return self.seen

    def is_available(self) -> bool:
        """Say whether every name was seen."""
        return self.seen == self.names

    def consume(self) -> bool:
        """Wait for every name again, if all were seen."""
        if not self.is_available():
            return False
        self.seen = set()
        return True


class NamedBarrierValueAfterFinish(_Barrier[Value, "tuple[set[Value], bool]"], Generic[Value]):
    """
    Holds None once every one of `names` was written and the run would otherwise end.

    Args:
        typ: the type of a name.
        names: what must be written before the channel is available.
    """

    __slots__ = ("finished",)

    def __init__(self, typ: Any, names: Collection[Value]) -> None:
        super().__init__(typ, names)
        self.finished = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NamedBarrierValueAfterFinish) and self.names == other.names

    __hash__ = None  # type: ignore[assignment]

    def from_checkpoint(self, checkpoint: tuple[set[Value], bool] | Missing) -> Self:
        """Return a channel like this one that holds what `checkpoint()` returned."""
        new = self.__class__(self.typ, self.names)
        new.key = self.key
        if not isinstance(checkpoint, Missing):
            seen, new.finished = checkpoint
            new.seen = set(seen)
        return new

    def get(self) -> None:
        """Return None; raise `EmptyChannelError` while a name is missing, and before `finish`."""
        if not self.is_available():
            raise EmptyChannelError

    def checkpoint(self) -> tuple[set[Value], bool]:
        """Return the names seen so far and whether the end of the run was heard of."""
        return (self.seen, self.finished)

    def is_available(self) -> bool:
        """Say whether every name was seen and the run would otherwise end."""
        return self.finished and self.seen == self.names

    def consume(self) -> bool:
        """Wait for every name and the end of the run again, if the channel was available."""
        if not self.is_available():
            return False
        self.seen = set()
        self.finished = False
        return True

    def finish(self) -> bool:
        """Become available, if every name was seen."""
        if self.finished or self.seen != self.names:
            return False
        self.finished = True
        return True
