"""Graphs that are wired by hand: nodes that subscribe to channels, read them and write to them."""

from parity.registry import covers


def builder(lg):
    """Return a new builder of a node."""
    return lg.pregel.NodeBuilder()


def graph_of(lg, nodes, channels, given="a", out="b", **more):
    """Return a graph of nodes and channels."""
    return lg.pregel.Pregel(nodes=nodes, channels=channels, input_channels=given, output_channels=out, **more)


def cells(lg, names):
    """Return a channel for each name, which holds its last value, or with a ~ only in the next superstep."""
    kinds = lg.channels
    return {
        name.strip("~"): kinds.EphemeralValue(str) if name.startswith("~") else kinds.LastValue(str)
        for name in names.split()
    }


MODES = ["values", "updates", "tasks", "debug"]


@covers("PRG-01", "PRG-02", "PRG-04")
def one_node(lg, drive):
    """A node is run on what it subscribed to; what it returns is written."""
    double = drive.node(lambda text: text + text)
    node = builder(lg).subscribe_only("a").do(double).write_to("b")
    graph = graph_of(lg, {"one": node}, cells(lg, "~a b"))
    yield drive.invoke(graph, "foo")
    yield drive.stream(graph, "foo")
    yield drive.stream(graph, "foo", stream_mode=MODES)
    yield graph.name, graph.stream_mode, graph.input_channels, graph.output_channels
    yield sorted(graph.nodes), sorted(graph.channels)


@covers("PRG-01", "PRG-02", "PRG-04")
def two_nodes(lg, drive):
    """Nodes run one after another, over several channels."""
    double = drive.node(lambda text: text + text)
    nodes = {
        "one": builder(lg).subscribe_only("a").do(double).write_to("b"),
        "two": builder(lg).subscribe_to("b").do(drive.node(lambda read: read["b"] + "!")).write_to("c"),
    }
    for out in ("c", ["b", "c"]):
        for channels in ("~a b c", "a ~b ~c"):
            graph = graph_of(lg, nodes, cells(lg, channels), out=out)
            yield drive.invoke(graph, "foo")
            yield drive.invoke(graph, "foo", output_keys=["b"])
            yield drive.stream(graph, "foo", stream_mode=MODES)
            yield drive.stream(graph, "foo", stream_mode="updates", output_keys="b")
    graph = graph_of(lg, nodes, cells(lg, "~a b c"), out="c", stream_channels=["b"])
    yield drive.stream(graph, "foo", stream_mode=MODES)
    graph = graph_of(lg, nodes, cells(lg, "~a b c"), out="c", stream_channels="b", stream_mode="updates")
    yield drive.stream(graph, "foo")
    yield drive.invoke(graph, "foo")


@covers("PRG-01", "PRG-02")
def reads_and_writes(lg, drive):
    """What a node reads besides, and what it writes: its result, constants, and what functions make of it."""
    seen = []

    @drive.node
    def node(read):
        seen.append(read)
        return "x"

    channels = lambda: cells(lg, "~a b c d e")  # noqa: E731
    for built in (
        builder(lg).subscribe_to("a").read_from("b").do(node).write_to("c"),
        builder(lg).subscribe_to("a", "b").do(node).write_to("c", "d"),
        builder(lg).subscribe_to("a", read=False).read_from("b").do(node).write_to(c="const"),
        builder(lg)
        .subscribe_only("a")
        .do(node)
        .write_to("b", c=lambda it: it + "?", d="d", e=lambda it: None),
        builder(lg).subscribe_only("a").do(node).do(drive.node(lambda text: text * 2)).write_to("b"),
        builder(lg).subscribe_only("a").write_to("b"),
        builder(lg).subscribe_only("a").do(drive.node(lambda text: None)).write_to("b"),
        builder(lg).subscribe_only("a").do(node),
    ):
        seen.clear()
        graph = graph_of(lg, {"n": built}, channels(), out=["b", "c", "d", "e"])
        yield drive.stream(graph, "foo", stream_mode=MODES)
        yield drive.invoke(graph, "foo")
        yield list(seen)
    graph = graph_of(
        lg,
        {"n": builder(lg).subscribe_to("a", "b").do(node).write_to("c")},
        channels(),
        given=["a", "b"],
        out="c",
    )
    for given in ({"a": "1", "b": "2"}, {"a": "1"}, {"b": "1", "z": "3"}, {}, {"z": "1"}, None, "text"):
        seen.clear()
        yield drive.invoke(graph, given), list(seen)


@covers("PRG-01")
def cycles_and_reducers(lg, drive):
    """A node that writes to what it subscribed to runs again, until it writes None no more, or too often."""
    import operator

    grow = drive.node(lambda text: text * 2 if len(text) < 10 else None)
    node = lambda: builder(lg).subscribe_only("value").do(grow)  # noqa: E731
    channels = lambda: {"value": lg.channels.EphemeralValue(str)}  # noqa: E731
    skip = node().write_to(value=lambda text: text)
    graph = graph_of(lg, {"n": skip}, channels(), given="value", out="value")
    yield drive.stream(graph, "a", stream_mode=MODES)
    yield drive.invoke(graph, "a")
    plain = graph_of(lg, {"n": node().write_to("value")}, channels(), given="value", out="value")
    yield drive.invoke(plain, "a", {"recursion_limit": 7})
    total = {"a": lg.channels.LastValue(int), "sum": lg.channels.BinaryOperatorAggregate(int, operator.add)}
    nodes = {
        "one": builder(lg).subscribe_only("a").do(drive.node(lambda a: a + 1)).write_to("sum"),
        "two": builder(lg).subscribe_only("a").do(drive.node(lambda a: a + 2)).write_to("sum"),
    }
    yield drive.invoke(graph_of(lg, nodes, total, out="sum"), 3)
    topics = {"a": lg.channels.LastValue(int), "t": lg.channels.Topic(int, accumulate=True)}
    nodes["one"] = builder(lg).subscribe_only("a").write_to("t")
    nodes["two"] = builder(lg).subscribe_only("a").write_to("t")
    yield drive.stream(graph_of(lg, nodes, topics, out="t"), 3, stream_mode="values")


@covers("PRG-01")
def saved_threads(lg, drive):
    """A graph that is saved keeps its channels, and its next run goes on from them."""
    channels = {"a": lg.channels.EphemeralValue(int), "sum": lg.channels.LastValue(int)}
    nodes = {
        "add": builder(lg)
        .subscribe_to("a")
        .read_from("sum")
        .do(drive.node(lambda read: read["a"] + read.get("sum", 0)))
        .write_to("sum"),
        "ask": builder(lg)
        .subscribe_to("sum")
        .do(drive.node(lambda read: lg.types.interrupt(read["sum"]) if read["sum"] > 4 else None)),
    }
    saver = drive.saver()
    graph = graph_of(lg, nodes, channels, out="sum", checkpointer=saver)
    config = {"configurable": {"thread_id": "1"}}
    yield drive.invoke(graph, 2, config)
    yield drive.invoke(graph, 3, config)
    yield drive.state(graph, config)
    yield drive.stream(graph, lg.types.Command(resume="yes"), config, stream_mode=MODES)
    yield drive.history(graph, config)
    yield drive.saved(saver, config)
    stops = graph_of(
        lg, nodes, channels, out="sum", checkpointer=drive.saver(), interrupt_before_nodes=["ask"]
    )
    yield drive.stream(stops, 2, config, stream_mode=MODES)
    yield drive.stream(stops, None, config, stream_mode=MODES)
    yield drive.update(stops, config, 40, as_node="add")
    yield drive.state(stops, config)


@covers("PRG-02")
def settings(lg, drive):
    """Tags, metadata, retries and timeouts of a node."""
    attempts = []

    @drive.node
    def flaky(text):
        attempts.append(text)
        if len(attempts) < 2:
            raise ConnectionError("lost")
        return text

    policy = lg.types.RetryPolicy(initial_interval=0.001, jitter=False)
    built = (
        builder(lg)
        .subscribe_only("a")
        .do(flaky)
        .meta("tag", key="value")
        .add_retry_policies(policy)
        .write_to("b")
    )
    graph = graph_of(lg, {"n": built}, cells(lg, "~a b"))
    yield drive.stream(graph, "foo", stream_mode=MODES)
    yield len(attempts)
    attempts.clear()
    built = builder(lg).subscribe_only("a").do(flaky).write_to("b")
    yield drive.invoke(graph_of(lg, {"n": built}, cells(lg, "~a b"), retry_policy=[policy]), "foo")
    hold = builder(lg).subscribe_only("a").do(drive.node(lambda text: text)).write_to("b")
    built = hold.add_cache_policy(lg.types.CachePolicy())
    cached = graph_of(lg, {"n": built}, cells(lg, "~a b"), cache=lg.cache.memory.InMemoryCache())
    for _ in range(2):
        yield drive.stream(cached, "foo", stream_mode="updates")


@covers("PRG-03")
def what_is_refused(lg, drive):
    """Channels that are not there, names that are taken, builders that say too little or too much."""

    def attempt(function):
        return drive.attempt(function)

    node = lambda: builder(lg).subscribe_only("a").write_to("b")  # noqa: E731
    channels = lambda: cells(lg, "~a b")  # noqa: E731
    yield attempt(
        lambda: graph_of(lg, {"n": builder(lg).subscribe_only("x").write_to("b")}, channels()) and None
    )
    yield attempt(lambda: graph_of(lg, {"n": node().read_from("b")}, channels()) and None)
    yield attempt(
        lambda: graph_of(lg, {"n": builder(lg).subscribe_to("a").read_from("x")}, channels()) and None
    )
    yield attempt(lambda: graph_of(lg, {"__interrupt__": node()}, channels()) and None)
    yield attempt(lambda: graph_of(lg, {"n": node()}, channels(), given="b") and None)
    yield attempt(lambda: graph_of(lg, {"n": node()}, channels(), given="x") and None)
    yield attempt(lambda: graph_of(lg, {"n": node()}, channels(), given=["a", "b"]) and None)
    yield attempt(lambda: graph_of(lg, {"n": node()}, channels(), given=["b"]) and None)
    yield attempt(lambda: graph_of(lg, {"n": node()}, channels(), out="x") and None)
    yield attempt(lambda: graph_of(lg, {"n": node()}, channels(), out=["b", "x"]) and None)
    yield attempt(lambda: graph_of(lg, {"n": node()}, channels(), interrupt_before_nodes=["x"]) and None)
    yield attempt(lambda: graph_of(lg, {"n": node()}, channels(), interrupt_after_nodes=["x"]) and None)
    yield attempt(lambda: builder(lg).subscribe_only("a").subscribe_only("b") and None)
    yield attempt(lambda: builder(lg).subscribe_only("a").subscribe_to("b") and None)
    yield attempt(lambda: builder(lg).subscribe_to("a").subscribe_only("b") and None)
    yield attempt(lambda: builder(lg).write_to("a", "a") and None)
    yield attempt(lambda: builder(lg).subscribe_only("a").do(print).build() and None)


@covers("PRG-01")
def inside_a_graph(lg, drive):
    """A graph of channels is the node of a graph with a state, and the other way round."""
    from typing_extensions import TypedDict

    class State(TypedDict):
        a: str
        b: str

    node = builder(lg).subscribe_only("a").do(drive.node(lambda text: text + "!")).write_to("b")
    inner = graph_of(lg, {"n": node}, cells(lg, "~a b"), given=["a"], out=["b"])
    outer = lg.graph.StateGraph(State).add_node("inner", inner).add_edge("__start__", "inner").compile()
    yield drive.stream(outer, {"a": "x"}, stream_mode=MODES, subgraphs=True)
    yield drive.invoke(outer, {"a": "x"})
    plain = lg.graph.StateGraph(State)
    plain.add_node("s", drive.node(lambda state: {"b": state["a"] + "?"})).add_edge("__start__", "s")
    wrap = builder(lg).subscribe_to("a").do(plain.compile()).write_to(b=lambda state: state["b"])
    graph = graph_of(lg, {"n": wrap}, cells(lg, "~a b"))
    yield drive.stream(graph, "x", stream_mode=MODES, subgraphs=True)
    yield drive.invoke(graph, "x")


@covers("PRG-01")
def drawn(lg):
    """What a drawing and the schemas say of it."""
    nodes = {
        "one": builder(lg).subscribe_only("a").do(str.upper).write_to("b"),
        "two": builder(lg).subscribe_to("b").do(lambda read: read["b"]).write_to("c"),
    }
    graph = graph_of(lg, nodes, cells(lg, "~a b c"), out="c")
    drawn = graph.get_graph()
    yield sorted(drawn.nodes), sorted((edge.source, edge.target, edge.conditional) for edge in drawn.edges)
    yield graph.get_input_jsonschema(), graph.get_output_jsonschema()
    graph = graph_of(lg, nodes, cells(lg, "~a b c"), given=["a", "b"], out=["b", "c"])
    yield graph.get_input_jsonschema(), graph.get_output_jsonschema()
