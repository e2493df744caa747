"""
The channel of a value that belongs to the process and not to the thread: a client, a handle, a secret.

Rule: never part of a checkpoint; a resumed run starts without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from typing_extensions import Self

from otgraph.channels.base import MISSING, Missing
from otgraph.channels.cell import GuardedCell

__all__ = ["UntrackedValue"]

Value = TypeVar("Value")


class UntrackedValue(GuardedCell[Value], Generic[Value]):
    """
    Holds the last value written and keeps it out of checkpoints.

    Args:
        typ: the type of the value.
        guard: refuse a second write in one superstep; without it the last write is kept.
    """

    __slots__ = ()

    volatile = False
    tracked = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntrackedValue) and self.guard == other.guard

    __hash__ = None  # type: ignore[assignment]

    def from_checkpoint(self, checkpoint: Value | Missing) -> Self:
        """Return an empty channel like this one, whatever the checkpoint says."""
        return self.fresh()

    def update(self, values: Sequence[Value]) -> bool:
        """Keep the write, if there is one."""
        if not values:
            return False
        if self.guard and len(values) > 1:
            self._refuse()
        self.value = values[-1]
        return True

    def checkpoint(self) -> Missing:
        """Return `MISSING`: there is never anything to keep."""
        return MISSING
