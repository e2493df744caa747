"""Which classes come back from checkpoints as objects where the environment asks to be strict."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NewType

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.checkpoint.serde.event_hooks import register_serde_event_listener
from otgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.func import entrypoint, task
from otgraph.graph import START, StateGraph
from otgraph.plan.stored import classes_of, trusting
from otgraph.types import Command, interrupt

PLACE: Any = {"configurable": {"thread_id": "t"}}


class Colour(Enum):
    RED = "red"


@dataclass
class Deep:
    x: int


@dataclass
class Nest:
    deep: Deep | None = None
    again: Nest | None = None


class Leaf(BaseModel):
    y: int = 0


class Person(BaseModel):
    name: str = "p"
    leaves: list[Leaf] = []


class Pair(NamedTuple):
    one: int
    two: Deep


@dataclass
class Unlisted:
    x: int


Named = NewType("Named", Deep)


class Inside(TypedDict):
    colour: Colour


VALUES: dict[str, tuple[Any, Any]] = {
    "class": (Deep, Deep(1)),
    "list": (list[Deep], [Deep(1)]),
    "reducer": (Annotated[list[Deep], operator.add], [Deep(1)]),
    "optional": (Colour | None, Colour.RED),
    "union in a dict": (dict[str, Person | int], {"a": Person(), "b": 1}),
    "field of a dataclass": (Nest, Nest(Deep(1), Nest(Deep(2)))),
    "field of a model": (Person, Person(leaves=[Leaf(y=1)])),
    "field of a TypedDict": (Inside, {"colour": Colour.RED}),
    "field of a NamedTuple": (Pair, Pair(1, Deep(2))),
    "new type": (Named, Deep(1)),
    "literal beside it": (Literal["a"] | Deep, Deep(1)),
}
"""How a schema may name a class -> annotation and value."""


@pytest.fixture
def events() -> Iterator[list[Any]]:
    """What the serialiser tells."""
    heard: list[Any] = []
    unregister: Callable[[], None] = register_serde_event_listener(heard.append)
    yield heard
    unregister()


@pytest.fixture(autouse=True)
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that asks to be strict."""
    monkeypatch.setenv("LANGGRAPH_STRICT_MSGPACK", "true")


def kept(annotation: Any, value: Any, saver: Any) -> Any:
    """Return what a state has of a value after it was saved."""
    state = type("State", (), {"__annotations__": {"value": annotation}})
    builder = StateGraph(state)
    builder.add_node("n", lambda state: {"value": value})
    builder.add_edge(START, "n")
    graph = builder.compile(checkpointer=saver)
    graph.invoke({}, PLACE)
    return graph.get_state(PLACE).values["value"]


@pytest.mark.parametrize("how", VALUES)
def test_what_a_schema_names_comes_back(how: str, events: list[Any], tmp_path: Path) -> None:
    """A class that the schema names, at whatever depth, is an object again, and nobody is warned."""
    annotation, value = VALUES[how]
    assert value == kept(annotation, value, InMemorySaver())
    with SqliteSaver.from_conn_string(tmp_path / "t.db") as saver:
        assert value == kept(annotation, value, saver)
    assert [] == events


def test_what_no_schema_names_does_not(events: list[Any]) -> None:
    """A class that only a node put into the state is plain data, unless the serialiser lists it."""
    assert {"x": 1} == kept(Any, Unlisted(1), InMemorySaver())
    assert ["msgpack_blocked"] == [event["kind"] for event in events]
    listed = InMemorySaver(serde=JsonPlusSerializer(allowed_msgpack_modules=[Unlisted]))
    assert Unlisted(1) == kept(Any, Unlisted(1), listed)


def test_graphs_inside_and_functions(events: list[Any]) -> None:
    """The classes of a graph inside, of questions, of entrypoints and what they keep come back too."""

    class Inner(TypedDict, total=False):
        deep: Deep

    inner = StateGraph(Inner)
    inner.add_node("make", lambda state: {"deep": Deep(1)})
    inner.add_node("ask", lambda state: {"deep": interrupt(state["deep"])})
    inner.add_edge(START, "make")
    inner.add_edge("make", "ask")
    outer = StateGraph(Inside)
    outer.add_node("sub", inner.compile())
    outer.add_edge(START, "sub")
    graph = outer.compile(checkpointer=InMemorySaver())
    graph.invoke({"colour": Colour.RED}, PLACE)
    inside = graph.get_state(PLACE, subgraphs=True).tasks[0].state
    assert {"deep": Deep(1)} == inside.values
    assert {"colour": Colour.RED} == graph.invoke(Command(resume=Deep(2)), PLACE)

    @task
    def work(x: int) -> int:
        return x

    @entrypoint(checkpointer=InMemorySaver())
    def flow(given: Deep, *, previous: Nest | None = None) -> entrypoint.final[Any, Nest]:
        seen = None if previous is None else type(previous).__name__
        return entrypoint.final(value=seen, save=Nest(Deep(work(given.x).result())))

    assert [None, "Nest"] == [flow.invoke(Deep(1), PLACE), flow.invoke(Deep(1), PLACE)]
    assert [] == [event for event in events if event["name"] != "Deep"]


def test_the_list_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph's classes are looked for once; where nobody asks to be strict, the saver is the one that was given."""
    builder = StateGraph(Inside)
    builder.add_node("n", lambda state: None)
    builder.add_edge(START, "n")
    saver = InMemorySaver()
    plan = builder.compile().plan
    assert trusting(saver, plan) is trusting(saver, plan) is not saver
    assert Colour in classes_of(plan)
    monkeypatch.delenv("LANGGRAPH_STRICT_MSGPACK")
    assert trusting(saver, plan) is saver
    assert trusting(object(), plan) is not None
