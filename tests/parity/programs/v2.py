"""version="v2": chunks with a type, and results with interrupts."""

from dataclasses import dataclass

from pydantic import BaseModel

from parity.registry import covers

from .states import Log, chain, fan, saying, speaker


class Model(BaseModel):
    """State as a model."""

    n: int
    word: str = "w"


@dataclass
class Data:
    """State as a dataclass."""

    n: int
    word: str = "w"


def asking(lg, drive):
    """Return a node that interrupts."""

    @drive.node(turn=1)
    def ask(state):
        lg.types.interrupt("why?")

    return ask


@covers("STR-04", "STR-01", "STR-02")
def parts(lg, drive):
    """Every chunk is a dict of type, ns and data; values have interrupts too."""
    inner = chain(lg, Log, *saying(drive, "x")).compile()

    @drive.node
    def a(state, writer):
        writer("talk")
        return {"log": ["a"]}

    graph = chain(lg, Log, ("a", a), ("inner", inner)).compile()
    for modes in (
        "values",
        "updates",
        "custom",
        "tasks",
        "debug",
        ["values"],
        ["updates", "custom"],
        ("tasks",),
    ):
        for subgraphs in (False, True):
            yield modes, subgraphs
            yield drive.stream(graph, {"log": []}, stream_mode=modes, subgraphs=subgraphs, version="v2")
    yield drive.stream(graph, {"log": []}, version="v2")


@covers("STR-04", "STR-09", "STR-16", "RUN-06")
def interrupts_in_parts(lg, drive):
    """In values parts an interrupt moves from the data into `interrupts`."""
    graph = fan(lg, Log, ("q", asking(lg, drive)), ("a", speaker(drive, "a", turn=0))).compile()
    yield drive.stream(graph, {"log": []}, stream_mode=["values", "updates", "tasks"], version="v2")
    yield drive.invoke(graph, {"log": []}, version="v2")
    plain = chain(lg, Log, *saying(drive, "a", "b")).compile()
    yield drive.stream(
        plain, {"log": []}, stream_mode=["values", "updates"], version="v2", interrupt_before=["b"]
    )


@covers("RUN-06", "STA-04", "STR-04")
def results_are_coerced(lg, drive):
    """invoke gives a GraphOutput whose value is of the state's class; values parts too."""
    for schema in (Model, Data):
        graph = chain(lg, schema, ("a", drive.node(lambda s: {"n": 2}))).compile()
        yield drive.invoke(graph, {"n": 1}, version="v2")
        yield drive.stream(graph, {"n": 1}, stream_mode=["values", "updates", "debug"], version="v2")
    failing = chain(lg, Model, ("a", drive.node(lambda s: {"n": "bad"}))).compile()
    yield drive.invoke(failing, {"n": 1}, version="v2")
    yield drive.stream(failing, {"n": 1}, stream_mode="values", version="v2")
    rooted = chain(lg, int, ("a", drive.node(lambda s: s + 1))).compile()
    yield drive.invoke(rooted, 1, version="v2")
    silent = chain(lg, Log, ("a", drive.node(lambda s: None))).compile()
    yield drive.invoke(silent, {}, version="v2")


@covers("RUN-06")
def graph_outputs(lg, drive):
    """A GraphOutput is frozen; reading it as a dict works, with a warning."""
    graph = chain(lg, Log, *saying(drive, "a")).compile()
    output = drive.invoke(graph, {"log": []}, version="v2")
    yield output.value, output.interrupts
    with drive.heard() as heard:
        yield output["log"], "log" in output, "zz" in output
    yield [kind for kind, *_ in heard]
    yield type(drive.attempt(setattr, output, "value", 1).error).__name__


@covers("RUN-06", "RUN-05")
def other_modes_give_parts(lg, drive):
    """invoke with another mode gives a list of parts."""
    graph = chain(lg, Log, *saying(drive, "a")).compile()
    for modes in ("updates", "values", ["values", "updates"], "tasks"):
        yield drive.invoke(graph, {"log": []}, stream_mode=modes, version="v2")


@covers("STR-04")
def unknown_versions(lg, drive):
    """What an unknown version does."""
    graph = chain(lg, Log, *saying(drive, "a")).compile()
    yield drive.stream(graph, {"log": []}, version="v9")
