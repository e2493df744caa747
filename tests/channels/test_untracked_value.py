"""The channel that stays out of checkpoints: `UntrackedValue`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otgraph.channels.base import MISSING
from otgraph.channels.untracked_value import UntrackedValue
from otgraph.errors import EmptyChannelError, InvalidUpdateError


@given(st.lists(st.lists(st.integers() | st.none(), max_size=3)))
def test_holds_the_last_write(steps: list[list[Any]]) -> None:
    """Unguarded, the last write of any superstep stays."""
    channel = UntrackedValue[Any](Any, guard=False)
    assert [bool(step) for step in steps] == [channel.update(step) for step in steps]
    written = [value for step in steps for value in step]
    assert (written[-1] if written else MISSING) is channel.peek()
    assert bool(written) is channel.is_available()


def test_is_never_saved() -> None:
    """There is nothing to save, and what a checkpoint says is not believed; a copy within the run has the value."""
    channel = UntrackedValue[int](int, guard=False)
    channel.key = "k"
    channel.update([1])
    assert MISSING is channel.checkpoint()
    for again in (channel.from_checkpoint(1), channel.from_checkpoint(MISSING), channel.fresh()):
        assert (MISSING, "k", False) == (again.peek(), again.key, again.guard)
    assert (1, "k", False) == (channel.copy().get(), channel.copy().key, channel.copy().guard)


def test_a_guarded_one_refuses_two_writes() -> None:
    """Two writes are an error that names the key and the remedy, and the value stays as it was."""
    channel = UntrackedValue[int](int)
    channel.key = "k"
    channel.update([1])
    with pytest.raises(InvalidUpdateError) as raised:
        channel.update([2, 3])
    assert (
        "At key 'k': UntrackedValue(guard=True) can receive only one value per step. "
        "Use guard=False if you want to store any one of multiple values."
    ) == str(raised.value)
    assert 1 == channel.get()


def test_says_what_it_is() -> None:
    """Nothing but a write changes it, it is empty before, and it equals those with the same guard."""
    channel = UntrackedValue[int](int)
    with pytest.raises(EmptyChannelError):
        channel.get()
    assert (False, False) == (channel.volatile, channel.deferred)
    assert (False, False) == (channel.consume(), channel.finish())
    assert (int, int) == (channel.ValueType, channel.UpdateType)
    assert UntrackedValue(str) == channel
    assert UntrackedValue(int, guard=False) != channel
