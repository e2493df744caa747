"""What the reducing channels share; what a type makes initially is the search space here."""

from __future__ import annotations

import collections
import collections.abc
import typing
from functools import partial
from typing import Annotated, Any, Optional, TypedDict

import pytest
from stable_id import stable_id
from typing_extensions import NotRequired, ReadOnly, Required

from otgraph.channels.reducing import maker_of


class Needy:
    """Cannot be made of nothing."""

    def __init__(self, need: int) -> None:
        self.need = need


class Keys(TypedDict):
    """A TypedDict is called like a dict."""

    x: int


T = typing.TypeVar("T")


class Box(typing.Generic[T]):
    """A class of the user's with a parameter."""


@pytest.mark.parametrize(
    ("typ", "initial"),
    [
        (int, 0),
        (float, 0.0),
        (bool, False),
        (str, ""),
        (bytes, b""),
        (list, []),
        (list[int], []),
        (typing.List[int], []),  # noqa: UP006 (what users of old code write)
        (dict[str, int], {}),
        (set[int], set()),
        (frozenset[int], frozenset()),
        (tuple, ()),
        (tuple[int, ...], ()),
        (typing.Sequence[int], []),
        (collections.abc.Sequence, []),
        (collections.abc.MutableSequence[int], []),
        (collections.abc.Set, set()),
        (typing.AbstractSet[int], set()),
        (collections.abc.MutableSet[int], set()),
        (collections.abc.Mapping[str, int], {}),
        (collections.abc.MutableMapping, {}),
        (collections.Counter, collections.Counter()),
        (collections.deque[int], collections.deque()),
        (Keys, {}),
        (Annotated[list[int], "a remark"], []),
        (Annotated[collections.abc.Sequence[int], "a remark"], []),
        (Required[list[int]], []),
        (NotRequired[dict], {}),
        (ReadOnly[set], set()),
        (partial(list, "ab"), ["a", "b"]),
        (lambda: [1], [1]),
    ],
    ids=stable_id,
)
def test_a_type_makes_an_initial_value(typ: Any, initial: Any) -> None:
    """A concrete type makes its empty value, an abstract one that of its usual class, anew each time."""
    make = maker_of(typ)
    assert make is not None
    assert (initial, type(initial)) == (make(), type(make()))
    if isinstance(initial, list | dict | set):
        assert make() is not make()


@pytest.mark.parametrize(
    "typ",
    [
        Any,
        None,
        Optional[int],  # noqa: UP045 (what users of old code write)
        int | None,
        typing.Literal["a"],
        typing.NewType("Name", list),
        T,
        Needy,
        collections.abc.Iterable,
        collections.abc.Callable[[], int],
        "list",
        5,
        [],
    ],
    ids=str,
)
def test_what_cannot_be_called_makes_none(typ: Any) -> None:
    """A type that needs arguments, a union, or something that is no type makes no initial value."""
    assert None is maker_of(typ)


def test_a_class_with_parameters_keeps_them() -> None:
    """The instance of a user's generic class knows what it was parametrised with."""
    make = maker_of(Box[int])
    assert make is not None
    assert Box[int] == make().__orig_class__
