"""What `astream_events` tells of a graph."""

from parity.drive import Chunks
from parity.registry import covers

from .messages import ask, fake
from .runnables_composed import graph_of, lambdas
from .states import Log, chain


def events_of(drive, runnable, given=None, config=None, **more):
    """Return the events of a run, the exception that ended it last."""
    events = Chunks()

    async def read():
        async for event in runnable.astream_events(
            given if given is not None else {"log": ["i"]}, config, version="v2", **more
        ):
            events.append(event)

    failed = drive.awaited(read)
    if failed is not None:
        events.append(failed)
    return events


@covers("STR-55")
def nodes_and_the_graph(lg, drive):
    """A run starts, each of its nodes starts, streams and ends, the run streams its chunks and ends."""
    graph = graph_of(lg, drive, "a", "b")
    yield events_of(drive, graph)
    yield events_of(drive, graph, config={"tags": ["t"], "metadata": {"m": 1}, "run_name": "named"})
    yield events_of(drive, graph.with_config(tags=["own"]), include_names=["b"])
    yield events_of(drive, graph, exclude_names=["b"])
    yield events_of(drive, graph, stream_mode="values")
    yield events_of(drive, graph, stream_mode=["updates", "values"])


@covers("STR-55")
def what_nodes_return(lg, drive):
    """A node streams what it returned: None and a Command too."""

    @drive.node
    def nothing(state):
        return None

    @drive.node
    def command(state):
        return lg.types.Command(update={"log": ["c"]})

    yield events_of(drive, chain(lg, Log, ("nothing", nothing), ("command", command)).compile())


@covers("STR-55")
def models(lg, drive):
    """The tokens of a model that a node invokes are events of its own."""
    model = fake("a b")

    @drive.node
    async def speaks(state):
        return {"log": [(await ask(drive, model, "hi")).content]}

    yield events_of(drive, chain(lg, Log, ("speaks", speaks)).compile())


@covers("STR-55")
def nested_graphs(lg, drive):
    """A graph inside a graph is a chain below its node."""
    inner = graph_of(lg, drive, "x", name="inner")
    outer = chain(lg, Log, ("n", inner)).compile()
    yield events_of(drive, outer)
    yield events_of(drive, outer, config={"run_name": "named"})
    yield events_of(drive, outer, subgraphs=True)


@covers("STR-55")
def errors_and_interrupts(lg, drive):
    """An error ends the events; of an interrupt the run's chunk tells, and its end."""

    @drive.node
    def bad(state):
        raise ValueError("bad")

    @drive.node
    def asks(state):
        return {"log": [lg.types.interrupt("q")]}

    yield events_of(drive, chain(lg, Log, ("bad", bad)).compile())
    graph = chain(lg, Log, ("asks", asks)).compile(checkpointer=drive.saver())
    config = {"configurable": {"thread_id": "1"}}
    yield events_of(drive, graph, config=config)
    yield events_of(drive, graph, lg.types.Command(resume="yes"), config)


@covers("STR-55", "RUN-10")
def sequences(lg, drive):
    """A graph that is a step streams its chunks to the next one, and is a chain below the sequence."""
    enter, count = lambdas(drive)
    graph = graph_of(lg, drive, "a", name="middle")
    yield events_of(drive, enter | graph, "i")
    yield events_of(drive, enter | {"x": graph}, "i")
    yield events_of(drive, graph | (lambda chunk: chunk))
    yield events_of(drive, graph.with_retry())


@covers("STR-55")
def the_sync_one(lg, drive):
    """`stream_events` has no sync form of these versions."""
    graph = graph_of(lg, drive, "a")
    for version in ("v1", "v2"):
        yield drive.attempt(
            lambda version=version: list(graph.stream_events({"log": ["i"]}, version=version))
        )


@covers("STR-55")
def entrypoints(lg, drive):
    """An entrypoint is the one node of its run, what it calls are chains below it."""

    @lg.func.task
    @drive.node
    def double(number):
        return 2 * number

    @lg.func.entrypoint()
    @drive.node
    async def main(number):
        return await drive.result(double(number))

    events = events_of(drive, main, 2)
    # A chunk of the run may come before or after what its node does next.
    yield [event for event in events if event["name"] == "LangGraph"]
    yield [event for event in events if event["name"] != "LangGraph"]
