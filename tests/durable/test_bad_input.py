"""What cannot work says so, says what to do, and leaves what is stored as it is."""

from __future__ import annotations

import asyncio
import operator
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest

from otgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from otgraph.errors import EmptyInputError, InvalidUpdateError
from otgraph.graph import START, StateGraph
from otgraph.types import Command, interrupt

CONFIG: Any = {"configurable": {"thread_id": "t"}}
serde = JsonPlusSerializer()


class State(TypedDict):
    log: Annotated[list[Any], operator.add]


class Odd:
    """Nothing that can be stored."""


def chain(saver: Any, schema: Any = State, **nodes: Callable[..., Any]) -> Any:
    builder = StateGraph(schema)
    before = START
    for name, node in nodes.items():
        builder.add_node(name, node)
        builder.add_edge(before, name)
        before = name
    return builder.compile(checkpointer=saver)


def says(word: Any) -> Callable[[Any], Any]:
    return lambda state: {"log": [word]}


def ask(state: State) -> State:
    return {"log": [interrupt("why?")]}


class Place:
    """A file, the graph that is saved in it, and how it is run."""

    def __init__(self, path: Path, colour: str) -> None:
        self.path, self.colour = path, colour

    def run(self, given: Any, config: Any = CONFIG, *, schema: Any = State, **options: Any) -> Any:
        """Run a chain to its end or to its question; the nodes are the rest of the arguments."""
        durability = options.pop("durability", "async")
        nodes = options or {"a": says("a"), "ask": ask}
        if self.colour == "sync":
            with SqliteSaver.from_conn_string(self.path) as saver:
                return chain(saver, schema, **nodes).invoke(given, config, durability=durability)

        async def arun() -> Any:
            async with AsyncSqliteSaver.from_conn_string(self.path) as saver:
                return await chain(saver, schema, **nodes).ainvoke(given, config, durability=durability)

        return asyncio.run(arun())

    def rows(self) -> list[Any]:
        """Return all that is stored."""
        with sqlite3.connect(self.path) as connection:
            found = [
                row
                for table in ("checkpoints", "writes")
                for row in connection.execute(f"SELECT * FROM {table}")
            ]
        connection.close()
        return found

    def execute(self, statement: str, *arguments: Any) -> None:
        with sqlite3.connect(self.path) as connection:
            connection.execute(statement, arguments)
        connection.close()

    def newest(self) -> Any:
        with SqliteSaver.from_conn_string(self.path) as saver:
            found = saver.get_tuple(CONFIG)
        assert found is not None
        return found


@pytest.fixture(params=["sync", "async"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A file in which a thread waits for an answer."""
    made = Place(tmp_path / "checkpoints.db", request.param)
    made.run({"log": ["x"]})
    return made


def refused(place: Place, error: type[Exception], match: str, *args: Any, **kwargs: Any) -> None:
    """See to it that a run is refused, and that nothing stored has changed."""
    before = place.rows()
    with pytest.raises(error, match=match):
        place.run(*args, **kwargs)
    assert before == place.rows()


def test_an_unknown_thread(place: Place) -> None:
    """Going on with a thread or a checkpoint that is not there names it; reading its state says that it is empty."""
    unknown: Any = {"configurable": {"thread_id": "other"}}
    for given in (None, Command(resume=1)):
        refused(place, EmptyInputError, "nothing is saved of thread 'other', .*give an input", given, unknown)
    lost: Any = {"configurable": {"thread_id": "t", "checkpoint_id": "1f000000-0000-6000-8000-000000000000"}}
    refused(place, EmptyInputError, "checkpoint '1f0.*' of thread 't'", None, lost)
    with SqliteSaver.from_conn_string(place.path) as saver:
        graph = chain(saver, a=says("a"))
        assert ({}, ()) == graph.get_state(unknown)[:2]
        assert [] == list(graph.get_state_history(unknown))


def test_no_thread(place: Place) -> None:
    """A saved graph needs to know the thread."""
    refused(place, ValueError, "thread_id.*give config=", {"log": []}, {"configurable": {"user": 1}})
    refused(
        place, ValueError, "durability must be one of sync, async, exit, not 'soon'", None, durability="soon"
    )


def test_an_answer_that_nobody_asked_for(place: Place) -> None:
    """An answer to a thread that is finished is refused; so is one answer to several questions."""
    assert {"log": ["x", "a", "because"]} == place.run(Command(resume="because"))
    for answer in ("because", {"0" * 32: "because"}):
        refused(place, RuntimeError, "thread 't': .*asked nothing", Command(resume=answer))
    assert {"log": ["x", "a", "because"]} == place.run(None)


def test_an_empty_command(place: Place) -> None:
    """A command without anything in it is refused."""
    refused(place, EmptyInputError, "empty Command", Command())
    refused(place, InvalidUpdateError, "no parent graph", Command(graph=Command.PARENT, update={"log": []}))


DAMAGE = {
    "UPDATE checkpoints SET checkpoint = x'c1' WHERE checkpoint_id = ?": "cannot read the checkpoint: .*damaged",
    "UPDATE checkpoints SET metadata = '{' WHERE checkpoint_id = ?": "cannot read the metadata",
    "UPDATE checkpoints SET metadata = '{}' WHERE checkpoint_id = ?": "its metadata, {}, do not say",
    "UPDATE writes SET value = x'92' WHERE checkpoint_id = ?": "cannot read the write of task",
}


@pytest.mark.parametrize("statement", DAMAGE)
def test_a_damaged_row(statement: str, place: Place) -> None:
    """A row that cannot be read is named; the checkpoint before it can still be gone on from."""
    head = place.newest()
    place.execute(statement, head.checkpoint["id"])
    for given in (None, Command(resume=1), {"log": ["y"]}):
        refused(
            place,
            ValueError,
            f"checkpoint '{head.checkpoint['id']}' of thread 't'.*{DAMAGE[statement]}",
            given,
        )
    before: Any = head.parent_config
    assert ["x", "a"] == place.run(None, before)["log"]


PARTS: dict[str, dict[str, Any]] = {
    "no usable channel_versions": {"channel_versions": None},
    "no usable channel_values": {"channel_values": [1]},
    "no usable versions_seen": {"versions_seen": 1},
    "the format 5": {"v": 5},
}


@pytest.mark.parametrize("what", PARTS)
def test_a_checkpoint_that_is_none(what: str, place: Place) -> None:
    """A checkpoint that lacks a part, is of a newer release or does not fit the state is named."""
    head = place.newest().checkpoint
    kind, payload = serde.dumps_typed({**head, **PARTS[what]})
    place.execute(
        "UPDATE checkpoints SET type = ?, checkpoint = ? WHERE checkpoint_id = ?", kind, payload, head["id"]
    )
    refused(place, ValueError, f"{head['id']}.*{what}", None, schema=Kept)
    with SqliteSaver.from_conn_string(place.path) as saver:
        graph = chain(saver, Kept, a=says("a"), ask=ask)
        with pytest.raises(ValueError, match=what):
            graph.get_state(CONFIG)
        with pytest.raises(ValueError, match=what):
            graph.update_state(CONFIG, {"log": ["z"]}, as_node="a")


class Kept(TypedDict):
    log: Annotated[list[Any], operator.add]


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_a_value_that_cannot_be_stored(durability: str, place: Place) -> None:
    """The error names the channel and the place in its value; the thread stays where it was and can go on."""
    odd = r"Odd, at .*\[\d\]\. .*keep it out of the state"
    refused(
        place,
        TypeError,
        "not msgpack serializable: Odd",
        Command(resume=Odd()),
        durability=durability,
    )
    refused(place, TypeError, odd, {"log": [Odd()]}, durability=durability, a=says("a"))
    before = place.newest()
    with pytest.raises(TypeError, match=odd):
        place.run({"log": ["y"]}, durability=durability, a=says(Odd()), b=says("b"))
    head = place.newest()
    if durability == "exit":
        assert before == head
    else:
        assert ["x", "a", "y"] == head.checkpoint["channel_values"]["log"]
        assert {"log": ["x", "a", "y", "a", "b"]} == place.run(None, a=says("a"), b=says("b"))


class Counted(TypedDict):
    log: Annotated[int, operator.add]


def test_a_reducer_that_does_not_take_what_was_saved(place: Place) -> None:
    """The error is the reducer's; it says which channel of which thread held what."""
    before = place.newest()
    with pytest.raises(TypeError, match="concatenate list") as raised:
        place.run({"log": 1}, schema=Counted, a=lambda state: {"log": 1})
    if sys.version_info >= (3, 11):
        assert any("key 'log' of thread 't', which held a list" in note for note in raised.value.__notes__)
    with SqliteSaver.from_conn_string(place.path) as saver:
        assert before.checkpoint in [found.checkpoint for found in saver.list(CONFIG)]
    first: Any = {"configurable": {"thread_id": "t", "checkpoint_id": before.checkpoint["id"]}}
    assert ["x", "a"] == place.run(None, first)["log"]


def test_a_node_that_is_gone(place: Place) -> None:
    """A thread that is to go on with a node that the graph has no more is not passed off as finished."""
    for given in (None, Command(resume="because")):
        refused(
            place,
            ValueError,
            "thread 't' is to go on with 'ask', which this graph has not",
            given,
            b=says("b"),
        )
    assert ["x", "a", "y", "b"] == place.run({"log": ["y"]}, b=says("b"))["log"]


class Grown(TypedDict):
    log: Annotated[list[Any], operator.add]
    more: int


def test_a_state_that_has_grown_or_shrunk(place: Place) -> None:
    """A new key is empty at first, and one that is gone is left in the checkpoints that have it."""
    both = {
        "a": says("a"),
        "ask": lambda state: {"log": [interrupt("why?")], "more": state.get("more", 0) + 1},
    }
    assert {"log": ["x", "a", 1], "more": 1} == place.run(Command(resume=1), schema=Grown, **both)
    assert ["x", "a", 1, "y", "a"] == place.run({"log": ["y"]})["log"]
    with SqliteSaver.from_conn_string(place.path) as saver:
        graph = chain(saver, Grown, a=says("a"), ask=ask)
        assert [1] == [
            state.values["more"] for state in graph.get_state_history(CONFIG) if "more" in state.values
        ]
