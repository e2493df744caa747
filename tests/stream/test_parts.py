"""The chunks of `version="v2"`: dicts that know a little more than their keys."""

from __future__ import annotations

import copy
import pickle
from typing import get_args

import pytest
from typing_extensions import get_type_hints

from otgraph.stream import parts
from otgraph.stream.part import Part
from otgraph.stream.parts import StreamMode

CONTENT = {"type": "values", "ns": (), "data": {"a": 1}, "interrupts": ()}


def test_a_part_is_a_dict_of_its_keys() -> None:
    """A part equals, prints and iterates as the plain dict; its place in the record is an attribute."""
    part = Part(CONTENT, seq=7, attempt=2)
    assert CONTENT == part
    assert repr(CONTENT) == repr(part)
    assert ["type", "ns", "data", "interrupts"] == list(part)
    assert (7, 2) == (part.seq, part.attempt)


def test_a_part_keeps_its_attributes() -> None:
    """Pickling and copying a part keep `seq`, `attempt` and `task_id`; no other attribute can be set."""
    part = Part(CONTENT, seq=7, attempt=2, task_id="t")
    for twin in (pickle.loads(pickle.dumps(part)), copy.copy(part), copy.deepcopy(part)):
        assert (CONTENT, 7, 2, "t") == (twin, twin.seq, twin.attempt, twin.task_id)
    with pytest.raises(AttributeError):
        part.other = 1


def test_each_mode_has_a_part() -> None:
    """Every stream mode has exactly one TypedDict, and its key `type` says the mode."""
    types = [
        getattr(parts, name) for name in parts.__all__ if name.endswith("StreamPart") and name != "StreamPart"
    ]
    modes = [get_args(get_type_hints(part)["type"])[0] for part in types]
    assert sorted(get_args(StreamMode)) == sorted(modes)
    for part in types:
        assert {"type", "ns", "data"} == set(part.__annotations__) - {"interrupts"}
