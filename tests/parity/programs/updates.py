"""The updates stream: one chunk for each task that finished."""

from parity.registry import covers

from .states import Log, Mixed, Text, chain, fan, saying, speaker


@covers("STR-12", "STR-31")
def a_chunk_per_task_in_completion_order(lg, drive):
    """Tasks show up as they finish, each on its own."""
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
        graph = fan(
            lg, Log, *[(w, speaker(drive, w, turn=t)) for w, t in zip("abc", order, strict=True)]
        ).compile()
        yield drive.stream(graph, {"log": []}, stream_mode="updates")


@covers("STR-12", "STR-13", "GRA-36")
def repeated_writes(lg, drive):
    """A key written more than once by one task gives a list of one-key dicts."""
    Command = lg.types.Command
    for value in (
        Command(update=[("log", ["1"]), ("log", ["2"])]),
        Command(update=[("log", ["1"]), ("total", 2), ("log", ["3"])]),
        Command(update=[("word", "w")]),
        Command(update=(("word", "v"), ("total", 1))),
        [Command(update={"log": ["1"], "total": 1}), Command(update={"log": ["2"]})],
        [Command(update={"log": ["1"]}), Command(update={"total": 1})],
        Command(update=[("zz", 1), ("log", ["1"]), ("zz", 2)]),
    ):
        graph = chain(lg, Mixed, ("a", drive.node(lambda s, v=value: v))).compile()
        yield drive.every(graph, {"log": [], "word": "w"})
        yield drive.stream(graph, {"log": []}, stream_mode="updates", output_keys=["total"])


@covers("STR-15", "SUB-02")
def a_graph_node_shows_its_whole_output(lg, drive):
    """A graph node's chunk is the whole output of the inner graph, after the inner chunks."""
    inner = chain(lg, Log, *saying(drive, "x", "y")).compile()
    graph = chain(lg, Log, ("a", speaker(drive, "a")), ("inner", inner)).compile()
    yield drive.stream(graph, {"log": ["in"]}, stream_mode="updates")
    yield drive.stream(graph, {"log": ["in"]}, stream_mode="updates", subgraphs=True)


@covers("STR-18", "STR-32")
def hidden_and_failing_tasks(lg, drive):
    """`__start__`, hidden nodes and failing tasks give no chunk."""

    @drive.node
    def bad(state):
        raise KeyError("gone")

    graph = chain(lg, Log, ("a", speaker(drive, "a")), ("bad", bad))
    yield drive.stream(graph.compile(), {"log": []}, stream_mode="updates")
    yield drive.stream(graph.compile(), {"log": []}, stream_mode=["tasks", "updates", "values"])


@covers("STR-13", "STR-06")
def raw_and_not_reduced(lg, drive):
    """A chunk is what the node wrote, the very object, not what the reducer made of it."""
    written = ["a"]
    graph = chain(lg, Log, ("a", drive.node(lambda s: {"log": written}))).compile()
    chunks = drive.stream(graph, {"log": ["in"]}, stream_mode="updates")
    yield chunks
    yield chunks[0]["a"]["log"] is written


@covers("STR-17", "STR-23")
def cached_tasks(lg, drive):
    """A cached task has a start event and an updates chunk marked as cached, but no result event."""
    ran = []

    @drive.node
    def slow(state):
        ran.append(state["x"])
        return {"y": state["x"] + "!"}

    builder = lg.graph.StateGraph(Text)
    builder.add_node("slow", slow, cache_policy=lg.types.CachePolicy())
    builder.add_edge("__start__", "slow")
    graph = builder.compile(cache=lg.cache.memory.InMemoryCache())
    yield drive.every(graph, {"x": "1"})
    yield drive.every(graph, {"x": "1"})
    yield drive.stream(graph, {"x": "1"}, stream_mode="debug")
    yield drive.stream(graph, {"x": "1"}, stream_mode="updates")
    yield drive.invoke(graph, {"x": "1"})
    yield drive.every(graph, {"x": "2"})
    yield ran
