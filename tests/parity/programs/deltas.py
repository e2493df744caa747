"""Delta channels: what streams, states and savers have of a key that is saved as its changes."""

from typing import Annotated, Any

from typing_extensions import TypedDict

from parity.registry import covers

from .threads import FULL, THREAD, asker


def joined(value, writes):
    """Reduce a whole superstep's writes."""
    return [*value, *(word for write in writes for word in write)]


def words(lg, drive, saver, *nodes, frequency=100):
    """Return a graph with nodes one after the other; those in a list stand side by side."""

    class Words(TypedDict, total=False):
        log: Annotated[list[Any], lg.channels.DeltaChannel(joined, snapshot_frequency=frequency)]
        count: int

    builder = lg.graph.StateGraph(Words)
    before = [lg.graph.START]
    for step in nodes:
        side_by_side = dict(step) if isinstance(step, list) else {step[0]: step[1]}
        for name, node in side_by_side.items():
            builder.add_node(name, node)
            for start in before:
                builder.add_edge(start, name)
        before = list(side_by_side)
    return builder.compile(checkpointer=saver)


def saved(drive, saver):
    """Return the checkpoints of a saver, whole values marked as such."""
    found = drive.saved(saver, THREAD)
    for each in found:
        values = each.checkpoint["channel_values"]
        values.update(
            (key, ("whole", it.value)) for key, it in values.items() if "DeltaSnapshot" in type(it).__name__
        )
    return found


def said(drive, word, turn=None):
    """Return (name, node) of a node that writes its word, and how many there were."""

    @drive.node(turn=turn)
    def say(state):
        return {"log": [word], "count": len(state["log"])} if turn is None else {"log": [word]}

    return word, say


@covers("STA-22")
def what_is_saved(lg, drive):
    """The writes are saved as they come, the value every few updates; counters tell how long that is ago."""
    for frequency in (1, 2, 100):
        for durability in ("sync", "exit"):
            saver = drive.saver()
            graph = words(lg, drive, saver, said(drive, "a"), said(drive, "b"), frequency=frequency)
            for given in ("in", "again"):
                yield drive.invoke(graph, {"log": [given]}, THREAD, durability=durability)
            yield drive.invoke(graph, {"count": 1}, THREAD, durability=durability)
            yield saved(drive, saver)
            yield drive.state(graph, THREAD)
            yield drive.history(graph, THREAD)


@covers("STA-22")
def overwritten(lg, drive):
    """An overwrite is saved as a whole value."""

    @drive.node
    def replace(state):
        return {"log": lg.types.Overwrite(["new"])}

    for durability in ("sync", "exit"):
        saver = drive.saver()
        graph = words(lg, drive, saver, said(drive, "a"), ("replace", replace), said(drive, "b"))
        yield drive.invoke(graph, {"log": ["in"]}, THREAD, durability=durability)
        yield saved(drive, saver)
        yield drive.invoke(graph, {"log": lg.types.Overwrite(["mine"])}, THREAD, durability=durability)
        yield drive.state(graph, THREAD)


@covers("STA-22")
def asked(lg, drive):
    """What stands beside a question is shown, is replayed once it counts, and never where the question is given up."""
    Command = lg.types.Command
    saver = drive.saver()
    both = [("ask", asker(lg, drive, "ask", turn=1)), said(drive, "side", turn=0)]
    graph = words(lg, drive, saver, said(drive, "a"), both, said(drive, "end"), frequency=3)
    yield drive.stream(graph, {"log": ["in"]}, THREAD, stream_mode=list(FULL))
    yield drive.state(graph, THREAD)
    yield drive.stream(graph, Command(resume="yes", update={"log": ["told"]}), THREAD, stream_mode=list(FULL))
    yield drive.invoke(graph, {"log": ["anew"]}, THREAD)
    yield drive.invoke(graph, {"log": ["once more"]}, THREAD)
    yield drive.update(graph, THREAD, {"log": ["update"]}, as_node="ask")
    yield drive.state(graph, THREAD)
    yield drive.invoke(graph, None, THREAD)
    yield drive.history(graph, THREAD)


@covers("STA-22")
def branched_off(lg, drive):
    """A run from the past, an update of the past and a copy keep the whole value, or what leads to it."""
    saver = drive.saver()
    graph = words(lg, drive, saver, said(drive, "a"), said(drive, "b"), said(drive, "c"))
    yield drive.invoke(graph, {"log": ["in"]}, THREAD)
    past = list(graph.get_state_history(THREAD))
    yield drive.invoke(graph, None, past[2].config)
    yield drive.update(graph, past[1].config, {"log": ["update"]})
    yield drive.invoke(graph, None, THREAD)
    yield drive.update(graph, past[3].config, None, as_node="__copy__")
    yield drive.invoke(graph, None, THREAD)
    yield drive.update(graph, THREAD, {"log": ["end"]}, as_node=lg.graph.END)
    yield drive.update(graph, THREAD, {"log": ["input"]}, as_node="__input__")
    yield drive.history(graph, THREAD)


@covers("STA-22")
def inside_another(lg, drive):
    """A graph inside rebuilds its own value, with memory of its own over several turns."""
    Command = lg.types.Command
    for checkpointer in (None, True):
        for durability in ("sync", "exit"):
            inner = words(lg, drive, checkpointer, said(drive, "x"), ("ask", asker(lg, drive, "ask")))
            graph = words(lg, drive, drive.saver(), said(drive, "a"), ("inner", inner))
            for given in ("in", "again"):
                yield drive.invoke(graph, {"log": [given]}, THREAD, durability=durability)
                yield drive.state(graph, THREAD, subgraphs=True)
                yield drive.invoke(graph, Command(resume="yes"), THREAD, durability=durability)
            yield drive.history(graph, THREAD)
