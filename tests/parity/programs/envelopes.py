"""The envelope of a chunk: what stream_mode and subgraphs make of it."""

from parity.registry import covers

from .states import Log, chain, saying


def nested(lg, drive):
    """Return a graph with one graph node, talking on the custom stream."""

    @drive.node
    def x(state, writer):
        writer("x talks")
        return {"log": ["x"]}

    @drive.node
    def a(state, writer):
        writer("a talks")
        return {"log": ["a"]}

    inner = chain(lg, Log, ("x", x)).compile()
    return chain(lg, Log, ("a", a), ("inner", inner)).compile()


@covers("STR-01", "STR-02", "STR-03")
def every_kind_of_mode(lg, drive):
    """A string gives bare payloads, a list pairs, a tuple or set bare payloads; subgraphs=True adds the namespace."""
    graph = nested(lg, drive)
    for subgraphs in (False, True):
        for mode in ("values", "updates", "custom", "tasks", "debug"):
            yield subgraphs, mode
            yield drive.stream(graph, {"log": []}, stream_mode=mode, subgraphs=subgraphs)
            yield drive.stream(graph, {"log": []}, stream_mode=[mode], subgraphs=subgraphs)
        for modes in (
            ["values", "updates"],
            ["updates", "values"],
            ("values", "custom"),
            {"updates", "custom"},
            [],
        ):
            yield subgraphs, modes
            yield drive.stream(graph, {"log": []}, stream_mode=modes, subgraphs=subgraphs)
        yield drive.stream(graph, {"log": []}, subgraphs=subgraphs)
        yield drive.stream(graph, {"log": []}, stream_mode=["updates", "updates"], subgraphs=subgraphs)


@covers("STR-01")
def unknown_modes(lg, drive):
    """A mode that does not exist gives nothing by itself and does not disturb others."""
    graph = nested(lg, drive)
    yield drive.stream(graph, {"log": []}, stream_mode="nonsense")
    yield drive.stream(graph, {"log": []}, stream_mode=["nonsense", "updates"])


@covers("STR-02", "ENG-19")
def namespaces(lg, drive):
    """A namespace has one `node:task_id` a level; the ids are those of the tasks events."""
    innermost = chain(lg, Log, *saying(drive, "z")).compile()
    inner = chain(lg, Log, ("deep", innermost)).compile()
    outer = chain(lg, Log, ("a", inner), ("b", inner)).compile()
    yield drive.every(outer, {"log": []})
    yield drive.stream(outer, {"log": []}, subgraphs=True)


@covers("STR-02", "SUB-04")
def several_runs_in_one_task(lg, drive):
    """The second and third nested run of one task have a number at the end of their namespace."""
    inner = chain(lg, Log, *saying(drive, "x")).compile()
    other = chain(lg, Log, *saying(drive, "y")).compile()

    @drive.node
    async def n(state):
        for graph in (inner, other, inner):
            await drive.call(graph, {"log": []})
        return {"log": ["n"]}

    graph = chain(lg, Log, ("n", n), ("m", n)).compile()
    yield drive.every(graph, {"log": []})
