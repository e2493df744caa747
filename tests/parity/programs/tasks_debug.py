"""The tasks and debug streams: starts, results, wrappers."""

from dataclasses import dataclass

from pydantic import BaseModel

from parity.registry import covers

from .states import Log, Mixed, Text, chain, fan, saying, speaker


@covers("STR-20", "STR-21", "STR-22", "ENG-15")
def starts_and_results(lg, drive):
    """A start has id, name, input and triggers; a result id, name, error, result and interrupts."""
    graph = chain(lg, Mixed, ("a", speaker(drive, "a")), ("b", drive.node(lambda s: None))).compile()
    yield drive.stream(graph, {"log": [], "word": "w"}, stream_mode="tasks")
    yield drive.stream(graph, {"log": [], "word": "w"}, stream_mode="debug")
    yield drive.stream(graph, {"log": [], "word": "w"}, stream_mode=["debug", "tasks"])
    yield drive.stream(graph, {"log": [], "word": "w"}, stream_mode=["tasks", "values", "debug", "updates"])


@covers("STR-20")
def metadata_in_starts(lg, drive):
    """A start carries the user's and the node's metadata and the user's tags; nothing of the engine's."""
    builder = lg.graph.StateGraph(Log)
    builder.add_node("plain", speaker(drive, "plain"))
    builder.add_node("own", speaker(drive, "own"), metadata={"mine": 1, "m": "node"})
    builder.add_edge("__start__", "plain").add_edge("plain", "own")
    outer = chain(lg, Log, ("outer", builder.compile())).compile()
    for config in (
        None,
        {"tags": ["t"]},
        {"metadata": {"m": "user", "deep": {"k": [1]}}},
        {"metadata": {"m": 1}, "tags": ["t", "u"], "configurable": {"thread_id": "1", "user": "u"}},
        {"configurable": {"thread_id": "1"}, "run_name": "named"},
    ):
        yield drive.stream(outer, {"log": []}, config, stream_mode="tasks", subgraphs=True)


@covers("STR-21", "STR-13")
def repeated_writes_in_results(lg, drive):
    """A key written more than once shows as `$writes`; unknown keys do not show."""
    Command = lg.types.Command
    for value in (
        Command(update=[("log", ["1"]), ("log", ["2"]), ("word", "w")]),
        [Command(update={"log": ["1"]}), Command(update={"log": ["2"]}), {"log": ["3"]}],
        {"log": ["1"], "zz": 2},
        Command(goto="b"),
        None,
    ):
        graph = chain(lg, Mixed, ("a", drive.node(lambda s, v=value: v)))
        graph.add_node("b", speaker(drive, "b"))
        yield drive.stream(graph.compile(), {"log": []}, stream_mode="tasks")


@covers("STR-24", "STR-32", "STR-21")
def failing_tasks(lg, drive):
    """A failing task has a result with its live exception; writes it made before failing show."""

    @drive.node(turn=1)
    def bad(state):
        raise ValueError("boom")

    alone = chain(lg, Log, ("bad", bad)).compile()
    for modes in ("tasks", "debug", "updates", ["values", "updates", "tasks", "debug"]):
        yield drive.stream(alone, {"log": []}, stream_mode=modes)
    result = drive.stream(alone, {"log": []}, stream_mode="tasks")
    yield result[1]["error"] is result[2].error
    both = fan(lg, Log, ("a", speaker(drive, "a", turn=0)), ("bad", bad)).compile()
    yield drive.stream(both, {"log": []}, stream_mode=["values", "updates", "tasks", "debug"])
    yield drive.invoke(both, {"log": []})


@covers("STR-25", "STR-20", "ENG-14")
def inputs_of_tasks(lg, drive):
    """A start shows what the node was given: a dict, a model, a Send's payload, a bare value."""

    class Model(BaseModel):
        n: int = 0

    @dataclass
    class Data:
        n: int = 0

    same = drive.node(lambda s: None)
    for schema in (Model, Data):
        yield drive.stream(chain(lg, schema, ("a", same)).compile(), {"n": 1}, stream_mode="tasks")
    yield drive.stream(chain(lg, int, ("a", same)).compile(), 1, stream_mode="tasks")
    sends = chain(lg, Text, ("a", same))
    sends.add_node("w", same)
    sends.add_conditional_edges("a", lambda s: [lg.types.Send("w", v) for v in ({"i": 0}, [1], "two", None)])
    yield drive.stream(sends.compile(), {"x": "x"}, {"max_concurrency": 1}, stream_mode="tasks")


@covers("STR-20", "STR-21", "STR-30", "ENG-12", "ENG-13")
def all_starts_come_first(lg, drive):
    """The starts of a whole step come before any result: Sends by position, then nodes by name."""
    Send = lg.types.Send
    graph = chain(lg, Log, ("s", speaker(drive, "s")))
    for turn, name in enumerate("zyw"):
        graph.add_node(name, speaker(drive, name, turn=turn))
    graph.add_conditional_edges("s", lambda s: [Send("w", {"i": 1}), "z", Send("y", {"i": 0}), "y"])
    yield drive.stream(graph.compile(), {"log": []}, stream_mode=["tasks", "debug", "values", "updates"])


@covers("STR-22")
def steps_in_debug(lg, drive):
    """debug counts supersteps from 1; a nested graph counts its own."""
    inner = chain(lg, Log, *saying(drive, "x", "y")).compile()
    graph = chain(lg, Log, ("a", speaker(drive, "a")), ("inner", inner), ("b", speaker(drive, "b"))).compile()
    for chunk in drive.stream(graph, {"log": []}, stream_mode="debug", subgraphs=True):
        namespace, event = chunk
        yield (
            list(event),
            len(namespace),
            event["step"],
            event["type"],
            event["payload"]["name"],
            event["timestamp"],
        )


@covers("STR-21", "SUB-02")
def graph_nodes_in_tasks(lg, drive):
    """A graph node is a task whose result is its whole output; limited by output keys it is empty."""
    inner = chain(lg, Log, *saying(drive, "x")).compile()
    graph = chain(lg, Mixed, ("inner", inner)).compile()
    yield drive.stream(graph, {"log": ["in"]}, stream_mode="tasks")
    yield drive.stream(graph, {"log": ["in"]}, stream_mode="tasks", output_keys=["word"])
