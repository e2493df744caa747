"""A compiled graph as a Runnable of LangChain: in sequences, with what wraps a Runnable, as a tool."""

import operator
from typing import Annotated

from typing_extensions import TypedDict

from parity.drive import attempt
from parity.registry import covers

from .callbacks import recorder
from .states import chain


class Log(TypedDict):
    """One list that every node appends to; pydantic makes schemas of it on every Python."""

    log: Annotated[list, operator.add]


def graph_of(lg, drive, *names, **more):
    """Return a graph with a node of each name, which logs its name."""

    def logs(name):
        return name, drive.node(lambda state: {"log": [name]})

    return chain(lg, Log, *map(logs, names)).compile(**more)


def lambdas(drive):
    """Return what makes an input of a word, and what counts a log, as Runnables."""
    from langchain_core.runnables import RunnableLambda

    def enter(word):
        return {"log": [word]}

    def count(value):
        return len(value["log"])

    return RunnableLambda(drive.node(enter), name="enter"), RunnableLambda(drive.node(count), name="count")


@covers("RUN-10")
def what_it_is(lg, drive):
    """A graph and an entrypoint are Runnables, with all that these have."""
    from langchain_core.runnables import Runnable

    @lg.func.entrypoint()
    def main(word: str) -> int:
        return len(word)

    graph = graph_of(lg, drive, "a")
    public = [name for name in dir(Runnable) if not name.startswith("_")]
    for each in (graph, main):
        yield isinstance(each, Runnable), issubclass(type(each), Runnable)
        yield [name for name in public if not hasattr(each, name)]
        yield [each.get_name(), each.get_name("Input"), each.get_name(name="x"), each.config_specs]
        yield each.InputType
    yield main.OutputType
    yield graph.with_types(output_type=int).OutputType
    yield graph.get_prompts()


@covers("RUN-10")
def sequences(lg, drive):
    """`|` and `pipe` make sequences with functions, dicts and Runnables, on either side of a graph."""
    enter, count = lambdas(drive)
    graph = graph_of(lg, drive, "a", "b", name="middle")
    tail = graph | count
    for made in (
        enter | graph | count,
        enter | (graph | count),
        (lambda word: {"log": [word]}) | graph | (lambda value: len(value["log"])),
        enter.pipe(graph, count),
        enter | graph.pipe(count, str),
        {"log": lambda word: [word]} | graph,
    ):
        yield type(made).__name__, [type(step).__name__ for step in made.steps]
        yield drive.invoke(made, "i")
        yield drive.stream(made, "i")
        yield made.batch(["1", "2"]) if drive.driver == "sync" else drive.awaited(made.abatch, ["1", "2"])
    # The chunks of what runs side by side would come in any order.
    yield drive.invoke(enter | {"graph": graph, "count": tail}, "i")
    yield tail.get_name(), tail.InputType
    yield (enter | graph).get_output_schema().model_json_schema()


@covers("RUN-10")
def what_is_no_step(lg, drive):
    """What can be no Runnable is refused on both sides."""
    graph = graph_of(lg, drive, "a")
    yield attempt(lambda: graph | 3)
    yield attempt(lambda: 3 | graph)
    yield attempt(lambda: graph.pipe("x"))
    yield attempt(lambda: graph.with_nothing)


@covers("RUN-10")
def what_wraps_a_graph(lg, drive):
    """Runnables around a graph: retries, fallbacks, bound arguments, parts of its output, many inputs."""
    tries = []

    @drive.node
    def shaky(state):
        tries.append(1)
        if len(tries) % 2:
            raise ValueError("shaky")
        return {"log": ["steady"]}

    @drive.node
    def bad(state):
        raise ValueError("bad")

    good = graph_of(lg, drive, "a")
    failing = chain(lg, Log, ("bad", bad)).compile()
    config = {"tags": ["t"], "metadata": {"m": 1}}
    for made in (
        chain(lg, Log, ("shaky", shaky))
        .compile()
        .with_retry(stop_after_attempt=2, wait_exponential_jitter=False),
        failing.with_fallbacks([good]),
        failing.with_fallbacks([failing]),
        good.bind(stream_mode="updates"),
        good.pick("log"),
        good.assign(count=lambda value: len(value["log"])),
        good.with_config(run_name="r").with_types(input_type=dict),
    ):
        yield type(made).__name__
        yield drive.invoke(made, {"log": ["i"]}, config)
        yield drive.stream(made, {"log": ["i"]})
    yield drive.invoke(good.map(), [{"log": ["1"]}, {"log": ["2"]}])


@covers("RUN-10")
def many_inputs(lg, drive):
    """Inputs in a batch, as they are completed, and in pieces."""
    graph = graph_of(lg, drive, "a")
    inputs = [{"log": ["1"]}, {"log": ["2"]}]

    async def completed():
        return [pair async for pair in graph.abatch_as_completed(inputs)]

    async def pieces():
        async def given():
            for each in inputs:
                yield each

        return [chunk async for chunk in graph.atransform(given())]

    if drive.driver == "sync":
        yield sorted(graph.batch_as_completed(inputs))
        yield list(graph.transform(iter(inputs)))
    else:
        yield sorted(drive.awaited(completed))
        yield drive.awaited(pieces)


@covers("RUN-10")
def a_graph_in_a_function(lg, drive):
    """A function of LangChain may call a graph, or return it to have it called."""
    from langchain_core.runnables import RunnableLambda

    graph = graph_of(lg, drive, "a")

    @drive.node
    async def calls(value, config):
        return await drive.call(graph, value, config)

    for made in (RunnableLambda(drive.node(lambda value: graph)), RunnableLambda(calls)):
        handler = recorder()
        yield drive.invoke(made, {"log": ["i"]}, {"callbacks": [handler]})
        yield handler.log


@covers("RUN-10", "CBK-02")
def callbacks_of_sequences(lg, drive):
    """Handlers, tags, metadata and names reach a graph in a sequence, in a map and in a binding."""
    enter, count = lambdas(drive)
    graph = graph_of(lg, drive, "a", name="middle")
    for made in (
        enter | graph | count,
        enter | {"x": graph},
        enter | graph.with_config(tags=["own"], metadata={"o": 1}, run_name="renamed"),
        enter | graph.bind(),
    ):
        handler = recorder()
        config = {"callbacks": [handler], "tags": ["t"], "metadata": {"m": 1}, "run_name": "whole"}
        yield drive.invoke(made, "i", config)
        yield handler.log


@covers("RUN-10")
def listeners(lg, drive):
    """Listeners hear of a graph's start and end."""
    heard = []
    graph = graph_of(lg, drive, "a").with_listeners(
        on_start=lambda run: heard.append(("start", run.name, run.inputs)),
        on_end=lambda run: heard.append(("end", run.name, run.outputs)),
    )
    yield drive.invoke(graph, {"log": ["i"]})
    yield heard


@covers("RUN-10")
def a_tool(lg, drive):
    """A graph is a tool's body, with its input schema as the arguments."""
    graph = graph_of(lg, drive, "a", name="logger")
    for tool in (graph.as_tool(), graph.as_tool(name="t", description="logs")):
        yield tool.name, tool.description
        yield tool.args
        yield drive.invoke(tool, {"log": ["i"]})
        yield drive.invoke(tool, {"name": tool.name, "args": {"log": ["i"]}, "id": "1", "type": "tool_call"})


@covers("RUN-10", "STR-02")
def a_sequence_as_a_node(lg, drive):
    """A graph in a sequence that is a node streams as part of the run."""
    from langchain_core.runnables import RunnableLambda

    inner = graph_of(lg, drive, "x", name="inner")
    node = RunnableLambda(drive.node(lambda state: {"log": ["in"]})) | inner
    graph = chain(lg, Log, ("n", node)).compile()
    yield drive.invoke(graph, {"log": ["i"]})
    yield drive.every(graph, {"log": ["i"]})
