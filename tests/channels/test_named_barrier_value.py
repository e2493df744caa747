"""The channels of list edges: `NamedBarrierValue`, and `NamedBarrierValueAfterFinish` for deferred nodes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otgraph.channels.base import MISSING
from otgraph.channels.named_barrier_value import NamedBarrierValue, NamedBarrierValueAfterFinish
from otgraph.errors import EmptyChannelError, InvalidUpdateError

NAMES = {"a", "b", "c"}
steps = st.lists(st.lists(st.sampled_from(sorted(NAMES)), max_size=4))


@given(steps)
def test_opens_once_every_name_was_written(steps: list[list[str]]) -> None:
    """Over any supersteps it is available exactly while all names were seen; a name seen again changes nothing."""
    channel, seen = NamedBarrierValue[str](str, NAMES), set[str]()
    for step in steps:
        assert (not set(step) <= seen) is channel.update(step)
        seen |= set(step)
        assert (seen == NAMES) is channel.is_available()
        assert (None if seen == NAMES else MISSING) is channel.peek()


@given(steps)
def test_being_consumed_arms_it_again(steps: list[list[str]]) -> None:
    """Consumed as soon as it opens, it opens once for every complete set of names; an incomplete set is kept."""
    channel, seen = NamedBarrierValue[str](str, NAMES), set[str]()
    for step in steps:
        channel.update(step)
        seen |= set(step)
        assert (seen == NAMES) is channel.consume()
        seen = set() if seen == NAMES else seen
        assert seen == channel.checkpoint()


@given(steps)
def test_after_finish_opens_when_the_run_would_end(steps: list[list[str]]) -> None:
    """Complete or not, it stays closed until `finish`, which opens it only when it is complete, and only once."""
    channel, seen = NamedBarrierValueAfterFinish[str](str, NAMES), set[str]()
    for step in steps:
        channel.update(step)
        seen |= set(step)
        assert (False, False) == (channel.is_available(), channel.consume())
    complete = seen == NAMES
    assert (complete, False) == (channel.finish(), channel.finish())
    assert (None if complete else MISSING) is channel.peek()
    assert ({*seen}, complete) == channel.checkpoint()
    assert (complete, False) == (channel.consume(), channel.consume())
    assert ((set() if complete else seen), False) == channel.checkpoint()


@given(steps)
def test_a_checkpoint_brings_the_names_back(steps: list[list[str]]) -> None:
    """A barrier made from a checkpoint waits for what the saved one waited for."""
    channel = NamedBarrierValue[str](str, NAMES)
    channel.key = "k"
    for step in steps:
        channel.update(step)
    for again in (channel.from_checkpoint(channel.checkpoint()), channel.copy()):
        assert (channel.checkpoint(), "k", NAMES) == (again.checkpoint(), again.key, again.names)
    assert (set(), "k") == (channel.fresh().checkpoint(), channel.fresh().key)


@given(steps, st.booleans())
def test_after_finish_a_checkpoint_brings_names_and_end_back(steps: list[list[str]], finish: bool) -> None:
    """The checkpoint of the deferred barrier is a pair."""
    channel = NamedBarrierValueAfterFinish[str](str, NAMES)
    channel.key = "k"
    for step in steps:
        channel.update(step)
    if finish:
        channel.finish()
    for again in (channel.from_checkpoint(channel.checkpoint()), channel.copy()):
        assert (channel.checkpoint(), "k", NAMES) == (again.checkpoint(), again.key, again.names)
    assert ((set(), False), "k") == (channel.fresh().checkpoint(), channel.fresh().key)


@pytest.mark.parametrize("kind", [NamedBarrierValue, NamedBarrierValueAfterFinish])
class TestBoth:
    """What both barriers have in common."""

    def test_refuses_an_unknown_name(self, kind: type[NamedBarrierValue[str]]) -> None:
        """A name it does not wait for is an error that names the key, and none of the writes counts."""
        channel = kind(str, {"a"})
        channel.key = "k"
        with pytest.raises(InvalidUpdateError, match=r"^At key 'k': Value z not in \{'a'\}$"):
            channel.update(["a", "z"])
        assert set() == channel.seen

    def test_a_saved_set_stays_as_it_was(self, kind: type[NamedBarrierValue[str]]) -> None:
        """Names that arrive later are not added to what a checkpoint holds, nor to a copy."""
        channel = kind(str, NAMES)
        channel.update(["a"])
        seen, copy = channel.seen, channel.copy()
        channel.update(["b"])
        assert ({"a"}, {"a"}, {"a", "b"}) == (seen, copy.seen, channel.seen)

    def test_raises_while_it_waits(self, kind: type[NamedBarrierValue[str]]) -> None:
        """A closed barrier has no value."""
        channel = kind(str, NAMES)
        channel.update(["a"])
        with pytest.raises(EmptyChannelError):
            channel.get()

    def test_equality_is_of_names(self, kind: type[NamedBarrierValue[str]]) -> None:
        """Barriers of a kind are equal if they wait for the same."""
        assert kind(str, ["a", "b"]) == kind(str, {"b", "a"})
        assert kind(str, {"a"}) != kind(str, {"b"})

    def test_says_what_it_is(self, kind: type[NamedBarrierValue[str]]) -> None:
        """Silence never changes it, and only the deferred one hears of the end of the run."""
        channel = kind(str, NAMES)
        assert (False, kind is NamedBarrierValueAfterFinish) == (channel.volatile, channel.deferred)
        assert False is channel.update([])
        assert (str, str) == (channel.ValueType, channel.UpdateType)
        assert not hasattr(channel, "__dict__")


def test_the_kinds_are_not_equal() -> None:
    """A deferred barrier is another channel than one that is not."""
    assert NamedBarrierValue(str, NAMES) != NamedBarrierValueAfterFinish(str, NAMES)
