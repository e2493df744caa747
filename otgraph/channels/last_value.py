"""
The channel of a plain state key: it holds the last value written.

Rule: one write per superstep; who means several to count must say how, with a reducer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from typing_extensions import Self

from otgraph.channels.base import MISSING, BaseChannel, Missing
from otgraph.channels.cell import Cell
from otgraph.errors import EmptyChannelError, ErrorCode, InvalidUpdateError, create_error_message

__all__ = ["LastValue", "LastValueAfterFinish"]

Value = TypeVar("Value")


class LastValue(Cell[Value], Generic[Value]):
    """Holds the last value written and takes at most one write per superstep."""

    __slots__ = ()

    volatile = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LastValue)

    __hash__ = None  # type: ignore[assignment]

    def update(self, values: Sequence[Value]) -> bool:
        """Take the one write of the superstep, if there is one."""
        if len(values) == 1:
            self.value = values[0]
            return True
        if not values:
            return False
        raise InvalidUpdateError(
            create_error_message(
                message=f"At key '{self.key}': Can receive only one value per step. "
                "Use an Annotated key to handle multiple values.",
                error_code=ErrorCode.INVALID_CONCURRENT_GRAPH_UPDATE,
            )
        )


class LastValueAfterFinish(BaseChannel[Value, Value, "tuple[Value, bool]"], Generic[Value]):
    """Holds the last value written, shows it once the run would otherwise end, and forgets it when used."""

    __slots__ = ("finished", "value")

    volatile = False

    def __init__(self, typ: Any, key: str = "") -> None:
        super().__init__(typ, key)
        self.value: Value = MISSING  # type: ignore[assignment]
        self.finished = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LastValueAfterFinish)

    __hash__ = None  # type: ignore[assignment]

    def from_checkpoint(self, checkpoint: tuple[Value, bool] | Missing) -> Self:
        """Return a channel like this one that holds what `checkpoint()` returned."""
        new = self.__class__(self.typ, self.key)
        if not isinstance(checkpoint, Missing):
            new.value, new.finished = checkpoint
        return new

    def get(self) -> Value:
        """Return the value; raise `EmptyChannelError` before `finish`."""
        if not self.is_available():
            raise EmptyChannelError
        return self.value

    def update(self, values: Sequence[Value]) -> bool:
        """Keep the last write and hide it until `finish`."""
        if not values:
            return False
        self.value = values[-1]
        self.finished = False
        return True

    def checkpoint(self) -> tuple[Value, bool] | Missing:
        """Return the value and whether it may be seen."""
        return MISSING if self.value is MISSING else (self.value, self.finished)

    def is_available(self) -> bool:
        """Say whether there is a value that may be seen."""
        return self.finished and self.value is not MISSING

    def consume(self) -> bool:
        """Forget the value, if it could be seen."""
        if not self.finished:
            return False
        self.value = MISSING  # type: ignore[assignment]
        self.finished = False
        return True

    def finish(self) -> bool:
        """Show the value, if there is one."""
        if self.finished or self.value is MISSING:
            return False
        self.finished = True
        return True
