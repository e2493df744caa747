"""Nested graphs with a memory of their own: `checkpointer=True`."""

from parity.registry import covers

from .states import Log, Mixed, chain, saying, speaker
from .threads import FULL, THREAD, asker, brief, counted, failing, thread


def remembering(lg, drive, *nodes, **options):
    """Return a nested graph with a memory of its own."""
    return chain(lg, Log, *nodes).compile(checkpointer=True, **options)


@covers("SUB-03", "SAP-06", "SAP-08", "STR-02")
def memory_over_turns(lg, drive):
    """What it knew in the last turn it knows in the next; another thread knows nothing of it."""
    saver = drive.saver()
    inner = remembering(lg, drive, *saying(drive, "x"))
    graph = chain(lg, Mixed, ("inner", inner), ("b", speaker(drive, "b"))).compile(checkpointer=saver)
    for name in "112":
        yield drive.every(graph, {"log": ["in"]}, thread(name), modes=FULL)
        yield drive.state(graph, thread(name), subgraphs=True)
        yield drive.state(graph, thread(name, checkpoint_ns="inner"))
    yield drive.history(graph, thread("1", checkpoint_ns="inner"))
    yield drive.history(graph, THREAD)
    yield drive.saved(saver)


@covers("SUB-03", "SUB-01")
def memory_of_called_graphs(lg, drive):
    """A graph called in a node keeps its memory as well, over turns and over calls in one task."""
    saver = drive.saver()
    inner = remembering(lg, drive, *saying(drive, "x"))

    @drive.node
    async def caller(state):
        first = await drive.call(inner, {"log": ["first"]})
        second = await drive.call(inner, {"log": ["second"]})
        return {"log": [len(first["log"]), len(second["log"])]}

    graph = chain(lg, Log, ("caller", caller)).compile(checkpointer=saver)
    for given in "12":
        yield drive.every(graph, {"log": [given]}, THREAD, modes=FULL)
    yield drive.saved(saver)


@covers("SUB-04")
def two_graphs_in_one_node(lg, drive):
    """Two such graphs called in one node share a namespace, unless each is a node of its own."""
    one = chain(lg, Log, *saying(drive, "x")).compile(checkpointer=True, name="one")
    two = chain(lg, Log, *saying(drive, "y")).compile(checkpointer=True, name="two")

    @drive.node
    async def caller(state):
        first = await drive.call(one, {"log": ["1"]})
        second = await drive.call(two, {"log": ["2"]})
        return {"log": [first["log"], second["log"]]}

    saver = drive.saver()
    graph = chain(lg, Log, ("caller", caller)).compile(checkpointer=saver)
    for _ in range(2):
        yield drive.invoke(graph, {"log": []}, THREAD)
    yield [
        (each.config, each.metadata["step"], each.checkpoint["channel_values"]) for each in drive.saved(saver)
    ]
    apart = chain(lg, Log, ("one", one), ("two", two)).compile(checkpointer=drive.saver())
    for _ in range(2):
        yield drive.every(apart, {"log": []}, THREAD, modes=FULL)


@covers("SUB-03", "HIL-14", "HIL-05", "SAP-06")
def questions_in_a_memory(lg, drive):
    """A question inside is answered as elsewhere, turn after turn."""
    saver = drive.saver()
    inner = remembering(lg, drive, *saying(drive, "x"), ("q", asker(lg, drive, "q", "1", "2")))
    graph = chain(lg, Log, ("inner", inner), *saying(drive, "b")).compile(checkpointer=saver)
    for turn in (1, 2):
        for given in ({"log": [turn]}, lg.types.Command(resume="one"), lg.types.Command(resume="two")):
            yield drive.every(graph, given, THREAD, modes=FULL)
            yield drive.state(graph, THREAD, subgraphs=True)
    yield drive.saved(saver)


@covers("SUB-03", "ENG-09", "HIL-10")
def new_input_while_it_waits(lg, drive):
    """New input while a question inside is open: what the graph with a memory makes of it."""
    saver = drive.saver()
    inner = remembering(lg, drive, *saying(drive, "x"), ("q", asker(lg, drive, "q")))
    graph = chain(lg, Log, ("inner", inner)).compile(checkpointer=saver)
    for given in ({"log": ["1"]}, {"log": ["2"]}, lg.types.Command(resume="yes")):
        yield drive.every(graph, given, THREAD, modes=FULL)
        yield drive.state(graph, THREAD, subgraphs=True)
    yield drive.saved(saver)


@covers("SUB-03", "SUB-06", "ENG-05")
def failures_in_a_memory(lg, drive):
    """A failure inside is tried again from where it was; the memory has no trace of it."""
    ran = []
    saver = drive.saver()
    inner = remembering(lg, drive, ("x", counted(drive, ran, "x")), ("bad", failing(drive, "bad")))
    graph = chain(lg, Log, ("inner", inner)).compile(checkpointer=saver)
    for given in ({"log": ["1"]}, None, {"log": ["2"]}):
        yield drive.every(graph, given, THREAD, modes=FULL)
        yield list(ran), drive.state(graph, THREAD, subgraphs=True)
    yield drive.saved(saver)


@covers("TTR-08", "TTR-01", "SUB-03")
def replays_over_a_memory(lg, drive):
    """A replay of the outer graph finds the memory as it was before the replayed point, then its newest."""
    saver = drive.saver()
    inner = remembering(lg, drive, *saying(drive, "x"))
    graph = chain(lg, Mixed, *saying(drive, "a"), ("inner", inner)).compile(checkpointer=saver)
    for turn in (1, 2, 3):
        drive.invoke(graph, {"log": [turn]}, THREAD)
    for old in list(drive.history(graph, THREAD)):
        yield old.next, old.metadata["step"], drive.every(graph, None, old.config, modes=FULL)
        yield drive.state(graph, thread("1", checkpoint_ns="inner")).values
    yield drive.every(graph, {"log": ["after"]}, THREAD, modes=FULL)
    yield brief(drive.history(graph, thread("1", checkpoint_ns="inner")))


@covers("TTR-08", "HIL-14", "SUB-03")
def questions_replayed_over_a_memory(lg, drive):
    """A replay asks the question of that turn again, with the memory of then."""
    saver = drive.saver()
    inner = remembering(lg, drive, *saying(drive, "x"), ("q", asker(lg, drive, "q")))
    graph = chain(lg, Log, ("inner", inner)).compile(checkpointer=saver)
    for turn in (1, 2):
        drive.invoke(graph, {"log": [turn]}, THREAD)
        drive.invoke(graph, lg.types.Command(resume=f"answer {turn}"), THREAD)
    for old in [state for state in drive.history(graph, THREAD) if state.next == ("inner",)]:
        yield drive.every(graph, None, old.config, modes=FULL)
        yield drive.state(graph, THREAD, subgraphs=True)
        yield drive.every(graph, lg.types.Command(resume="again"), THREAD, modes=FULL)
        yield drive.every(graph, lg.types.Command(resume="other"), old.config, modes=FULL)


@covers("SAP-18", "SAP-08", "SUB-03")
def updates_of_a_memory(lg, drive):
    """The memory can be changed from outside by its namespace; the next turn knows."""
    saver = drive.saver()
    inner = remembering(lg, drive, *saying(drive, "x"))
    graph = chain(lg, Log, ("inner", inner)).compile(checkpointer=saver)
    drive.invoke(graph, {"log": ["1"]}, THREAD)
    memory = thread("1", checkpoint_ns="inner")
    yield drive.update(graph, memory, {"log": ["told"]})
    yield drive.update(graph, memory, {"log": ["told as x"]}, as_node="x")
    yield drive.bulk_update(graph, memory, [[lg.types.StateUpdate({"log": ["bulk"]}, "x")]])
    yield drive.history(graph, memory)
    yield drive.state(graph, THREAD)
    yield drive.every(graph, {"log": ["2"]}, THREAD, modes=FULL)
    yield drive.saved(saver)


@covers("SUB-03", "SUB-07", "CKP-20")
def levels_of_memory(lg, drive):
    """A memory inside a memory, inside an inheriting graph, and in a loop."""
    for middle_own in (None, True):
        deep = remembering(lg, drive, *saying(drive, "d"))
        middle = chain(lg, Log, *saying(drive, "m"), ("deep", deep)).compile(checkpointer=middle_own)
        saver = drive.saver()
        builder = chain(lg, Mixed, ("middle", middle), ("n", drive.node(lambda s: {"total": 1})))
        builder.add_conditional_edges("n", lambda s: "middle" if s["total"] % 2 else "__end__")
        graph = builder.compile(checkpointer=saver)
        for given in "12":
            yield drive.every(graph, {"log": [given]}, THREAD, modes=FULL)
        yield [
            (each.config["configurable"], each.metadata, each.checkpoint["channel_values"])
            for each in drive.saved(saver)
        ]


@covers("SUB-03", "HIL-14", "SUB-07")
def nothing_saved_inside(lg, drive):
    """A graph with checkpointer=False is not saved: a question inside is asked of the run, and it begins anew."""
    ran = []
    saver = drive.saver()
    inner = chain(lg, Log, ("x", counted(drive, ran, "x")), ("q", asker(lg, drive, "q", "1", "2"))).compile(
        checkpointer=False
    )
    graph = chain(lg, Log, ("inner", inner), *saying(drive, "b")).compile(checkpointer=saver)
    for given in ({"log": ["in"]}, *(lg.types.Command(resume=value) for value in ("one", "two"))):
        yield drive.every(graph, given, THREAD, modes=FULL)
        yield list(ran), drive.state(graph, THREAD, subgraphs=True)
    yield drive.saved(saver)
