"""Command: an update and a route in one value."""

import operator
from typing import Annotated, TypedDict

from parity.registry import covers

from .states import Log, Mixed, chain, fan, saying, speaker


def jumping(drive, command, turn=None):
    """Return a node that returns `command`."""

    @drive.node(turn=turn)
    def jump(state):
        return command

    return jump


@covers("GRA-35", "GRA-36", "GRA-37", "ENG-15")
def update_and_goto(lg, drive):
    """A Command updates the state and names the next nodes: one, several, Sends or END."""
    Command, Send = lg.types.Command, lg.types.Send
    for goto in (
        "b",
        ["b"],
        ["b", "c"],
        ("c", "b"),
        "__end__",
        ["__end__", "b"],
        (),
        [],
        Send("b", {"log": [1]}),
    ):
        graph = chain(lg, Log, ("a", jumping(drive, Command(update={"log": ["a"]}, goto=goto))))
        graph.add_node("b", speaker(drive, "b", turn=0))
        graph.add_node("c", speaker(drive, "c", turn=1))
        yield goto
        yield drive.every(graph.compile(), {"log": []})


@covers("GRA-37", "GRA-23")
def goto_adds_to_edges(lg, drive):
    """The node's static edges and branches fire too; a node named twice runs once."""
    Command = lg.types.Command
    graph = chain(lg, Log, ("a", jumping(drive, Command(goto=["c", "d"]))))
    for turn, name in enumerate("bcd"):
        graph.add_node(name, speaker(drive, name, turn=turn))
    graph.add_edge("a", "b")
    graph.add_conditional_edges("a", lambda s: "c")
    yield drive.every(graph.compile(), {"log": []})


@covers("GRA-36")
def kinds_of_updates(lg, drive):
    """An update is a dict, pairs, or an annotated object; unknown keys vanish; other values are refused."""
    Command = lg.types.Command

    class Annotated_:
        log: list
        total: int

        def __init__(self):
            self.log, self.total = ["o"], 4

    for update in (
        {"log": ["d"]},
        {"log": ["d"], "zz": 1},
        [("log", ["p"]), ("total", 1)],
        (("log", ["t"]),),
        Annotated_(),
        {},
        [],
        None,
        5,
        "text",
        ["log"],
        [("log", ["p"], 3)],
    ):
        graph = chain(lg, Mixed, ("a", jumping(drive, Command(update=update))))
        yield drive.every(graph.compile(), {"log": [], "word": "w"})


@covers("GRA-37", "ENG-24")
def unknown_targets(lg, drive):
    """A goto to an unknown node, or to START, warns and leads nowhere."""
    Command = lg.types.Command
    for goto in ("nowhere", ["nowhere", "b"], "__start__"):
        graph = chain(lg, Log, ("a", jumping(drive, Command(goto=goto))))
        graph.add_node("b", speaker(drive, "b"))
        with drive.heard() as heard:
            yield drive.every(graph.compile(), {"log": []})
        yield heard


@covers("GRA-35", "PKG-06", colours=("sync",))
def command_values(lg, drive):
    """A Command is frozen and shows what it holds."""
    Command = lg.types.Command
    command = Command(update={"log": [1]}, goto="b")
    yield command, repr(command), command == Command(update={"log": [1]}, goto="b")
    yield type(drive.attempt(setattr, command, "goto", "c").error).__name__
    yield Command.PARENT, Command().goto, Command().graph, Command().resume
    yield drive.attempt(Command, {"log": [1]})


class Outer(TypedDict):
    """State of the graph around."""

    log: Annotated[list, operator.add]
    other: str


@covers("GRA-39", "STR-19")
def to_the_parent(lg, drive):
    """PARENT applies update and goto in the graph around; the inner graph stops, its own writes are lost."""
    Command, Send = lg.types.Command, lg.types.Send
    for command in (
        Command(graph=Command.PARENT, update={"log": ["up"], "other": "o"}, goto="b"),
        Command(graph=Command.PARENT, update={"log": ["up"]}),
        Command(graph=Command.PARENT, goto=["b", "c"]),
        Command(graph=Command.PARENT, goto=Send("b", {"log": ["sent"]})),
        Command(graph=Command.PARENT, update=[("log", ["1"]), ("log", ["2"])], goto="b"),
    ):
        inner = chain(
            lg,
            Log,
            ("x", speaker(drive, "x")),
            ("jump", jumping(drive, command)),
            ("never", speaker(drive, "n")),
        )
        graph = chain(lg, Outer, ("inner", inner.compile()))
        graph.add_node("b", speaker(drive, "b", turn=0))
        graph.add_node("c", speaker(drive, "c", turn=1))
        yield drive.every(graph.compile(), {"log": ["in"]})
        yield drive.stream(
            graph.compile(), {"log": ["in"]}, stream_mode=["values", "updates", "tasks", "debug"]
        )


@covers("GRA-39", "GRA-37")
def to_the_parent_with_edges(lg, drive):
    """The graph node's static edges in the parent fire besides the goto."""
    Command = lg.types.Command
    command = Command(graph=Command.PARENT, update={"log": ["up"]}, goto="b")
    inner = chain(lg, Log, ("jump", jumping(drive, command)))
    graph = chain(lg, Outer, ("inner", inner.compile()), ("after", speaker(drive, "after", turn=1)))
    graph.add_node("b", speaker(drive, "b", turn=0))
    yield drive.every(graph.compile(), {"log": ["in"]})


@covers("GRA-39")
def one_level_up_only(lg, drive):
    """From a deeper graph PARENT is the graph right around it; a second level needs a second Command."""
    Command = lg.types.Command
    command = Command(graph=Command.PARENT, update={"log": ["up"]}, goto="b")
    innermost = chain(lg, Log, ("jump", jumping(drive, command)))
    middle = chain(lg, Log, ("innermost", innermost.compile()))
    middle.add_node("b", speaker(drive, "middle b"))
    outer = chain(lg, Log, ("middle", middle.compile()))
    outer.add_node("b", speaker(drive, "outer b"))
    yield drive.every(outer.compile(), {"log": ["in"]})


@covers("GRA-39")
def parent_of_the_root(lg, drive):
    """At the root there is no parent: the ParentCommand reaches the caller."""
    Command = lg.types.Command
    command = Command(graph=Command.PARENT, update={"log": ["up"]}, goto="b")
    graph = chain(lg, Log, ("a", speaker(drive, "a")), ("jump", jumping(drive, command)))
    yield drive.invoke(graph.compile(), {"log": []})
    yield drive.every(graph.compile(), {"log": []})


@covers("GRA-39", "ENG-24")
def other_graph_names(lg, drive):
    """A graph name that is not PARENT is not looked up: the Command is applied where it was returned."""
    Command = lg.types.Command
    inner = chain(lg, Log, ("jump", jumping(drive, Command(graph="outer", update={"log": ["up"]}, goto="b"))))
    graph = chain(lg, Outer, ("inner", inner.compile()))
    graph.add_node("b", speaker(drive, "b"))
    with drive.heard() as heard:
        yield drive.every(graph.compile(name="outer"), {"log": []})
    yield heard


@covers("GRA-39", "GRA-14")
def parent_command_among_others(lg, drive):
    """A list that holds a PARENT command stops the inner graph too."""
    Command = lg.types.Command
    commands = [
        Command(update={"log": ["own"]}, goto="y"),
        Command(graph=Command.PARENT, update={"log": ["up"]}, goto="b"),
    ]
    for value in (commands, commands[::-1]):
        inner = chain(lg, Log, ("jump", jumping(drive, value)))
        inner.add_node("y", speaker(drive, "y"))
        graph = chain(lg, Outer, ("inner", inner.compile()))
        graph.add_node("b", speaker(drive, "b"))
        yield drive.every(graph.compile(), {"log": []})


@covers("GRA-39")
def parent_command_from_a_called_graph(lg, drive):
    """A graph invoked in a node body hands its PARENT command to the graph of that node."""
    Command = lg.types.Command
    inner = chain(
        lg, Log, ("jump", jumping(drive, Command(graph=Command.PARENT, update={"log": ["up"]}, goto="b")))
    )
    inner = inner.compile()

    @drive.node
    async def caller(state):
        await drive.call(inner, {"log": []})
        return {"log": ["never"]}

    graph = chain(lg, Outer, ("caller", caller))
    graph.add_node("b", speaker(drive, "b"))
    yield drive.every(graph.compile(), {"log": []})


@covers("GRA-39", "ENG-05")
def parent_command_beside_siblings(lg, drive):
    """Siblings in the inner graph finish; siblings of the graph node are untouched."""
    Command = lg.types.Command
    command = Command(graph=Command.PARENT, update={"log": ["up"]}, goto="b")
    inner = fan(
        lg, Log, ("first", speaker(drive, "first", turn=0)), ("jump", jumping(drive, command, turn=1))
    )
    graph = fan(lg, Outer, ("inner", inner.compile()), ("z", speaker(drive, "z", turn=2)))
    graph.add_node("b", speaker(drive, "b"))
    yield drive.every(graph.compile(), {"log": []})


@covers("GRA-39", "ENG-05")
def parent_command_before_siblings(lg, drive):
    """A PARENT command cancels nobody: siblings of the inner graph run to their end before it takes effect."""
    Command = lg.types.Command
    command = Command(graph=Command.PARENT, update={"log": ["up"]}, goto="b")
    deep = chain(lg, Log, ("p", speaker(drive, "p", turn=3)), ("q", speaker(drive, "q", turn=4))).compile()
    inner = fan(
        lg, Log, ("jump", jumping(drive, command, turn=0)), ("z", speaker(drive, "z", turn=1)), ("deep", deep)
    )
    graph = chain(lg, Outer, ("inner", inner.compile()))
    graph.add_node("b", speaker(drive, "b"))
    yield drive.every(graph.compile(), {"log": []})


@covers("GRA-37", "GRA-24")
def commands_and_joins(lg, drive):
    """A goto does not count for a barrier; the node's own list edge does."""
    Command = lg.types.Command
    graph = fan(lg, Log, ("a", jumping(drive, Command(goto="c", update={"log": ["a"]}), 0)))
    graph.add_node("b", speaker(drive, "b", turn=1))
    graph.add_node("c", speaker(drive, "c", turn=2))
    graph.add_edge("a", "b").add_edge(["a", "b"], "c")
    yield drive.every(graph.compile(), {"log": []})


@covers("GRA-35")
def loop_by_command(lg, drive):
    """A node that names itself loops."""
    Command = lg.types.Command

    @drive.node
    def a(state):
        done = len(state["log"]) >= 3
        return Command(update={"log": [len(state["log"])]}, goto="__end__" if done else "a")

    yield drive.every(chain(lg, Log, ("a", a)).compile(), {"log": []})
    yield drive.every(chain(lg, Log, ("a", a), *saying(drive, "b")).compile(), {"log": [1, 2, 3]})
