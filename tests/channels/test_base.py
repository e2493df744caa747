"""The base class of channels: what a channel of the user's own gets without asking."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otgraph.channels.base import MISSING, BaseChannel, Missing
from otgraph.errors import EmptyChannelError


class Highest(BaseChannel[int, int, int]):
    """A channel that a user might write: only what must be written."""

    value: int | Missing = MISSING

    @property
    def ValueType(self) -> type[int]:
        return int

    @property
    def UpdateType(self) -> type[int]:
        return int

    def from_checkpoint(self, checkpoint: int | Missing) -> Highest:
        new = Highest(self.typ, self.key)
        new.value = checkpoint
        return new

    def get(self) -> int:
        if isinstance(self.value, Missing):
            raise EmptyChannelError
        return self.value

    def update(self, values: Sequence[int]) -> bool:
        before = self.value
        known = [] if isinstance(before, Missing) else [before]
        self.value = max([*known, *values], default=MISSING)  # type: ignore[type-var]
        return self.value is not before


@given(st.lists(st.integers(), min_size=1))
def test_a_value_can_be_read_saved_and_copied(values: list[int]) -> None:
    """All of it follows from `get` and `from_checkpoint`."""
    channel = Highest(int, "k")
    channel.update(values)
    assert (max(values), max(values), True) == (channel.peek(), channel.checkpoint(), channel.is_available())
    copy, fresh = channel.copy(), channel.fresh()
    assert (max(values), "k") == (copy.get(), copy.key)
    assert (MISSING, "k") == (fresh.peek(), fresh.key)


def test_an_empty_channel_has_nothing_to_read_or_save() -> None:
    """`peek` and `checkpoint` say `MISSING` where `get` raises."""
    channel = Highest(int)
    assert (MISSING, MISSING, False) == (channel.peek(), channel.checkpoint(), channel.is_available())
    assert MISSING is channel.copy().peek()
    with pytest.raises(EmptyChannelError):
        channel.get()


def test_is_told_of_everything_unless_it_says_otherwise() -> None:
    """Silent supersteps and the end of the run are announced; being read and the end change nothing."""
    channel = Highest(int)
    assert (True, True) == (channel.volatile, channel.deferred)
    assert (False, False) == (channel.consume(), channel.finish())
