"""What a graph shows of itself: the shapes are LangGraph's, down to the repr."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass

import pytest

from otgraph.snapshot import GraphOutput, Interrupt, PregelTask, StateSnapshot, StateUpdate
from otgraph.warnings import LangGraphDeprecatedSinceV10, LangGraphDeprecatedSinceV11


def test_an_interrupt_shows_value_id_and_schema() -> None:
    """The repr of an interrupt names its three fields."""
    assert "Interrupt(value='v', id='x', response_schema=None)" == repr(Interrupt("v", "x"))
    assert "placeholder-id" == Interrupt("v").id
    assert Interrupt("v", "x") == Interrupt(value="v", id="x")
    assert Interrupt("v", "x") != Interrupt("v", "y")


def test_an_interrupt_is_named_after_its_namespace() -> None:
    """The id of an interrupt is the hash of a namespace, given whole or in levels."""
    assert "e4bb8f8c00c16987c7ee863ab9632249" == Interrupt.from_ns("v", "a|b").id
    assert Interrupt.from_ns("v", "a|b") == Interrupt("v", ns=["a", "b"])
    assert "x" == Interrupt("v", "x", ns=["a", "b"]).id


def test_arguments_of_old_releases_are_taken() -> None:
    """`resumable` and `when` of older releases are accepted and mean nothing."""
    assert Interrupt("v", "x") == Interrupt("v", "x", resumable=True, when="during")


def test_interrupt_id_is_the_old_name_of_id() -> None:
    """`interrupt_id` still reads the id, with a warning."""
    with pytest.warns(LangGraphDeprecatedSinceV10, match="now `id`"):
        assert "x" == Interrupt("v", "x").interrupt_id


def test_what_is_shown_survives_pickle_and_copy() -> None:
    """Interrupts and outputs can be pickled and copied."""
    for value in (Interrupt([1], "x"), GraphOutput({"a": 1}, (Interrupt("v", "x"),)), StateUpdate({"a": 1})):
        assert value == pickle.loads(pickle.dumps(value)) == copy.deepcopy(value)


def test_tuples_have_the_fields_of_langgraph() -> None:
    """Tasks, states and updates are tuples with LangGraph's fields in LangGraph's order."""
    assert ("values", "as_node", "task_id") == StateUpdate._fields
    assert ("id", "name", "path", "error", "interrupts", "state", "result") == PregelTask._fields
    assert StateSnapshot._fields == (
        "values",
        "next",
        "config",
        "metadata",
        "created_at",
        "parent_config",
        "tasks",
        "interrupts",
    )
    shown = "PregelTask(id='i', name='n', path=('a',), error=None, interrupts=(), state=None, result=None)"
    assert shown == repr(PregelTask("i", "n", ("a",)))


@dataclass
class Model:
    a: int = 3


@pytest.mark.parametrize("value", [{"a": 3}, Model()])
def test_an_output_can_be_read_as_a_dict(value: object) -> None:
    """`output[key]` and `key in output` read a dict, an object or the interrupts, with a warning."""
    waits = (Interrupt("v", "x"),)
    output = GraphOutput(value, waits)
    with pytest.warns(LangGraphDeprecatedSinceV11, match=r"output\.value"):
        assert 3 == output["a"]
    with pytest.warns(LangGraphDeprecatedSinceV11):
        assert waits == output["__interrupt__"]
    with pytest.warns(LangGraphDeprecatedSinceV11), pytest.raises(KeyError, match="zz"):
        output["zz"]
    with pytest.warns(LangGraphDeprecatedSinceV11):
        assert [True, False, True] == ["a" in output, "zz" in output, "__interrupt__" in output]
    with pytest.warns(LangGraphDeprecatedSinceV11):
        assert "__interrupt__" not in GraphOutput(value)


def test_an_output_is_a_frozen_value() -> None:
    """An output compares by value and cannot be changed."""
    assert GraphOutput([1, 2]) == GraphOutput([1, 2], ())
    assert "GraphOutput(value={'a': 1}, interrupts=())" == repr(GraphOutput({"a": 1}))
    with pytest.raises(FrozenInstanceError):
        GraphOutput(1).value = 2  # type: ignore[misc]
