"""The channels of plain keys: `LastValue`, and `LastValueAfterFinish` for deferred nodes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otgraph.channels.any_value import AnyValue
from otgraph.channels.base import MISSING
from otgraph.channels.last_value import LastValue, LastValueAfterFinish
from otgraph.errors import EmptyChannelError, InvalidUpdateError

values = st.none() | st.booleans() | st.integers() | st.text("ab") | st.lists(st.integers())


@given(st.lists(st.lists(values, max_size=1)))
def test_holds_the_last_write(steps: list[list[Any]]) -> None:
    """Whatever was written, None too, stays until something else is; an update says whether there was a write."""
    channel = LastValue[Any](Any, "k")
    assert [len(step) == 1 for step in steps] == [channel.update(step) for step in steps]
    written = [value for step in steps for value in step]
    assert (written[-1] if written else MISSING) is channel.peek()
    assert bool(written) is channel.is_available()


def test_refuses_two_writes_in_one_superstep() -> None:
    """Two writes are an error that names the key and the remedy, and the value stays as it was."""
    channel = LastValue[int](int, "k")
    channel.update([1])
    with pytest.raises(InvalidUpdateError) as raised:
        channel.update([2, 3])
    assert (
        "At key 'k': Can receive only one value per step. Use an Annotated key to handle multiple values.\n"
        "For troubleshooting, visit: https://docs.langchain.com/oss/python/langgraph/errors/"
        "INVALID_CONCURRENT_GRAPH_UPDATE"
    ) == str(raised.value)
    assert 1 == channel.get()


def test_is_empty_before_the_first_write() -> None:
    """An empty channel raises on `get`, is not available and has nothing to save."""
    channel = LastValue[int](int)
    with pytest.raises(EmptyChannelError):
        channel.get()
    assert (False, MISSING, MISSING) == (channel.is_available(), channel.peek(), channel.checkpoint())


@given(values)
def test_a_checkpoint_brings_the_value_back(value: Any) -> None:
    """The checkpoint is the value itself, and a channel made from it is the same."""
    channel = LastValue[Any](Any, "k")
    channel.update([value])
    again = channel.fresh().from_checkpoint(channel.checkpoint())
    assert (value, "k") == (again.get(), again.key)
    assert value is channel.checkpoint()


def test_copies_go_their_own_ways() -> None:
    """A copy has the value and keeps it, a fresh channel has none; both bear the key."""
    channel = LastValue[int](int, "k")
    channel.update([1])
    copy, fresh = channel.copy(), channel.fresh()
    channel.update([2])
    assert (1, "k") == (copy.get(), copy.key)
    assert (MISSING, "k") == (fresh.peek(), fresh.key)


def test_nothing_but_a_write_changes_it() -> None:
    """Silence, being read and the end of the run leave the value alone, and the class says so."""
    channel = LastValue[int](int)
    channel.update([1])
    assert (False, False, False) == (channel.update([]), channel.consume(), channel.finish())
    assert 1 == channel.get()
    assert (False, False) == (channel.volatile, channel.deferred)


def test_equality_is_of_kind() -> None:
    """Two channels of the kind are equal whatever their type and value; they cannot be hashed."""
    assert LastValue(int) == LastValue(str)
    assert LastValueAfterFinish(int) == LastValueAfterFinish(str)
    assert LastValue(int) != LastValueAfterFinish(int)
    assert LastValue(int) != AnyValue(int)
    with pytest.raises(TypeError):
        hash(LastValue(int))


@pytest.mark.parametrize("channel", [LastValue(list[int]), LastValueAfterFinish(list[int])])
def test_types_are_the_declared_one(channel: Any) -> None:
    """What is read and what is written are of the type the channel was made with; nothing else is kept on it."""
    assert (list[int], list[int]) == (channel.ValueType, channel.UpdateType)
    assert not hasattr(channel, "__dict__")


def test_after_finish_shows_its_value_when_the_run_would_end() -> None:
    """The last of any number of writes is hidden until `finish` and forgotten when it is used."""
    channel = LastValueAfterFinish[int](int, "k")
    assert (False, True) == (channel.finish(), channel.update([1, 2]))
    with pytest.raises(EmptyChannelError):
        channel.get()
    assert (False, MISSING, False) == (channel.is_available(), channel.peek(), channel.consume())
    assert (True, False) == (channel.finish(), channel.finish())
    assert (2, True) == (channel.get(), channel.is_available())
    assert (True, False) == (channel.consume(), channel.consume())
    assert (False, MISSING) == (channel.is_available(), channel.checkpoint())


def test_after_finish_a_new_write_hides_the_value_again() -> None:
    """A write after `finish` has to wait for the next one; silence changes nothing."""
    channel = LastValueAfterFinish[int](int)
    channel.update([1])
    channel.finish()
    assert (False, 1) == (channel.update([]), channel.get())
    assert (True, MISSING) == (channel.update([5]), channel.peek())
    assert (True, 5) == (channel.finish(), channel.get())
    assert (False, True) == (channel.volatile, channel.deferred)


@given(values, st.booleans())
def test_after_finish_saves_the_value_and_whether_it_shows(value: Any, finished: bool) -> None:
    """The checkpoint is a pair, and a channel made from it, or copied, is the same."""
    channel = LastValueAfterFinish[Any](Any, "k")
    channel.update([value])
    if finished:
        channel.finish()
    assert (value, finished) == channel.checkpoint()
    for again in (channel.from_checkpoint((value, finished)), channel.copy()):
        assert ((value, finished), "k", finished) == (again.checkpoint(), again.key, again.is_available())
    assert MISSING is channel.fresh().checkpoint()
