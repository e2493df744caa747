"""The channel that several nodes write alike: `AnyValue`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otgraph.channels.any_value import AnyValue
from otgraph.channels.base import MISSING
from otgraph.channels.last_value import LastValue
from otgraph.errors import EmptyChannelError


@given(st.lists(st.lists(st.integers() | st.none(), max_size=3)))
def test_holds_the_last_write_of_the_last_superstep(steps: list[list[Any]]) -> None:
    """Only the last superstep counts; an update changes the channel unless it was and stays empty."""
    channel, before = AnyValue[Any](Any, "k"), MISSING
    for step in steps:
        after = step[-1] if step else MISSING
        assert (after is not MISSING or before is not MISSING) is channel.update(step)
        assert after is channel.peek()
        assert (after is not MISSING) is channel.is_available()
        before = after


def test_is_empty_without_a_write() -> None:
    """An empty channel raises on `get` and has nothing to save."""
    channel = AnyValue[int](int)
    with pytest.raises(EmptyChannelError):
        channel.get()
    assert MISSING is channel.checkpoint()


@given(st.integers() | st.none())
def test_a_checkpoint_brings_the_value_back(value: Any) -> None:
    """The checkpoint is the value itself; a copy has it too, a fresh channel has not."""
    channel = AnyValue[Any](Any, "k")
    channel.update([value])
    assert value is channel.checkpoint()
    for again in (channel.from_checkpoint(value), channel.copy()):
        assert (value, "k") == (again.get(), again.key)
    assert (MISSING, "k") == (channel.fresh().peek(), channel.fresh().key)


def test_says_what_it_is() -> None:
    """It clears itself, never waits for the end of the run, and equals its own kind only."""
    channel = AnyValue[int](int)
    assert (True, False) == (channel.volatile, channel.deferred)
    assert (False, False) == (channel.consume(), channel.finish())
    assert (int, int) == (channel.ValueType, channel.UpdateType)
    assert AnyValue(str) == channel
    assert LastValue(int) != channel
