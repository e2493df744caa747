"""Graphs inside graphs."""

import operator
from typing import Annotated, TypedDict

from parity.registry import covers

from .states import Log, Mixed, Text, chain, fan, saying, speaker


@covers("SUB-01", "SUB-02", "SUB-05")
def declared_and_called(lg, drive):
    """A graph is a node, sharing keys, or is called in a node, with any schema."""

    class Inner(TypedDict):
        text: str

    called = chain(lg, Inner, ("t", drive.node(lambda s: {"text": s["text"] + "!"}))).compile()
    declared = chain(lg, Log, *saying(drive, "x")).compile()

    @drive.node
    async def caller(state):
        result = await drive.call(called, {"text": "called"})
        return {"log": [result["text"]]}

    graph = chain(lg, Mixed, ("declared", declared), ("caller", caller)).compile()
    yield drive.every(graph, {"log": ["in"], "word": "w"})
    yield drive.invoke(graph, {"log": ["in"], "word": "w"})


class Shared(TypedDict):
    """One shared key and one of its own."""

    x: str
    secret: str


@covers("SUB-01", "SUB-05", "STA-08")
def keys_shared_and_private(lg, drive):
    """A graph node gets the keys both know; its private keys stay inside; its output keys are all written."""

    class Out(TypedDict):
        x: str

    for output in (None, Out):
        inner = lg.graph.StateGraph(Shared, output_schema=output or Shared)
        inner.add_node("i", drive.node(lambda s: {"x": s["x"] + "!", "secret": str(sorted(s))}))
        inner.add_edge("__start__", "i")
        graph = chain(
            lg, Text, ("inner", inner.compile()), ("b", drive.node(lambda s: {"y": str(sorted(s))}))
        )
        yield drive.every(graph.compile(), {"x": "1", "y": "2"})


@covers("SUB-01", "STR-13")
def nothing_shared(lg, drive):
    """A graph node without a key in common gets an empty input; nothing is written."""

    class Other(TypedDict):
        z: str

    inner = chain(lg, Other, ("i", drive.node(lambda s: {"z": str(s)}))).compile()
    yield drive.every(chain(lg, Text, ("inner", inner)).compile(), {"x": "1"})
    silent = chain(lg, Other, ("i", drive.node(lambda s: None))).compile()
    yield drive.every(chain(lg, Text, ("inner", silent)).compile(), {"x": "1"})


@covers("SUB-05", "SUB-02")
def state_of_the_steps_start(lg, drive):
    """A graph node works on the state of the step's start, whatever its siblings write meanwhile."""
    seen = []

    def seer(name, turn):
        @drive.node(turn=turn)
        def see(state):
            seen.append((name, list(state["log"])))
            return {"log": [name]}

        return see

    inner = chain(lg, Log, ("x", seer("x", 1)), ("y", seer("y", 3))).compile()
    graph = fan(lg, Log, ("inner", inner), ("a", seer("a", 2))).compile()
    yield drive.every(graph, {"log": ["in"]})
    yield seen


@covers("SUB-10", "STR-32", "STR-24")
def errors_pass_up(lg, drive):
    """An error inside is the same object outside, with one note a level."""

    @drive.node
    def bad(state):
        raise ValueError("deep")

    innermost = chain(lg, Log, ("bad", bad)).compile()
    middle = chain(lg, Log, ("innermost", innermost)).compile()
    outer = chain(lg, Log, ("a", speaker(drive, "a")), ("middle", middle)).compile()
    yield drive.invoke(outer, {"log": []})
    yield drive.every(outer, {"log": []})
    yield drive.stream(outer, {"log": []}, stream_mode=["values", "updates", "tasks", "debug"])

    caught = []

    @drive.node
    async def catcher(state):
        try:
            await drive.call(innermost, {"log": []})
        except ValueError as error:
            caught.append(str(error))
        return {"log": ["caught"]}

    yield drive.every(chain(lg, Log, ("catcher", catcher)).compile(), {"log": []})
    yield caught


@covers("SUB-07", "RUN-02", "STR-15")
def modes_of_the_outer_run_only(lg, drive):
    """The outer modes decide what is streamed; the inner graph's values are its output in any case."""
    inner = chain(lg, Log, *saying(drive, "x", "y")).compile()
    graph = chain(lg, Log, ("inner", inner)).compile()
    for mode in ("values", "updates", "tasks", "debug", "custom"):
        yield drive.stream(graph, {"log": ["in"]}, stream_mode=mode, subgraphs=True)
    yield drive.invoke(graph, {"log": ["in"]})


@covers("SUB-08", colours=("sync",))
def finding_subgraphs(lg, drive):
    """get_subgraphs finds graphs that are nodes and graphs that node functions refer to."""
    innermost = chain(lg, Log, *saying(drive, "z")).compile(name="innermost")
    inner = chain(lg, Log, ("innermost", innermost)).compile(name="inner")
    called = chain(lg, Log, *saying(drive, "c")).compile(name="called")

    def caller(state):
        return called.invoke(state)

    graph = chain(lg, Log, ("inner", inner), ("caller", caller), ("a", speaker(drive, "a"))).compile()
    yield [(name, found.name) for name, found in graph.get_subgraphs()]
    yield [(name, found.name) for name, found in graph.get_subgraphs(recurse=True)]
    for namespace in ("inner", "caller", "inner|innermost", "inner", "inn", "nothing"):
        yield namespace, [(name, f.name) for name, f in graph.get_subgraphs(namespace=namespace)]
        yield [(name, f.name) for name, f in graph.get_subgraphs(namespace=namespace, recurse=True)]


@covers("SUB-04", "STR-02", "STR-51")
def parallel_runs_in_one_task(lg, drive):
    """A graph called in several nodes, and graphs called one after another in one, have namespaces of their own."""
    inner = chain(lg, Log, *saying(drive, "x")).compile()

    def caller(name, turn):
        @drive.node(turn=turn)
        async def call(state):
            first = await drive.call(inner, {"log": [name]})
            second = await drive.call(inner, first)
            return {"log": [len(second["log"])]}

        return call

    yield drive.every(chain(lg, Log, ("a", caller("a", 0))).compile(), {"log": []})
    yield drive.every(chain(lg, Log, ("a", caller("a", 0)), ("b", caller("b", 0))).compile(), {"log": []})


@covers("STR-02", "STR-03", "SUB-01")
def three_levels(lg, drive):
    """Declared and called graphs nest to any depth; each level adds a segment."""
    third = chain(lg, Log, *saying(drive, "c")).compile()

    @drive.node
    async def calls_third(state):
        result = await drive.call(third, {"log": []})
        return {"log": ["b", *result["log"]]}

    second = chain(lg, Log, ("second", calls_third)).compile()
    first = chain(lg, Log, ("first", second), *saying(drive, "after")).compile()
    outer = chain(lg, Log, ("outer", first)).compile()
    yield drive.every(outer, {"log": ["in"]})
    yield drive.every(outer, {"log": ["in"]}, modes=("debug",))


@covers("SUB-07", "RUN-18")
def context_and_store_go_down(lg, drive):
    """A nested graph has the parent's context and store."""
    store = lg.store.memory.InMemoryStore()
    store.put(("ns",), "k", {"v": 1})

    class Context(TypedDict):
        user: str

    @drive.node
    def x(state, runtime, store):
        return {"log": [runtime.context, store.get(("ns",), "k").value, runtime.store is store]}

    inner = chain(lg, Log, ("x", x)).compile()

    @drive.node
    async def caller(state):
        return await drive.call(inner, {"log": []})

    builder = lg.graph.StateGraph(Log, Context)
    builder.add_node("inner", inner).add_node("caller", caller)
    builder.add_edge("__start__", "inner").add_edge("inner", "caller")
    graph = builder.compile(store=store)
    yield drive.invoke(graph, {"log": []}, context={"user": "u"})


class Counter(TypedDict):
    """A sum."""

    total: Annotated[int, operator.add]


@covers("SUB-02", "GRA-24")
def graph_nodes_in_loops_and_joins(lg, drive):
    """A graph node is a node like others in loops, joins and branches."""
    inner = chain(lg, Counter, ("one", drive.node(lambda s: {"total": 1}, turn=0))).compile()
    graph = fan(lg, Counter, ("inner", inner), ("b", drive.node(lambda s: {"total": 100}, turn=1)))
    graph.add_node("join", drive.node(lambda s: {"total": 1000}, turn=2))
    graph.add_edge(["inner", "b"], "join")
    graph.add_conditional_edges("inner", lambda s: "inner" if s["total"] < 3 else "__end__")
    yield drive.every(graph.compile(), {"total": 0}, {"recursion_limit": 6})


@covers("SUB-01", "STR-06")
def graph_with_root_state_as_node(lg, drive):
    """A graph whose state is one value is a node of a graph with the same kind of state."""
    inner = chain(lg, int, ("double", drive.node(lambda s: s * 2))).compile()
    graph = chain(lg, int, ("inner", inner), ("add", drive.node(lambda s: s + 1))).compile()
    yield drive.every(graph, 3)


@covers("SUB-07", "ENG-30")
def closing_early_with_nested_graphs(lg, drive):
    """After the consumer leaves, nothing further of a nested graph starts either."""
    ran = []

    def noting(name):
        @drive.node
        def node(state):
            ran.append(name)
            return {"log": [name]}

        return node

    inner = chain(lg, Log, ("x", noting("x")), ("y", noting("y")), ("z", noting("z"))).compile()
    graph = chain(lg, Log, ("a", noting("a")), ("inner", inner), ("b", noting("b"))).compile()
    yield drive.stream(graph, {"log": []}, stream_mode="updates", stop=1)
    yield list(ran)
    ran.clear()
    yield drive.stream(graph, {"log": []}, stream_mode="updates", subgraphs=True, stop=2)
    yield "b" in ran


@covers("SUB-01", "STR-09")
def a_place_of_its_own_that_is_not_saved(lg, drive):
    """A graph that asked for memory of its own has the namespace of its node, also where nothing is saved."""
    inner = chain(lg, Log, ("n", speaker(drive, "n"))).compile(checkpointer=True)

    @drive.node
    async def twice(state):
        await drive.call(inner, {"log": ["a"]})
        return await drive.call(inner, {"log": ["b"]})

    yield drive.every(chain(lg, Log, ("inner", inner)).compile(), {"log": []})
    yield drive.every(chain(lg, Log, ("twice", twice)).compile(), {"log": []})


@covers("STR-09", "STR-16", "RUN-04")
def interrupts_inside(lg, drive):
    """An interrupt bubbles up a level at a time; an interrupted nested graph closes without a values chunk."""

    def ask(turn):
        @drive.node(turn=turn)
        def question(state):
            lg.types.interrupt("why?")

        return question

    for turns in ((0, 1), (1, 0)):
        builder = fan(lg, Log, ("q", ask(turns[0])), ("z", speaker(drive, "z", turn=turns[1])))
        inner = builder.compile()
        graph = chain(lg, Mixed, ("inner", inner)).compile()
        for given in ({"log": ["in"]}, {}):
            yield drive.every(graph, given)
            yield drive.invoke(graph, given), drive.invoke(inner, given)
        yield drive.invoke(graph, {"log": ["in"]}, output_keys=["word"])
        outer = chain(lg, Log, ("outer", chain(lg, Log, ("inner", inner)).compile())).compile()
        yield drive.every(outer, {"log": []})
        beside = fan(lg, Log, ("inner", inner), ("y", speaker(drive, "y", turn=2))).compile()
        yield drive.every(beside, {"log": []})

    @drive.node
    async def caller(state):
        return await drive.call(chain(lg, Log, ("q", ask(0))).compile(), {"log": []})

    yield drive.every(chain(lg, Log, ("caller", caller)).compile(), {"log": []})
