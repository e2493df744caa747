"""What a node may return, and what becomes of it."""

import operator
from dataclasses import dataclass, field
from typing import Annotated, TypedDict

from pydantic import BaseModel

from parity.registry import covers

from .states import Log, Text, chain, fan, speaker


def returning(drive, value, turn=None):
    """Return a node that returns `value`."""

    @drive.node(turn=turn)
    def node(state):
        return value

    return node


@covers("GRA-12", "STA-08", "STR-13")
def dicts_with_unknown_keys(lg, drive):
    """Keys of the state are written; others vanish without a word, from the chunks too."""
    with drive.heard() as heard:
        graph = chain(
            lg, Text, ("a", returning(drive, {"x": "1", "zz": 2})), ("b", returning(drive, {"zz": 2}))
        )
        yield drive.every(graph.compile(), {"x": "0"})
        yield drive.every(chain(lg, Text, ("a", returning(drive, {}))).compile(), {"x": "0"})
    yield heard


@covers("GRA-13", "STR-12", "STR-13", "STR-07")
def none_is_no_update(lg, drive):
    """None writes nothing, but the node ran: its updates chunk is None, no values chunk follows."""
    graph = chain(lg, Text, ("a", returning(drive, None)), ("b", returning(drive, {"y": "b"}))).compile()
    yield drive.every(graph, {"x": "0"})
    yield drive.invoke(graph, {"x": "0"})


@covers("GRA-14", "GRA-36", "STR-13")
def commands_and_lists_of_commands(lg, drive):
    """A Command, or a list or tuple holding at least one besides dicts, is an update."""
    Command = lg.types.Command
    for value in (
        Command(update={"log": ["c"]}),
        Command(),
        [Command(update={"log": ["c1"]}), Command(update={"log": ["c2"]})],
        (Command(update={"log": ["c1"]}), {"log": ["d"]}),
        [{"log": ["d"]}, Command(goto="b")],
        [Command(update={"log": ["x"]}, goto="b"), Command(goto="b"), None],
    ):
        graph = chain(lg, Log, ("a", returning(drive, value)))
        graph.add_node("b", speaker(drive, "b"))
        yield drive.every(graph.compile(), {"log": []})


class Model(BaseModel):
    """Fields with and without defaults."""

    x: int = 0
    y: str = "d"
    z: str | None = None


@dataclass
class Data:
    """The same as a dataclass."""

    x: int = 0
    y: str = "d"
    z: str | None = None
    tags: list = field(default_factory=list)


class Plain:
    """An annotated class of no special kind."""

    x: int
    y: str

    def __init__(self, x, y):
        self.x, self.y = x, y


class Fields(TypedDict):
    """The state those classes write to."""

    x: int
    y: str
    z: str | None


@covers("GRA-15", "STA-06")
def instances_as_updates(lg, drive):
    """An instance writes fields that are not None, or have a default, or were set; so unset defaults reset state."""
    for value in (
        Model(x=5),
        Model(x=5, z=None),
        Model(z="z"),
        Data(x=5),
        Data(z="z"),
        Plain(1, "one"),
        Plain(1, None),
    ):
        graph = chain(lg, Fields, ("a", returning(drive, value))).compile()
        yield drive.every(graph, {"x": 1, "y": "yy", "z": "zz"})
    graph = chain(lg, Fields, ("a", returning(drive, lg.types.Command(update=Model(x=9))))).compile()
    yield drive.every(graph, {"x": 1, "y": "yy", "z": "zz"})
    noted = chain(lg, Fields, ("a", returning(drive, None))).compile()
    for given in (Model(x=3), Data(x=3), Plain(2, "two")):
        yield drive.every(noted, given)


@covers("GRA-12", "GRA-14")
def wrong_results(lg, drive):
    """Anything else fails the task and says what came."""
    for value in (
        5,
        "text",
        ["text"],
        [1, 2],
        [{"log": ["x"]}],
        ("log", ["x"]),
        {1, 2},
        object,
        True,
        b"b",
        0,
        "",
    ):
        yield drive.every(chain(lg, Log, ("a", returning(drive, value))).compile(), {"log": []})


@covers("GRA-12", "GRA-30", "STR-13")
def sends_as_results(lg, drive):
    """A bare Send is a route without an update; a list of Sends is not taken."""
    Send = lg.types.Send
    for value in (Send("b", {"log": ["s"]}), [Send("b", {}), Send("b", {})]):
        graph = chain(lg, Log, ("a", returning(drive, value)))
        graph.add_node("b", speaker(drive, "b"))
        yield drive.every(graph.compile(), {"log": []})


@covers("GRA-17", "STA-10", "STR-06", "STR-13", "STR-21")
def root_state(lg, drive):
    """A schema that is no class with fields is one channel; streams carry its bare value."""
    listed = chain(
        lg, Annotated[list, operator.add], ("a", returning(drive, ["a"])), ("b", returning(drive, None))
    )
    listed.add_node("c", returning(drive, ["c"]))
    listed.add_edge("b", "c")
    yield drive.every(listed.compile(), ["in"])
    yield drive.invoke(listed.compile(), ["in"])
    yield drive.stream(listed.compile(), ["in"], stream_mode="values")

    @drive.node
    def double(state):
        return state * 2

    yield drive.every(chain(lg, int, ("a", double), ("b", double)).compile(), 3)
    yield drive.every(chain(lg, list, ("a", double)).compile(), ["x"])
    yield drive.every(
        chain(lg, str, ("a", returning(drive, lg.types.Command(update="new")))).compile(), "old"
    )
    together = fan(lg, int, ("a", returning(drive, 1, turn=0)), ("b", returning(drive, 2, turn=1)))
    yield drive.every(together.compile(), 0)


@covers("GRA-17", "GRA-36")
def root_state_commands(lg, drive):
    """A Command's update is any value in a root state."""
    Command = lg.types.Command
    for value in (Command(update=["u"]), [Command(update=["u"]), Command(update=["v"], goto="b")]):
        graph = chain(lg, Annotated[list, operator.add], ("a", returning(drive, value)))
        graph.add_node("b", returning(drive, ["b"]))
        yield drive.every(graph.compile(), ["in"])


@covers("GRA-19", colours=("sync", "async"))
def colours_of_nodes(lg, drive):
    """A sync node runs in an async run; an async-only node refuses a sync one."""

    async def slow(state):
        return {"log": ["async"]}

    def quick(state):
        return {"log": ["sync"]}

    yield drive.every(chain(lg, Log, ("a", slow)).compile(), {"log": []})
    yield drive.every(chain(lg, Log, ("a", quick)).compile(), {"log": []})
    yield drive.every(chain(lg, Log, ("q", quick), ("s", slow), ("q2", quick)).compile(), {"log": []})


@covers("GRA-19", "GRA-04", colours=("sync", "async"))
def async_branch(lg, drive):
    """A coroutine function as a branch works in async runs and refuses sync ones."""

    async def path(state):
        return "b"

    graph = chain(lg, Log, ("a", speaker(drive, "a")))
    graph.add_node("b", speaker(drive, "b"))
    graph.add_conditional_edges("a", path)
    yield drive.every(graph.compile(), {"log": []})


@covers("GRA-12")
def live_values_are_handed_on(lg, drive):
    """State values are the objects that nodes wrote: no copies are made on the way."""
    thing = {"deep": [1]}

    class Holder(TypedDict):
        thing: dict

    @drive.node
    def write(state):
        return {"thing": thing}

    @drive.node
    def change(state):
        state["thing"]["deep"].append(2)
        return {}

    graph = chain(lg, Holder, ("w", write), ("c", change)).compile()
    result = drive.invoke(graph, {})
    yield result, result["thing"] is thing
