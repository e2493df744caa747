"""The checkpoints stream, and checkpoints in the debug stream."""

from parity.registry import covers

from .states import Log, Mixed, Text, chain, fan, saying, speaker
from .threads import THREAD, asker, failing, ordered, thread

BOTH = ["checkpoints", "debug"]


@covers("STR-26", "STR-27", "STR-28", "STR-22")
def alone_and_together(lg, drive):
    """A chunk per saved checkpoint, at the start of the next step; debug wraps it, with the checkpoint's step."""
    for modes in (
        "checkpoints",
        ["checkpoints"],
        "debug",
        BOTH,
        ["debug", "checkpoints", "values", "updates", "tasks"],
    ):
        graph = chain(lg, Mixed, *saying(drive, "a", "b")).compile(checkpointer=drive.saver())
        for given in ({"log": ["in"]}, {"word": "w"}):
            yield modes, drive.stream(graph, given, THREAD, stream_mode=modes)
    unsaved = chain(lg, Mixed, *saying(drive, "a", "b")).compile()
    yield drive.stream(unsaved, {"log": []}, THREAD, stream_mode=BOTH)
    yield drive.invoke(unsaved, {"log": []}, THREAD, stream_mode="checkpoints")


@covers("STR-26", "CKP-20")
def durabilities(lg, drive):
    """The chunks come whatever the durability; with exit none has a parent before the first saved one."""
    for durability in ("sync", "async", "exit"):
        graph = chain(lg, Log, *saying(drive, "a", "b")).compile(checkpointer=drive.saver())
        for given in ("1", "2"):
            yield drive.stream(graph, {"log": [given]}, THREAD, stream_mode=BOTH, durability=durability)


@covers("STR-27", "SAP-06")
def tasks_of_checkpoints(lg, drive):
    """A task that is pending, has a result, failed, asks, or is a graph: each shows as such when the run goes on."""
    inner = chain(lg, Log, ("x", asker(lg, drive, "x"))).compile()
    builder = fan(
        lg,
        Log,
        ("a", speaker(drive, "a", turn=0)),
        ("bad", failing(drive, "bad", turn=3)),
        ("q", asker(lg, drive, "q", turn=1)),
        ("none", drive.node(lambda s: None, turn=2)),
    )
    graph = builder.compile(checkpointer=drive.saver())
    for given in ({"log": ["in"]}, None, lg.types.Command(resume="yes")):
        yield drive.stream(graph, given, THREAD, stream_mode=BOTH)
    nested = chain(lg, Log, ("inner", inner)).compile(checkpointer=drive.saver())
    for given in ({"log": ["in"]}, None, lg.types.Command(resume="yes")):
        yield drive.stream(nested, given, THREAD, stream_mode=BOTH)


@covers("STR-26", "STR-29", "HIL-11")
def runs_that_stop(lg, drive):
    """Breakpoints, the recursion limit, a failure, an interrupt: which checkpoints are shown before the run ends."""
    for stops in (
        {"interrupt_before": ["b"]},
        {"interrupt_after": ["a"]},
        {"interrupt_before": "*"},
        {"interrupt_after": "*"},
    ):
        graph = chain(lg, Log, *saying(drive, "a", "b")).compile(checkpointer=drive.saver())
        for given in ({"log": ["in"]}, None, None):
            yield drive.stream(graph, given, THREAD, stream_mode=BOTH, **stops)
    graph = chain(lg, Log, *saying(drive, "a", "b", "c")).compile(checkpointer=drive.saver())
    for given in ({"log": ["in"]}, None):
        yield drive.stream(graph, given, THREAD | {"recursion_limit": 2}, stream_mode=BOTH)
    for last in (failing(drive, "z"), asker(lg, drive, "z")):
        graph = chain(lg, Log, *saying(drive, "a"), ("z", last)).compile(checkpointer=drive.saver())
        yield drive.stream(graph, {"log": ["in"]}, THREAD, stream_mode=BOTH)
        yield drive.stream(graph, lg.types.Command(resume="yes"), THREAD, stream_mode=BOTH)


@covers("STR-27", "RUN-12", "CKP-06")
def configs_of_checkpoints(lg, drive):
    """Configs have the user's configurable keys, not the engine's; metadata has scalars."""
    graph = chain(lg, Log, *saying(drive, "a")).compile(checkpointer=drive.saver())
    config = thread(3, user="u", deep={"k": [1]}, __own="o") | {
        "metadata": {"m": 1, "deep": {}},
        "tags": ["t"],
    }
    for given in ({"log": ["in"]}, {"log": ["more"]}):
        yield drive.stream(graph, given, config, stream_mode=BOTH)


@covers("STR-27", "STR-04", "RUN-07")
def values_of_checkpoints(lg, drive):
    """Values are those of all keys, whatever the output; v2 makes models of them once the input is applied."""
    from pydantic import BaseModel

    class Model(BaseModel):
        n: int = 0

    for version in ("v1", "v2"):
        builder = lg.graph.StateGraph(Mixed, output_schema=Text)
        builder.add_node("a", drive.node(lambda s: {"log": ["a"], "word": "w"})).add_edge("__start__", "a")
        graph = builder.compile(checkpointer=drive.saver())
        for keys in (None, "log", ["word"]):
            yield drive.stream(
                graph, {"log": ["in"]}, THREAD, stream_mode=BOTH, output_keys=keys, version=version
            )
        of_model = chain(lg, Model, ("a", drive.node(lambda s: {"n": s.n + 1}))).compile(
            checkpointer=drive.saver()
        )
        for given in ({"n": 1}, Model(n=5), None):
            yield drive.stream(of_model, given, THREAD, stream_mode=BOTH, version=version)
        root = chain(lg, int, ("a", drive.node(lambda s: s + 1))).compile(checkpointer=drive.saver())
        yield drive.stream(root, 1, THREAD, stream_mode=BOTH, version=version)


@covers("STR-26", "STR-27", "SUB-07", "CKP-05")
def nested_graphs(lg, drive):
    """A nested graph that is saved has checkpoints of its own; configs name the checkpoints above."""
    for own in (None, True, False):
        third = chain(lg, Log, *saying(drive, "c")).compile()
        second = chain(lg, Log, *saying(drive, "x"), ("third", third)).compile(checkpointer=own)
        for inside in (second, calling(drive, second)):
            graph = chain(lg, Log, *saying(drive, "a"), ("inside", inside)).compile(
                checkpointer=drive.saver()
            )
            for subgraphs in (True, False):
                yield drive.stream(graph, {"log": ["in"]}, THREAD, stream_mode=BOTH, subgraphs=subgraphs)


def calling(drive, graph):
    """Return a node that calls a graph."""

    @drive.node
    async def caller(state):
        return {"log": [len((await drive.call(graph, {"log": []}))["log"])]}

    return caller


@covers("STR-26", "STR-28", "TTR-01", "ENG-07")
def runs_that_go_on(lg, drive):
    """None, an answer, a replay, an update: what the first checkpoint shown is."""
    graph = chain(lg, Log, *ordered(drive, "a", "b", "c")).compile(
        checkpointer=drive.saver(), interrupt_before=["b"]
    )
    yield drive.stream(graph, {"log": ["in"]}, THREAD, stream_mode=BOTH)
    yield drive.update(graph, THREAD, {"log": ["u"]})
    yield drive.stream(graph, None, THREAD, stream_mode=BOTH)
    for old in list(drive.history(graph, THREAD))[::2]:
        yield old.next, drive.stream(graph, None, old.config, stream_mode=BOTH)
        yield drive.stream(
            graph, lg.types.Command(goto="c", update={"log": ["g"]}), old.config, stream_mode=BOTH
        )
