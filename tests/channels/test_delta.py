"""The channel that is reduced a superstep at a time: `DeltaChannel`."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otgraph.channels.base import MISSING
from otgraph.channels.delta import DeltaChannel
from otgraph.command import Overwrite
from otgraph.errors import EmptyChannelError, InvalidUpdateError

steps = st.lists(st.lists(st.lists(st.integers(), max_size=2), max_size=3), max_size=5)


def extend(state: list[Any], writes: Sequence[list[Any]]) -> list[Any]:
    return [*state, *(item for write in writes for item in write)]


def flat(steps: list[list[list[int]]]) -> list[int]:
    return [item for step in steps for write in step for item in write]


@given(steps)
def test_reduces_a_superstep_at_once(steps: list[list[list[int]]]) -> None:
    """The reducer is called once for each superstep with a write, with the value so far and a list of the writes."""
    calls: list[tuple[Any, Any]] = []

    def note(state: list[int], writes: Sequence[list[int]]) -> list[int]:
        calls.append((state, writes))
        return extend(state, writes)

    channel = DeltaChannel[list[int]](note).fresh()
    assert [bool(step) for step in steps] == [channel.update(step) for step in steps]
    assert flat(steps) == channel.get()
    assert [step for step in steps if step] == [writes for _, writes in calls]


@given(steps)
def test_is_rebuilt_from_its_writes(steps: list[list[list[int]]]) -> None:
    """Replaying the writes of all supersteps at once gives the value that they gave one by one."""
    channel, again = DeltaChannel[list[int]](extend).fresh(), DeltaChannel[list[int]](extend).fresh()
    for step in steps:
        channel.update(step)
    again.replay_writes([("task", "k", write) for step in steps for write in step])
    assert channel.get() == again.get()


def test_replay_starts_over_at_an_overwrite() -> None:
    """What was written before the last overwrite does not count, what was written after it does."""
    channel = DeltaChannel[list[int]](extend).from_checkpoint([7])
    channel.replay_writes(
        [("t", "k", write) for write in ([1], Overwrite([9]), [2], {"__overwrite__": [5]}, [6])]
    )
    assert [5, 6] == channel.get()


def test_starts_at_what_its_type_makes() -> None:
    """A run begins with an empty list, or what the given type makes, a new one each time."""
    channel = DeltaChannel[Any](extend)
    with pytest.raises(EmptyChannelError):
        channel.get()
    assert (MISSING, False, list) == (channel.peek(), channel.is_available(), channel.typ)
    assert ([], True) == (channel.fresh().get(), channel.fresh().is_available())
    assert channel.fresh().get() is not channel.fresh().get()
    assert {} == DeltaChannel[Any](operator.or_, dict).from_checkpoint(MISSING).get()


def test_an_overwrite_replaces_the_value() -> None:
    """One overwrite beats the other writes of its superstep; two are an error."""
    channel = DeltaChannel[list[int]](extend).fresh()
    assert channel.update([[1], Overwrite([9]), [2]])
    assert [9] == channel.get()
    with pytest.raises(InvalidUpdateError, match="^Can receive only one Overwrite value per super-step"):
        channel.update([Overwrite([1]), {"value": [2], "type": "__overwrite__"}])
    assert [9] == channel.get()


@given(steps)
def test_a_checkpoint_brings_the_value_back(steps: list[list[list[int]]]) -> None:
    """Channels made from a checkpoint, and copies, go on from the value."""
    channel = DeltaChannel[list[int]](extend, snapshot_frequency=3).fresh()
    channel.key = "k"
    for step in steps:
        channel.update(step)
    for again in (channel.from_checkpoint(channel.checkpoint()), channel.copy()):
        again.update([[0]])
        assert ([*flat(steps), 0], "k", 3) == (again.get(), again.key, again.snapshot_frequency)
    assert flat(steps) == channel.get()


@pytest.mark.parametrize("frequency", [0, -1])
def test_refuses_a_frequency_that_is_not_positive(frequency: int) -> None:
    """A snapshot every zero supersteps means nothing."""
    with pytest.raises(ValueError, match=f"^snapshot_frequency must be a positive int, got {frequency}$"):
        DeltaChannel(extend, snapshot_frequency=frequency)


def test_refuses_a_type_that_makes_nothing() -> None:
    """A reducer needs a value to begin with, so the type is refused at once and the error says what to do."""
    with pytest.raises(TypeError, match=r"got list \| None: annotate the key with a concrete class"):
        DeltaChannel(extend, list | None)


def test_says_what_it_is() -> None:
    """Nothing but a write changes it; it equals those with the same reducer and snapshots."""
    channel = DeltaChannel[list[int]](extend, list[int])
    assert (False, False) == (channel.volatile, channel.deferred)
    assert (False, False, False) == (channel.update([]), channel.consume(), channel.finish())
    assert (list[int], list[int], 100) == (channel.ValueType, channel.UpdateType, channel.snapshot_frequency)
    assert DeltaChannel(extend, dict) == channel
    assert DeltaChannel(operator.add) != channel
    assert DeltaChannel(extend, snapshot_frequency=5) != channel
