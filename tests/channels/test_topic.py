"""The channel of a list that every writer adds to: `Topic`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otgraph.channels.base import MISSING
from otgraph.channels.topic import Topic
from otgraph.errors import EmptyChannelError

writes = st.lists(st.integers() | st.lists(st.integers(), max_size=3) | st.tuples(st.integers()), max_size=4)


def flat(step: list[Any]) -> list[Any]:
    return list(chain.from_iterable(write if isinstance(write, list) else [write] for write in step))


@given(st.lists(writes))
def test_holds_the_writes_of_the_last_superstep(steps: list[list[Any]]) -> None:
    """Lists that are written add their items, tuples count as one; silence clears the topic."""
    channel, before = Topic[Any](int), list[Any]()
    for step in steps:
        assert bool(flat(step) or before) is channel.update(step)
        assert (flat(step) or MISSING) == channel.peek()
        assert bool(flat(step)) is channel.is_available()
        before = flat(step)


@given(st.lists(writes))
def test_accumulates_when_told_to(steps: list[list[Any]]) -> None:
    """An accumulating topic is the concatenation of all supersteps, and only a value changes it."""
    channel = Topic[Any](int, accumulate=True)
    assert [bool(flat(step)) for step in steps] == [channel.update(step) for step in steps]
    assert flat(list(chain.from_iterable(steps))) == channel.checkpoint()


@given(writes, st.booleans())
def test_a_checkpoint_brings_the_values_back(step: list[Any], accumulate: bool) -> None:
    """The checkpoint is the list, empty or not; a fresh topic is empty, and all are alike otherwise."""
    channel = Topic[Any](int, accumulate)
    channel.key = "k"
    channel.update(step)
    assert flat(step) == channel.checkpoint()
    for again in (channel.from_checkpoint(channel.checkpoint()), channel.copy()):
        assert (flat(step), "k", accumulate) == (again.checkpoint(), again.key, again.accumulate)
    assert ([], "k", accumulate) == (
        channel.fresh().checkpoint(),
        channel.fresh().key,
        channel.fresh().accumulate,
    )


def test_reads_the_checkpoints_of_old_releases() -> None:
    """A pair in a checkpoint is what was seen and the values; None is no values."""
    assert [8] == Topic[int](int).from_checkpoint(([7], [8])).get()
    assert MISSING is Topic[int](int).from_checkpoint(None).peek()  # type: ignore[arg-type]


@pytest.mark.parametrize("accumulate", [False, True])
def test_what_was_handed_out_stays_as_it_was(accumulate: bool) -> None:
    """Neither a later write nor a reader who changes his list reaches a checkpoint, a copy or another reader."""
    channel = Topic[int](int, accumulate)
    channel.update([1])
    saved, copy, read = channel.checkpoint(), channel.copy(), channel.get()
    read.append(99)
    copy.update([[2, 3]])
    channel.update([4])
    assert [1] == saved
    assert ([1, 4] if accumulate else [4]) == channel.get()
    assert ([1, 2, 3] if accumulate else [2, 3]) == copy.get()


def test_does_not_keep_the_list_that_was_written() -> None:
    """A node that goes on changing the list it wrote does not change the topic."""
    channel, written = Topic[int](int), [1]
    channel.update([written])
    written.append(2)
    assert [1] == channel.get()


def test_says_what_it_is() -> None:
    """It clears itself, never waits for the end of the run, and equals those that accumulate alike."""
    channel = Topic[int](int)
    with pytest.raises(EmptyChannelError):
        channel.get()
    assert (True, False) == (channel.volatile, channel.deferred)
    assert (False, False) == (channel.consume(), channel.finish())
    assert (Sequence[int], int | list[int]) == (channel.ValueType, channel.UpdateType)
    assert Topic(str) == channel
    assert Topic(int, accumulate=True) != channel
