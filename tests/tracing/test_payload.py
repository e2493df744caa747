"""Live values as JSON and back."""

from __future__ import annotations

import collections
import dataclasses
import enum
import json
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from otgraph.telemetry import Captured, Truncated
from otgraph.tracing.payload import decode, dumps, dumps_within, encode, fields_of, loads
from otgraph.types import Command, Interrupt, Overwrite, Send


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: Any = None


@dataclasses.dataclass(slots=True)
class Slotted:
    x: int


class Model(BaseModel):
    model_config = ConfigDict(extra="allow")
    x: int
    inner: Point | None = None


class Colour(enum.Enum):
    RED = "red"


class Pair(NamedTuple):
    left: int
    right: str


class Opaque:
    """Nothing is known of it but its `repr`."""

    def __repr__(self) -> str:
        return "<opaque>"


OBJECTS = {
    "dataclass": (Point(1, [2]), {"x": 1, "y": [2]}),
    "slotted": (Slotted(1), {"x": 1}),
    "model": (Model(x=1, more="m"), {"x": 1, "inner": None, "more": "m"}),
    "enum": (Colour.RED, "red"),
    "named tuple": (Pair(1, "r"), {"left": 1, "right": "r"}),
    "mapping": (collections.OrderedDict(a=1), {"a": 1}),
    "path": (PurePosixPath("/a"), "/a"),
    "exception": (ValueError("no", 7), {"args": ["no", 7], "text": "('no', 7)"}),
    "other": (Opaque(), "<opaque>"),
    "class": (Opaque, repr(Opaque)),
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_come_back_as_far_as_they_were_told(name: str) -> None:
    """An object of a class that JSON lacks comes back with its class's name and what was told; no class is imported."""
    value, told = OBJECTS[name]
    back = loads(dumps(value))
    assert Captured(f"{type(value).__module__}:{type(value).__qualname__}", told) == back
    assert dumps(value) == dumps(back)


@pytest.mark.parametrize(
    "value",
    [
        Send("node", {"a": (1,)}),
        Overwrite([1]),
        Command(update={"a": 1}, goto=[Send("n", 1), "m"], graph=Command.PARENT, resume={"id": 1}),
        Interrupt({"q": (1,)}, "id"),
        Truncated("abc", 7),
        Captured("m:C", {"a": 1}),
        timedelta.max,
        {("a", 1): {1, 2}, None: b"x", Point(1): "hashable"},
        {"$": "looks like a kind", "v": 1},
        float("nan"),
    ],
    ids=repr,
)
def test_otgraphs_own_values(value: Any) -> None:
    """The engine's own values, and keys of every hashable type, come back as what they were."""
    back = loads(dumps(value))
    assert type(value) is type(back)
    assert dumps(value) == dumps(back)


class Same:
    """Equal to nobody, but told like all of its class."""

    def __repr__(self) -> str:
        return "<same>"


@pytest.mark.parametrize(
    "value",
    [{Same(), Same()}, frozenset({Same(), Same(), 1}), {Same(): 1, Same(): 2}],
    ids=lambda v: type(v).__name__,
)
def test_keys_that_look_alike(value: Any) -> None:
    """A set or dict whose members cannot be told apart any more is kept as it was written."""
    assert dumps(value) == dumps(loads(dumps(value)))
    assert hash(loads(dumps(value))) is not None


@given(st.text(st.characters()), st.text(st.characters(categories=["Cs", "Lu"])))
@example("\ud800\udc00", "\udc00")
def test_every_string_can_be_exported(key: str, value: str) -> None:
    """Halves of surrogate pairs, as keys or values, are written so that they can be encoded, and come back."""
    data = {key: [value, {"k": value}], "object": Captured("m:C", value), "cut": [value, 1]}
    text = dumps(data)
    text.encode("utf-8")
    assert data == loads(text)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner)
        | st.tuples(inner, inner)
        | st.builds(Point, inner, inner)
    ),
    max_leaves=30,
)


@given(anything)
def test_what_is_read_is_written_the_same(value: Any) -> None:
    """`decode(encode(x))` encodes to the same JSON again."""
    assert json.dumps(encode(value)) == json.dumps(encode(decode(encode(value))))


@given(anything, st.integers(1, 400))
def test_a_cap_keeps_json_whole(value: Any, most: int) -> None:
    """Whatever is cut, the text is JSON that can be read, says so, and is about as long as it may be."""
    whole = dumps(value)
    text, cut = dumps_within(value, most)
    assert cut == (text != whole)
    assert "truncated" in text if cut else len(whole) <= max(most, 60)
    assert len(text) <= max(most, 60) + 100
    loads(text)


def test_a_cap_cuts_the_largest_parts() -> None:
    """Small parts beside large ones stay; a large part keeps its beginning and knows how long it was."""
    value = {
        "id": 7,
        "texts": ["short", "x" * 5000],
        "deep": {"y": "y" * 5000, "ok": True},
        "at": (1, "z" * 9),
    }
    text, cut = dumps_within(value, 1000)
    told = loads(text)
    assert cut
    assert (7, "short", True, (1, "z" * 9)) == (told["id"], told["texts"][0], told["deep"]["ok"], told["at"])
    assert (5000, 5000) == (told["texts"][1].chars, told["deep"]["y"].chars)
    assert told["deep"]["y"].text.startswith("yyyy")
    assert 700 < len(text) <= 1000


def test_many_small_parts_are_cut_as_one() -> None:
    """What has no large parts is cut as a whole."""
    told = loads(dumps_within(list(range(10_000)), 300)[0])
    assert isinstance(told, Truncated)
    assert told.text.startswith("[0,1,2")


def test_fields_of() -> None:
    """Dataclasses and models have fields; other values have none."""
    assert {"x": 1, "y": None} == fields_of(Point(1))
    assert {"x": 1, "inner": None, "more": 2} == fields_of(Model(x=1, more=2))
    assert None is fields_of({"x": 1})
    assert None is fields_of(Point)
