"""Conditional edges: what they may return, what they see, where they run."""

from typing import Literal, TypedDict

from parity.registry import covers

from .states import Log, Text, chain, fan, saying, speaker


@covers("GRA-04", "GRA-27")
def results(lg, drive):
    """A branch returns a name, a list, a key of its path map, a Send or END."""
    Send = lg.types.Send

    def graph(path, path_map=None):
        builder = chain(lg, Log, ("a", speaker(drive, "a")))
        builder.add_node("b", speaker(drive, "b", turn=0))
        builder.add_node("c", speaker(drive, "c", turn=1))
        builder.add_conditional_edges("a", path, path_map)
        return builder.compile()

    yield drive.every(graph(lambda state: "b"), {"log": []})
    yield drive.every(graph(lambda state: ["b", "c"]), {"log": []})
    yield drive.every(graph(lambda state: ["c", "b", "c"]), {"log": []})
    yield drive.every(graph(lambda state: [Send("c", {"log": ["sent"]}), "b"]), {"log": []})
    yield drive.every(graph(lambda state: True, {True: "b", False: "c"}), {"log": []})
    yield drive.every(graph(lambda state: "c", ["b", "c"]), {"log": []})
    yield drive.every(graph(lambda state: [1, 2], {1: "b", 2: "__end__"}), {"log": []})
    yield drive.every(graph(lambda state: "__end__"), {"log": []})
    yield drive.every(graph(lambda state: []), {"log": []})
    yield drive.every(graph(lambda state: ("b", "c")), {"log": []})


@covers("GRA-27", "ENG-24")
def mistakes(lg, drive):
    """None, START, a value missing from the map and a Send to END fail the task; an unknown name warns."""
    Send = lg.types.Send

    def graph(path, path_map=None):
        builder = chain(lg, Log, ("a", speaker(drive, "a")))
        builder.add_node("b", speaker(drive, "b"))
        builder.add_conditional_edges("a", path, path_map)
        return builder.compile()

    yield drive.every(graph(lambda state: None), {"log": []})
    yield drive.every(graph(lambda state: "__start__"), {"log": []})
    yield drive.every(graph(lambda state: [None, "b"]), {"log": []})
    yield drive.every(graph(lambda state: Send("__end__", {})), {"log": []})
    yield drive.every(graph(lambda state: "x", {"y": "b"}), {"log": []})
    with drive.heard() as heard:
        yield drive.every(graph(lambda state: "nowhere"), {"log": []})
    yield heard


@covers("GRA-04")
def kinds(lg, drive):
    """A branch may be a function, a callable object, a lambda or (in async runs) a coroutine function."""

    class Route:
        def __call__(self, state):
            return "b"

    builder = chain(lg, Log, *saying(drive, "a", "b", "c"))
    builder.add_node("d", speaker(drive, "d"))

    @drive.node
    def to_d(state):
        return "d"

    builder.add_conditional_edges("c", to_d)
    builder.add_conditional_edges("d", Route(), {"b": "__end__"})
    yield sorted(builder.branches["c"]), sorted(builder.branches["d"])
    yield drive.every(builder.compile(), {"log": []})


@covers("GRA-04", "GRA-09", colours=("sync",))
def two_branches_on_a_node(lg, drive):
    """Two branches of different names both run; a second one of the same name is refused."""
    builder = chain(lg, Log, *saying(drive, "a"))
    builder.add_node("b", speaker(drive, "b", turn=0))
    builder.add_node("c", speaker(drive, "c", turn=1))

    def one(state):
        return "b"

    def two(state):
        return "c"

    builder.add_conditional_edges("a", one)
    builder.add_conditional_edges("a", two)
    yield drive.attempt(builder.add_conditional_edges, "a", one)
    yield drive.every(builder.compile(), {"log": []})


class Item(TypedDict):
    """What a worker reads of a packet."""

    item: int


@covers("GRA-25")
def own_writes_only(lg, drive):
    """A branch sees the state with its own node's writes, not those of siblings, and unknown keys of the result."""
    seen = []
    Send = lg.types.Send

    def look(name):
        def path(state):
            seen.append((name, dict(state)))
            return "__end__"

        path.__name__ = f"path_{name}"
        return path

    builder = fan(lg, Log, ("a", speaker(drive, "a", turn=0)), ("b", speaker(drive, "b", turn=1)))
    builder.add_conditional_edges("a", look("a"))
    builder.add_conditional_edges("b", look("b"))
    yield drive.stream(builder.compile(), {"log": ["in"]})
    yield seen

    more = drive.node(lambda s: {"log": ["w"], "extra": 5})
    for node, schema in (
        (speaker(drive, "w"), None),
        (speaker(drive, "w"), Item),
        (more, None),
        (more, Item),
    ):
        seen.clear()
        sends = chain(lg, Log, ("a", speaker(drive, "a")))
        sends.add_node("w", node, input_schema=schema)
        sends.add_conditional_edges("a", lambda state: [Send("w", {"item": 7, "zz": 8})])
        sends.add_conditional_edges("w", look("w"))
        yield drive.stream(sends.compile(), {"log": ["in"]})
        yield seen


class WithSecret(TypedDict):
    """What only a branch reads."""

    secret: str


@covers("GRA-26", "STA-08")
def input_annotation(lg, drive):
    """A branch whose argument is annotated with a class reads that class's keys; they become channels."""
    seen = []

    def path(state: WithSecret) -> Literal["b", "__end__"]:
        seen.append(dict(state))
        return "b"

    builder = chain(lg, Log, ("a", drive.node(lambda state: {"log": ["a"], "secret": "s"})))
    builder.add_node("b", speaker(drive, "b"))
    builder.add_conditional_edges("a", path)
    graph = builder.compile()
    yield "secret" in graph.channels
    yield drive.every(graph, {"log": []})
    yield seen
    yield drive.invoke(graph, {"log": []})


@covers("GRA-28")
def inside_its_node(lg, drive):
    """A branch is no task; its exception fails the task of its node, its custom items come under that node."""

    def talk(state):
        lg.config.get_stream_writer()("from the branch")
        return "__end__"

    def fail(state):
        raise ValueError("branch broke")

    for path in (talk, fail):
        builder = chain(lg, Log, *saying(drive, "a"))
        builder.add_conditional_edges("a", path)
        yield drive.every(builder.compile(), {"log": []})


@covers("GRA-28", "GRA-25", "STA-21", "STA-13")
def after_writes_the_state_cannot_take(lg, drive):
    """A branch reads the state with its node's writes applied; what cannot be applied fails the task there."""
    Command, Overwrite = lg.types.Command, lg.types.Overwrite
    for value in (
        [Command(update={"log": Overwrite(["1"])}), Command(update={"log": Overwrite(["2"])})],
        {"log": 5},
    ):
        builder = chain(lg, Log, ("a", drive.node(lambda s, v=value: v)))
        builder.add_conditional_edges("a", lambda state: "__end__")
        yield drive.every(builder.compile(), {"log": ["in"]})
        yield drive.every(chain(lg, Log, ("a", drive.node(lambda s, v=value: v))).compile(), {"log": ["in"]})
    twice = [Command(update={"x": "1"}), Command(update={"x": "2"})]
    builder = chain(lg, Text, ("a", drive.node(lambda s: twice)))
    builder.add_conditional_edges("a", lambda state: "__end__")
    yield drive.every(builder.compile(), {"x": "0"})


@covers("GRA-06", "GRA-29")
def entry_and_finish_points(lg, drive):
    """set_entry_point, set_finish_point and set_conditional_entry_point are edges at START and END."""
    builder = lg.graph.StateGraph(Log)
    builder.add_node("a", speaker(drive, "a"))
    yield builder.set_entry_point("a") is builder, builder.set_finish_point("a") is builder
    yield sorted(builder.edges)
    yield drive.every(builder.compile(), {"log": []})

    for path in (
        lambda state: "b" if state["log"] else "a",
        lambda state: [lg.types.Send("b", {"log": ["s"]})],
    ):
        either = lg.graph.StateGraph(Log)
        either.add_node("a", speaker(drive, "a"))
        either.add_node("b", speaker(drive, "b"))
        either.set_conditional_entry_point(path)
        yield drive.every(either.compile(), {"log": ["x"]})
        yield drive.every(either.compile(), {})

    mapped = lg.graph.StateGraph(Log)
    mapped.add_node("a", speaker(drive, "a"))
    mapped.set_conditional_entry_point(lambda state: len(state["log"]), {0: "__end__", 1: "a"})
    yield drive.every(mapped.compile(), {"log": []})
    yield drive.every(mapped.compile(), {"log": ["x"]})

    broken = lg.graph.StateGraph(Log)
    broken.add_node("a", speaker(drive, "a"))
    broken.set_conditional_entry_point(lambda state: 1 / 0, {0: "a"})
    yield drive.every(broken.compile(), {"log": []})
