"""
A channel: one named cell of the state with its own update rule.

Rule: a channel is pure. It never knows which node wrote to it, and `update` says whether it changed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

from typing_extensions import Self

from otgraph.errors import EmptyChannelError
from otgraph.missing import MISSING, Missing

__all__ = ["MISSING", "BaseChannel", "Missing"]

Value = TypeVar("Value")
Update = TypeVar("Update")
Stored = TypeVar("Stored")


class BaseChannel(ABC, Generic[Value, Update, Stored]):
    """
    The interface of every channel; subclass it to give a state key an update rule of your own.

    Args:
        typ: the type of the value, or something that makes an initial one when called.
        key: the name of the channel in its graph; set when the graph is compiled.
    """

    __slots__ = ("key", "typ")

    volatile: ClassVar[bool] = True
    """Whether `update([])` may change the channel, so that it must be told of silent supersteps."""

    deferred: ClassVar[bool] = True
    """Whether `finish()` may change the channel."""

    tracked: ClassVar[bool] = True
    """Whether what is written to the channel may be saved."""

    def __init__(self, typ: Any, key: str = "") -> None:
        self.typ = typ
        self.key = key

    @property
    def ValueType(self) -> Any:
        """The type of what `get` returns: that of the value, where a channel does not say otherwise."""
        return self.typ

    @property
    def UpdateType(self) -> Any:
        """The type of one write: that of the value, where a channel does not say otherwise."""
        return self.typ

    @abstractmethod
    def from_checkpoint(self, checkpoint: Stored | Missing) -> Self:
        """Return a channel like this one that holds what `checkpoint()` returned, or nothing."""

    @abstractmethod
    def get(self) -> Value:
        """Return the value; raise `EmptyChannelError` if there is none."""

    @abstractmethod
    def update(self, values: Sequence[Update]) -> bool:
        """
        Take all writes of one superstep, in the order of their tasks; empty if there were none.

        Returns whether the value changed. Raises `InvalidUpdateError` if the writes cannot be taken.
        """

    def checkpoint(self) -> Stored | Missing:
        """Return what a checkpoint must keep; `MISSING` if there is nothing to keep."""
        try:
            return self.get()  # type: ignore[return-value]
        except EmptyChannelError:
            return MISSING

    def copy(self) -> Self:
        """Return a channel with the same value."""
        return self.from_checkpoint(self.checkpoint())

    def fresh(self) -> Self:
        """Return a channel like this one as it is before anything was written to it."""
        return self.from_checkpoint(MISSING)

    def is_available(self) -> bool:
        """Say whether `get` would return a value."""
        try:
            self.get()
        except EmptyChannelError:
            return False
        return True

    def peek(self) -> Value | Missing:
        """Return the value, or `MISSING` if there is none."""
        try:
            return self.get()
        except EmptyChannelError:
            return MISSING

    def consume(self) -> bool:
        """Hear that a node triggered by this channel ran; return whether that changed it."""
        return False

    def finish(self) -> bool:
        """Hear that the run would end now; return whether that changed the channel."""
        return False
