"""
What savers and serialisers know of channels, packets and reserved channels.

Rule: structure only, so that this package depends on no engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar, runtime_checkable

from typing_extensions import Self

from otgraph.constants import ERROR, INTERRUPT, RESUME, TASKS

__all__ = [
    "ERROR",
    "INTERRUPT",
    "RESUME",
    "SCHEDULED",
    "TASKS",
    "ChannelProtocol",
    "DeltaSnapshot",
    "SendProtocol",
]

SCHEDULED: Final = "__scheduled__"
"""Under this name a server notes that a task was handed to a worker."""

Value_co = TypeVar("Value_co", covariant=True)
Update_contra = TypeVar("Update_contra", contravariant=True)
Stored = TypeVar("Stored")


class ChannelProtocol(Protocol[Value_co, Update_contra, Stored]):
    """What a saver may ask of a channel."""

    @property
    def ValueType(self) -> Any:
        """The type of what `get` returns."""

    @property
    def UpdateType(self) -> Any:
        """The type of one write."""

    def checkpoint(self) -> Stored:
        """Return what a checkpoint must keep."""

    def from_checkpoint(self, checkpoint: Stored) -> Self:
        """Return a channel that holds what `checkpoint()` returned."""

    def update(self, values: Sequence[Update_contra]) -> bool:
        """Take the writes of a superstep; say whether the value changed."""

    def get(self) -> Value_co:
        """Return the value."""

    def consume(self) -> bool:
        """Hear that a node triggered by this channel ran."""


@runtime_checkable
class SendProtocol(Protocol):
    """A packet for one node, of whichever engine."""

    node: str
    arg: Any


class DeltaSnapshot(NamedTuple):
    """The whole value of a `DeltaChannel`, stored at this checkpoint; ancestors need not be read for it."""

    value: Any
