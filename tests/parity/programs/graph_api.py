"""The builder: nodes, edges, joins, branches, defer, compile."""

import functools
import operator
from typing import Annotated, Literal, TypedDict

from parity.registry import covers

from .states import Log, Text, chain, fan, saying, speaker


@covers("GRA-01", "GRA-02", "GRA-03", "RUN-01", "ENG-01")
def linear(lg, drive):
    """A line of nodes runs in order; builder methods return the builder."""
    builder = lg.graph.StateGraph(Log)
    first = builder.add_node("a", speaker(drive, "a"))
    yield first is builder, builder.add_node("b", speaker(drive, "b")) is builder
    yield builder.add_edge(lg.graph.START, "a") is builder
    builder.add_edge("a", "b").add_edge("b", lg.graph.END)
    graph = builder.compile()
    yield drive.invoke(graph, {"log": ["in"]})
    yield drive.every(graph, {"log": ["in"]})


@covers("RUN-01", colours=("sync", "async"))
def nothing_runs_before_the_first_next(lg, drive):
    """A stream is a generator; making it runs nothing."""
    ran = []

    @drive.node
    def a(state):
        ran.append("a")
        return {"log": ["a"]}

    graph = chain(lg, Log, ("a", a)).compile()
    made = graph.stream({"log": []}) if drive.driver == "sync" else graph.astream({"log": []})
    yield type(made).__name__, list(ran)
    if drive.driver == "sync":
        made.close()
    yield drive.stream(graph, {"log": []})
    yield ran


class Adder:
    """A callable object with a sync `__call__`."""

    def __call__(self, state):
        return {"log": ["object"]}


@covers("GRA-02", colours=("sync", "mixed"))
def node_names_of_callables(lg, drive):
    """A callable given without a name is named after itself: function, lambda, class of an object."""

    def plain(state):
        return {"log": ["plain"]}

    builder = lg.graph.StateGraph(Log)
    builder.add_node(plain)
    builder.add_node("lambda", lambda state: {"log": ["lambda"]})
    builder.add_node(lambda state: {"log": ["bare lambda"]})
    builder.add_node("object", Adder())
    builder.add_node(Adder())
    builder.add_node("partial", functools.partial(lambda word, state: {"log": [word]}, "partial"))
    yield list(builder.nodes)
    names = list(builder.nodes)
    for before, after in zip(["__start__", *names], [*names, "__end__"], strict=True):
        builder.add_edge(before, after)
    yield drive.stream(builder.compile(), {"log": []})


@covers("GRA-02", "SUB-01")
def compiled_graph_as_unnamed_node(lg, drive):
    """A compiled graph is a node too, under the name it was compiled with or one given."""
    inner = chain(lg, Log, *saying(drive, "x"))
    builder = lg.graph.StateGraph(Log)
    builder.add_node(inner.compile(name="inner"))
    builder.add_node("other", inner.compile())
    yield list(builder.nodes)
    builder.add_edge("__start__", "inner").add_edge("inner", "other")
    yield drive.every(builder.compile(), {"log": ["i"]})


@covers("GRA-01", "GRA-02")
def deprecated_keywords(lg, drive):
    """The old spellings of schema and node keywords still work, with a warning."""

    class Context(TypedDict):
        user: str

    class Narrow(TypedDict):
        x: str

    with drive.heard() as heard:
        builder = lg.graph.StateGraph(Text, config_schema=Context, input=Narrow, output=Narrow)
        builder.add_node("a", drive.node(lambda state: {"x": state["x"] + "!", "y": "y"}), input=Narrow)
        builder.add_node(
            "b", drive.node(lambda state: {"x": state["x"] + "?"}), retry=lg.types.RetryPolicy(max_attempts=1)
        )
    yield [(kind, text.partition("\n")[0]) for kind, text in heard]
    builder.add_edge("__start__", "a").add_edge("a", "b")
    yield drive.invoke(builder.compile(), {"x": "x", "y": "ignored"})


@covers("GRA-03", "GRA-23", "ENG-13")
def edges_trigger_once(lg, drive):
    """Two edges into one node in the same step run it once; in different steps, once in each."""
    together = fan(lg, Log, *[(w, speaker(drive, w, turn=i)) for i, w in enumerate("ab")])
    together.add_node("c", speaker(drive, "c"))
    together.add_edge("a", "c").add_edge("b", "c")
    yield drive.every(together.compile(), {"log": []})

    apart = fan(lg, Log, *[(w, speaker(drive, w, turn=i)) for i, w in enumerate("ab")])
    apart.add_node("b2", speaker(drive, "b2", turn=1))
    apart.add_node("c", speaker(drive, "c", turn=0))
    apart.add_edge("a", "c").add_edge("b", "b2").add_edge("b2", "c")
    yield drive.every(apart.compile(), {"log": []})


@covers("GRA-03", "GRA-24", "STA-19")
def list_edge_waits_for_all(lg, drive):
    """A list edge runs its end after the last of its starts, over several steps, and shows its join as trigger."""
    builder = fan(lg, Log, *[(w, speaker(drive, w, turn=i)) for i, w in enumerate("ab")])
    builder.add_node("b2", speaker(drive, "b2"))
    builder.add_node("c", speaker(drive, "c"))
    builder.add_edge("b", "b2").add_edge(["a", "b2"], "c")
    yield drive.every(builder.compile(), {"log": []})


@covers("GRA-24")
def join_rearms_in_a_loop(lg, drive):
    """A barrier resets when it fires; an extra run of one start counts once."""
    builder = lg.graph.StateGraph(Log)
    builder.add_node("a", speaker(drive, "a", turn=0))
    builder.add_node("b", speaker(drive, "b", turn=1))
    builder.add_node("c", speaker(drive, "c"))
    builder.add_edge("__start__", "a").add_edge("__start__", "b").add_edge(["a", "b"], "c")

    def again(state):
        return ["a", "b"] if state["log"].count("c") < 3 else "__end__"

    builder.add_conditional_edges("c", again)
    yield drive.every(builder.compile(), {"log": []})

    uneven = lg.graph.StateGraph(Log)
    uneven.add_node("a", speaker(drive, "a", turn=0))
    uneven.add_node("b", speaker(drive, "b", turn=1))
    uneven.add_node("c", speaker(drive, "c"))
    uneven.add_edge("__start__", "a").add_edge(["a", "b"], "c")
    uneven.add_conditional_edges("a", lambda state: "a" if state["log"].count("a") < 3 else "b")
    yield drive.every(uneven.compile(), {"log": []})


@covers("GRA-05")
def sequences(lg, drive):
    """add_sequence links functions and (name, function) pairs, and refuses nothing and doubles."""

    @drive.node
    def one(state):
        return {"log": ["one"]}

    builder = lg.graph.StateGraph(Log)
    yield builder.add_sequence([one, ("two", speaker(drive, "two"))]) is builder
    builder.add_edge("__start__", "one")
    yield sorted(builder.edges)
    yield drive.every(builder.compile(), {"log": []})
    yield drive.attempt(lg.graph.StateGraph(Log).add_sequence, [])
    yield drive.attempt(lg.graph.StateGraph(Log).add_sequence, [one, one])
    yield drive.attempt(lg.graph.StateGraph(Log).add_sequence, [("x", one), ("x", one)])


@covers("GRA-08", "RUN-02")
def compile_options(lg, drive):
    """A compiled graph has a name, knows its builder, and streams updates unless told otherwise."""
    builder = chain(lg, Log, *saying(drive, "a"))
    graph = builder.compile()
    yield graph.name, graph.get_name(), graph.stream_mode, graph.builder is builder
    yield builder.compile(name="mine").name, builder.compile(name="mine").get_name()
    yield drive.stream(graph, {"log": []})


@covers("GRA-08")
def editing_after_compile(lg, drive):
    """Compiling does not freeze the builder; an edit warns and leaves the compiled graph as it was."""
    builder = chain(lg, Log, *saying(drive, "a"))
    graph = builder.compile()
    with drive.heard() as heard:
        builder.add_node("b", speaker(drive, "b"))
        builder.add_edge("a", "b")
        builder.add_conditional_edges("b", lambda state: "__end__")
    yield heard
    yield drive.stream(graph, {"log": []})
    yield drive.stream(builder.compile(), {"log": []})


@covers("GRA-10", "GRA-11")
def loose_ends(lg, drive):
    """A node without outgoing edges, a node no edge leads to, and an edge to END are all legal."""
    for end in (False, True):
        builder = chain(lg, Log, *saying(drive, "a", "b"))
        builder.add_node("island", speaker(drive, "island"))
        if end:
            builder.add_edge("b", "__end__")
        yield drive.every(builder.compile(), {"log": []})


@covers("GRA-41", "ENG-26", "STA-20")
def defer(lg, drive):
    """A deferred node waits until nothing else is due, then runs once; with list edges too; several together."""
    node = functools.partial(speaker, drive)
    one = lg.graph.StateGraph(Log)
    for turn, name in enumerate(("a", "b", "b2")):
        one.add_node(name, node(name, turn=turn))
    one.add_node("d", node("d"), defer=True)
    one.add_edge("__start__", "a").add_edge("__start__", "b").add_edge("a", "d")
    one.add_edge("b", "b2").add_edge("b2", "d")
    yield drive.every(one.compile(), {"log": []})

    joined = lg.graph.StateGraph(Log)
    for turn, name in enumerate(("a", "b", "b2", "c", "after")):
        joined.add_node(name, node(name, turn=turn))
    joined.add_node("d", node("d", turn=7), defer=True)
    joined.add_node("e", node("e", turn=6), defer=True)
    joined.add_edge("__start__", "a").add_edge("__start__", "b").add_edge("b", "b2").add_edge("b2", "c")
    joined.add_edge(["a", "b"], "d").add_edge("a", "e").add_edge("d", "after").add_edge("e", "after")
    yield drive.every(joined.compile(), {"log": []})


@covers("GRA-41")
def defer_in_a_loop(lg, drive):
    """A deferred node that routes back is deferred again in the next round."""
    builder = lg.graph.StateGraph(Log)
    for turn, name in enumerate(("a", "b", "b2")):
        builder.add_node(name, speaker(drive, name, turn=turn))
    builder.add_node("d", speaker(drive, "d"), defer=True)
    builder.add_edge("__start__", "a").add_edge("a", "d").add_edge("a", "b").add_edge("b", "b2").add_edge(
        "b2", "d"
    )
    builder.add_conditional_edges("d", lambda state: "a" if state["log"].count("d") < 2 else "__end__")
    yield drive.every(builder.compile(), {"log": []})


@covers("GRA-41", "GRA-30")
def defer_and_sends(lg, drive):
    """Sends to a deferred node run at once as tasks of their own; its normal trigger waits."""
    Send = lg.types.Send
    builder = lg.graph.StateGraph(Log)
    builder.add_node("a", speaker(drive, "a"))
    builder.add_node("w", speaker(drive, "w", turn=1))
    builder.add_node("d", speaker(drive, "d", turn=0), defer=True)
    builder.add_edge("__start__", "a").add_edge("a", "d")
    builder.add_conditional_edges("a", lambda state: [Send("w", {}), Send("d", {})])
    yield drive.every(builder.compile(), {"log": []})


@covers("ENG-01", "ENG-21", "STR-31", "SUB-05")
def supersteps_are_simultaneous(lg, drive):
    """Tasks of a step read the same state; their writes apply in name order whatever order they finish in."""
    seen = []

    def reader(name, turn):
        @drive.node(turn=turn)
        def read(state):
            seen.append((name, list(state["log"])))
            return {"log": [name]}

        return read

    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        builder = fan(lg, Log, *[(n, reader(n, t)) for n, t in zip("abc", order, strict=True)])
        builder.add_node("z", reader("z", 9))
        builder.add_edge("c", "z").add_edge("a", "z")
        yield drive.every(builder.compile(), {"log": ["in"]})
    yield seen


class Loop(TypedDict):
    """A counter and a log."""

    n: int
    log: Annotated[list, operator.add]


@covers("GRA-04", "ENG-13")
def loop_until(lg, drive):
    """A branch back to its own node loops until the state says stop."""

    @drive.node
    def a(state: Loop):
        return {"n": state["n"] + 1, "log": [state["n"]]}

    builder = chain(lg, Loop, ("a", a))
    builder.add_conditional_edges("a", lambda state: "a" if state["n"] < 4 else lg.graph.END)
    yield drive.every(builder.compile(), {"n": 0})
    yield drive.invoke(builder.compile(), {"n": 2})


@covers("GRA-38", colours=("sync", "async"))
def command_annotation_is_not_checked(lg, drive):
    """A return annotation or `destinations=` feeds the drawing only."""

    def jump(state) -> lg.types.Command[Literal["b"]]:
        return lg.types.Command(goto="c", update={"log": ["jump"]})

    builder = chain(lg, Log, ("a", drive.node(jump)))
    builder.add_node("b", speaker(drive, "b"))
    builder.add_node("c", speaker(drive, "c"), destinations=("b",))
    yield drive.every(builder.compile(), {"log": []})
