"""The channel of a key with a reducer: `BinaryOperatorAggregate`."""

from __future__ import annotations

import operator
from functools import partial, reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otgraph.channels.base import MISSING
from otgraph.channels.binop import BinaryOperatorAggregate
from otgraph.channels.last_value import LastValue
from otgraph.command import Overwrite
from otgraph.errors import EmptyChannelError, InvalidUpdateError

ONE_OVERWRITE = (
    "Can receive only one Overwrite value per super-step.\n"
    "For troubleshooting, visit: https://docs.langchain.com/oss/python/langgraph/errors/"
    "INVALID_CONCURRENT_GRAPH_UPDATE"
)

spellings = pytest.mark.parametrize(
    "spell",
    [
        Overwrite,
        lambda value: {"__overwrite__": value},
        lambda value: {"value": value, "type": "__overwrite__"},
    ],
    ids=["object", "json", "json with type"],
)


def nest(left: Any, right: Any) -> Any:
    return (left, right)


@given(st.lists(st.lists(st.text("ab", max_size=2))))
def test_folds_from_the_left(steps: list[list[str]]) -> None:
    """The value is the left fold of all writes over the initial value; an update says whether there was one."""
    channel = BinaryOperatorAggregate[Any](str, nest)
    assert [bool(step) for step in steps] == [channel.update(step) for step in steps]
    assert reduce(nest, [write for step in steps for write in step], "") == channel.get()


@given(st.lists(st.lists(st.integers(), max_size=3), max_size=5), st.data())
def test_how_writes_fall_into_supersteps_does_not_matter(steps: list[list[int]], data: st.DataObject) -> None:
    """Any grouping of the same writes, with checkpoints in between, gives the same value."""
    channel = BinaryOperatorAggregate[list[int]](list, operator.add)
    for step in steps:
        channel.update([[item] for item in step])
        if data.draw(st.booleans()):
            channel = channel.from_checkpoint(channel.checkpoint())
    assert [item for step in steps for item in step] == channel.get()


@given(st.lists(st.text("ab", max_size=2), min_size=1))
def test_takes_the_first_write_as_it_is_where_there_is_no_initial_value(writes: list[str]) -> None:
    """A type that makes no value leaves the channel empty, and the reducer is not called for the first write."""
    channel = BinaryOperatorAggregate[Any](Any, nest)
    assert (MISSING, False, MISSING) == (channel.peek(), channel.is_available(), channel.checkpoint())
    with pytest.raises(EmptyChannelError):
        channel.get()
    channel.update(writes)
    assert reduce(nest, writes) == channel.get()


@spellings
@given(before=st.lists(st.integers(), max_size=3), after=st.lists(st.integers(), max_size=3))
def test_an_overwrite_beats_the_other_writes(spell: Any, before: list[int], after: list[int]) -> None:
    """Whatever is written before or after it in the superstep is ignored, and the reducer is not called."""

    def never(left: Any, right: Any) -> Any:
        raise AssertionError("the reducer was called")

    channel = BinaryOperatorAggregate[Any](int, never)
    assert channel.update([*before, spell("new"), *after])
    assert "new" == channel.get()


@spellings
@pytest.mark.parametrize("value", [None, [], Overwrite(1), {"__overwrite__": 1}])
def test_an_overwrite_holds_anything(spell: Any, value: Any) -> None:
    """What is inside an overwrite becomes the value as it is, empty things and overwrites too."""
    channel = BinaryOperatorAggregate[Any](list, operator.add)
    channel.update([[1]])
    channel.update([spell(value)])
    assert value is channel.get()
    assert channel.is_available()


@spellings
def test_refuses_two_overwrites(spell: Any) -> None:
    """Two overwrites in one superstep are an error, and the value stays as it was."""
    channel = BinaryOperatorAggregate[Any](list, operator.add)
    channel.update([[1]])
    with pytest.raises(InvalidUpdateError) as raised:
        channel.update([spell([2]), [3], Overwrite([4])])
    assert ONE_OVERWRITE == str(raised.value)
    assert [1] == channel.get()


@spellings
def test_the_first_write_of_an_empty_channel_is_no_overwrite(spell: Any) -> None:
    """Taken as it is, a first write that says overwrite is stored whole; a later one overwrites."""
    first, later = (BinaryOperatorAggregate[Any](Any, nest) for _ in range(2))
    first.update([spell(1), 2])
    later.update([1, spell(2)])
    assert (spell(1), 2) == first.get()
    assert 2 == later.get()


@pytest.mark.parametrize(
    "write",
    [
        {"__overwrite__": 1, "more": 2},
        {"type": "__overwrite__"},
        {"value": 1, "type": "other"},
        {"value": 1},
        {},
    ],
)
def test_other_dicts_are_plain_writes(write: dict[str, Any]) -> None:
    """A dict that only resembles an overwrite goes to the reducer."""
    channel = BinaryOperatorAggregate[Any](dict, operator.or_)
    channel.update([{"old": 0}, write])
    assert {"old": 0, **write} == channel.get()


def test_a_reducer_that_raises_changes_nothing() -> None:
    """Its exception passes as it is, and the value is the one before the superstep."""
    channel = BinaryOperatorAggregate[float](float, operator.truediv)
    channel.update([Overwrite(8.0)])  # type: ignore[list-item]
    with pytest.raises(ZeroDivisionError):
        channel.update([2.0, 0.0])
    assert 8.0 == channel.get()


def test_every_fresh_channel_has_an_initial_value_of_its_own() -> None:
    """A reducer that changes the value in place reaches neither the specimen nor another run."""

    def extend(left: list[int], right: list[int]) -> list[int]:
        left += right
        return left

    specimen = BinaryOperatorAggregate[list[int]](list, extend)
    specimen.key = "k"
    first, second = specimen.fresh(), specimen.from_checkpoint(MISSING)
    first.update([[1]])
    assert ([1], [], []) == (first.get(), second.get(), specimen.get())
    assert ("k", "k", "k") == (first.key, second.key, first.copy().key)


@given(st.lists(st.integers()))
def test_a_checkpoint_brings_the_value_back(value: list[int]) -> None:
    """The checkpoint is the value itself; channels made from it and copies go on from there."""
    channel = BinaryOperatorAggregate[list[int]](list, operator.add)
    channel.update([value])
    assert channel.get() is channel.checkpoint()
    for again in (channel.from_checkpoint(channel.checkpoint()), channel.copy()):
        again.update([[0]])
        assert [*value, 0] == again.get()
    assert value == channel.get()


def test_none_in_a_checkpoint_is_a_value() -> None:
    """Only what is missing becomes an initial value."""
    assert None is BinaryOperatorAggregate[Any](list, operator.add).from_checkpoint(None).get()


def test_equality_is_of_reducers() -> None:
    """Channels are equal if they reduce alike, whatever their type; lambdas cannot be told apart."""
    add = BinaryOperatorAggregate(list, operator.add)
    assert add == BinaryOperatorAggregate(int, operator.add)
    assert add != BinaryOperatorAggregate(list, operator.sub)
    assert add != LastValue(list)
    assert add == BinaryOperatorAggregate(list, lambda a, b: b)
    assert BinaryOperatorAggregate(list, partial(nest)) == BinaryOperatorAggregate(list, partial(nest))
    assert BinaryOperatorAggregate(list, partial(nest)) != BinaryOperatorAggregate(
        list, partial(nest, right=1)
    )


def test_says_what_it_is() -> None:
    """Nothing but a write changes it, and its types are the declared one."""
    channel = BinaryOperatorAggregate[list[int]](list[int], operator.add)
    assert (False, False) == (channel.volatile, channel.deferred)
    assert (False, False, False) == (channel.update([]), channel.consume(), channel.finish())
    assert (list[int], list[int]) == (channel.ValueType, channel.UpdateType)
    assert not hasattr(channel, "__dict__")
