"""The JSON schemas of a graph; what is expected was printed by LangGraph 1.2.22."""

import operator
import sys
import typing
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, ValidationError
from typing_extensions import NotRequired, TypedDict

from otgraph.channels.topic import Topic
from otgraph.constants import START
from otgraph.graph import json_schema
from otgraph.graph.state import StateGraph
from otgraph.plan.model import Plan
from otgraph.warnings import LangGraphDeprecatedSinceV10

STRING, INTEGER = {"type": "string"}, {"type": "integer"}


class Dict(TypedDict):
    """Doc of Dict."""

    a: int
    items: Annotated[list[str], operator.add]
    n: NotRequired[str]


class Model(BaseModel):
    """Doc of Model."""

    a: int = Field(description="desc a")
    b: str = "x"


@dataclass
class Data:
    """Doc of Data."""

    a: int
    b: str = "x"
    items: Annotated[list[int], operator.add] = field(default_factory=list)


class Hinted:
    a: int
    b: str = "x"


class Settings(TypedDict):
    user: str


def plan_of(state: Any, context: Any = None, name: str = "LangGraph", **schemas: Any) -> Plan:
    return (
        StateGraph(state, context, **schemas).add_node("n", lambda s: {}).add_edge(START, "n").plan(name=name)
    )


DICT = {
    "description": "Doc of Dict.",
    "properties": {
        "a": {"title": "A", **INTEGER},
        "items": {"items": STRING, "title": "Items", "type": "array"},
        "n": {"title": "N", **STRING},
    },
    "required": ["a", "items"],
    "title": "Dict",
    "type": "object",
}


def test_typed_dict() -> None:
    """A TypedDict's schema is its own."""
    plan = plan_of(Dict)
    assert DICT == json_schema.get_input_jsonschema(plan)
    assert DICT == json_schema.get_output_jsonschema(plan)


def test_model() -> None:
    """A pydantic model's schema is its own, and it is the input model itself."""
    plan = plan_of(Model)
    assert Model.model_json_schema() == json_schema.get_input_jsonschema(plan)
    assert Model is json_schema.get_input_schema(plan)


@pytest.mark.parametrize(("name", "title"), [("LangGraph", "LangGraphInput"), ("my graph", "my graph_input")])
def test_dataclass(name: str, title: str) -> None:
    """A dataclass's schema has its defaults and is named after the graph."""
    assert {
        "properties": {
            "a": {"title": "A", **INTEGER},
            "b": {"default": "x", "title": "B", **STRING},
            "items": {"default": [], "items": INTEGER, "title": "Items", "type": "array"},
        },
        "required": ["a"],
        "title": title,
        "type": "object",
    } == json_schema.get_input_jsonschema(plan_of(Data, name=name))


def test_class_with_annotations() -> None:
    """Any other class has the keys that it annotates, all required."""
    assert {
        "properties": {"a": {"title": "A", **INTEGER}, "b": {"title": "B", **STRING}},
        "required": ["a", "b"],
        "title": "LangGraphOutput",
        "type": "object",
    } == json_schema.get_output_jsonschema(plan_of(Hinted))


@pytest.mark.parametrize(
    ("state", "shape"),
    [
        (list, {"items": {}, "type": "array"}),
        (int, INTEGER),
        (Annotated[list[int], operator.add], {"items": INTEGER, "type": "array"}),
        (Annotated[int, Topic], {"anyOf": [INTEGER, {"items": INTEGER, "type": "array"}]}),
    ],
)
def test_root_state(state: Any, shape: dict[str, Any]) -> None:
    """A state that is one value has the schema of what can be written to it."""
    assert {"default": None, "title": "LangGraphInput", **shape} == json_schema.get_input_jsonschema(
        plan_of(state)
    )


def test_input_and_output_schemas() -> None:
    """Input and output have schemas of their own where the graph was given them."""
    plan = plan_of(Dict, input_schema=Settings, output_schema=Model)
    assert "Settings" == json_schema.get_input_jsonschema(plan)["title"]
    assert "Model" == json_schema.get_output_jsonschema(plan)["title"]


def test_input_model() -> None:
    """The input model checks what a run is started with."""
    model = json_schema.get_input_schema(plan_of(Settings))
    assert {"user": "u"} == model.model_validate({"user": "u"}).root  # type: ignore[attr-defined]
    with pytest.raises(ValidationError):
        model.model_validate({})
    assert {
        "$defs": {
            "Settings": {
                "properties": {"user": {"title": "User", **STRING}},
                "required": ["user"],
                "title": "Settings",
                "type": "object",
            }
        },
        "$ref": "#/$defs/Settings",
        "title": "LangGraphInput",
    } == model.model_json_schema()


@pytest.mark.parametrize("state", [Dict, Model, Data, Hinted])
def test_output_model(state: Any) -> None:
    """In the output model every key may be missing."""
    model = json_schema.get_output_schema(plan_of(state))
    assert "LangGraphOutput" == model.__name__
    assert 1 == model.model_validate({"a": 1}).a  # type: ignore[attr-defined]
    assert {"default": None, "title": "A", **INTEGER} == model.model_json_schema()["properties"]["a"]


def test_output_model_of_a_root_state() -> None:
    """The output model of one value is that value's, as it is read."""
    model = json_schema.get_output_schema(plan_of(Annotated[int, Topic]))
    assert {"items": INTEGER, "title": "LangGraphOutput", "type": "array"} == model.model_json_schema()


def test_keys_that_are_no_field_names() -> None:
    """A key that pydantic could not name a field after is in the schema all the same."""
    keys = ["model_config", "schema", "_private", "root"]
    odd: Any = TypedDict("Odd", dict.fromkeys(keys, int))  # type: ignore[misc]
    schema = json_schema.get_output_schema(plan_of(odd)).model_json_schema()
    assert {
        "model_config": "Model Config",
        "schema": "Schema",
        "_private": "Private",
        "root": "Root",
    } == {key: shape["title"] for key, shape in schema["properties"].items()}


def test_context() -> None:
    """The context's schema is its class's, and None where there is none."""
    expected = {
        "properties": {"user": {"title": "User", **STRING}},
        "required": ["user"],
        "title": "Settings",
        "type": "object",
    }
    assert expected == json_schema.get_context_jsonschema(plan_of(Dict, Settings))
    assert None is json_schema.get_context_jsonschema(plan_of(Dict))
    with pytest.raises(ValueError, match=r"Invalid context schema type: <class 'int'>\. Must be a BaseModel"):
        json_schema.get_context_jsonschema(plan_of(Dict, int))


def test_config() -> None:
    """The config's schema has the context and what `include` names, and is deprecated."""
    with pytest.warns(LangGraphDeprecatedSinceV10, match="`get_config_jsonschema` is deprecated"):
        schema = json_schema.get_config_jsonschema(plan_of(Dict, Model), include=["tags", "unknown"])
    assert {
        "configurable": {"$ref": "#/$defs/Model", "default": None},
        "tags": {"default": None, "items": STRING, "title": "Tags", "type": "array"},
    } == schema["properties"]
    assert "LangGraphConfig" == schema["title"]
    with pytest.warns(LangGraphDeprecatedSinceV10, match="`config_schema` is deprecated"):
        model = json_schema.config_schema(plan_of(Dict))
    assert {"properties": {}, "title": "LangGraphConfig", "type": "object"} == model.model_json_schema()


def test_typed_dict_of_the_standard_library() -> None:
    """A TypedDict of `typing` has a schema too, though pydantic refuses it on old releases of Python."""

    class Partial(typing.TypedDict, total=False):
        a: int

    expected = {"properties": {"a": {"title": "A", **INTEGER}}, "title": "Partial", "type": "object"}
    assert expected == json_schema.get_input_jsonschema(plan_of(Partial))
    assert "LangGraphInput" == json_schema.get_input_schema(plan_of(Partial)).__name__


def test_without_pydantic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pydantic the error says what to install."""
    plan = plan_of(Dict)
    monkeypatch.setitem(sys.modules, "pydantic", None)
    with pytest.raises(ImportError, match="Install it with: pip install pydantic"):
        json_schema.get_input_jsonschema(plan)
