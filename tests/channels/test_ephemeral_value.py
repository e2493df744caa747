"""The channel of a value that lives for one superstep: `EphemeralValue`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otgraph.channels.base import MISSING
from otgraph.channels.ephemeral_value import EphemeralValue
from otgraph.errors import EmptyChannelError, InvalidUpdateError


@given(st.lists(st.lists(st.integers() | st.none(), max_size=3)))
def test_a_value_lives_for_one_superstep(steps: list[list[Any]]) -> None:
    """Unguarded, the last write of the last superstep is held, and silence clears the channel."""
    channel, before = EphemeralValue[Any](Any, guard=False), MISSING
    for step in steps:
        after = step[-1] if step else MISSING
        assert (after is not MISSING or before is not MISSING) is channel.update(step)
        assert after is channel.peek()
        assert (after is not MISSING) is channel.is_available()
        before = after


def test_a_guarded_one_refuses_two_writes() -> None:
    """Two writes are an error that names the key and the remedy, and the value stays as it was."""
    channel = EphemeralValue[int](int)
    channel.key = "k"
    channel.update([1])
    with pytest.raises(InvalidUpdateError) as raised:
        channel.update([2, 3])
    assert (
        "At key 'k': EphemeralValue(guard=True) can receive only one value per step. "
        "Use guard=False if you want to store any one of multiple values."
    ) == str(raised.value)
    assert 1 == channel.get()


def test_is_empty_without_a_write() -> None:
    """An empty channel raises on `get` and has nothing to save."""
    channel = EphemeralValue[int](int)
    with pytest.raises(EmptyChannelError):
        channel.get()
    assert MISSING is channel.checkpoint()


@given(st.integers() | st.none(), st.booleans())
def test_a_checkpoint_brings_the_value_back(value: Any, guard: bool) -> None:
    """A trigger that waits survives a checkpoint; key and guard go with every copy."""
    channel = EphemeralValue[Any](Any, guard)
    channel.key = "k"
    channel.update([value])
    assert value is channel.checkpoint()
    for again in (channel.from_checkpoint(value), channel.copy()):
        assert (value, "k", guard) == (again.get(), again.key, again.guard)
    fresh = channel.fresh()
    assert (MISSING, "k", guard) == (fresh.peek(), fresh.key, fresh.guard)


def test_says_what_it_is() -> None:
    """It clears itself, never waits for the end of the run, and equals those with the same guard."""
    channel = EphemeralValue[int](int)
    assert (True, False) == (channel.volatile, channel.deferred)
    assert (False, False) == (channel.consume(), channel.finish())
    assert (int, int) == (channel.ValueType, channel.UpdateType)
    assert EphemeralValue(str) == channel
    assert EphemeralValue(int, guard=False) != channel
    assert not hasattr(channel, "__dict__")
