"""The runtime and the context of a run."""

from dataclasses import dataclass
from typing import TypedDict

from pydantic import BaseModel

from parity.registry import covers

from .states import Log, chain, speaker


class Typed(TypedDict):
    """A context as a dict."""

    user: str
    level: int


@dataclass
class Data:
    """A context as a dataclass."""

    user: str
    level: int = 1


class Model(BaseModel):
    """A context as a model."""

    user: str
    level: int = 1


def with_context(lg, drive, schema):
    """Return a graph whose node writes the context it has."""

    @drive.node
    def a(state, runtime):
        same = lg.runtime.get_runtime().context is runtime.context
        return {"log": [runtime.context, same]}

    builder = lg.graph.StateGraph(Log, context_schema=schema)
    builder.add_node("a", a).add_edge("__start__", "a")
    return builder.compile()


@covers("RUN-18", "PKG-08", "RTS-03")
def contexts(lg, drive):
    """context= is made into its schema; without schema it passes; not given it is None."""
    for schema, given in (
        (Typed, {"user": "u"}),
        (Typed, {"user": "u", "zz": 1}),
        (Typed, None),
        (Data, {"user": "u"}),
        (Data, Data("u", 2)),
        (Data, {"user": "u", "zz": 1}),
        (Data, {}),
        (Data, None),
        (Model, {"user": "u", "level": "3"}),
        (Model, Model(user="u")),
        (Model, {"level": "x"}),
        (None, {"any": "thing"}),
        (None, "text"),
        (None, None),
    ):
        yield drive.invoke(with_context(lg, drive, schema), {"log": []}, context=given)


@covers("RUN-18", "RUN-11")
def configurable_is_not_context(lg, drive):
    """configurable is never made into context; both are there side by side."""
    graph = with_context(lg, drive, Typed)
    yield drive.invoke(graph, {"log": []}, {"configurable": {"user": "c"}})
    yield drive.invoke(graph, {"log": []}, {"configurable": {"user": "c"}}, context={"user": "x"})


@covers("RUN-18", "SUB-07", "RTS-03")
def contexts_of_nested_graphs(lg, drive):
    """A nested graph has the context of the outer run; a called one may be given its own."""
    inner = with_context(lg, drive, Data)

    @drive.node
    async def caller(state):
        inherited = await drive.call(inner, {"log": []})
        own = await drive.call(inner, {"log": []}, context=Data("own"))
        return {"log": [inherited["log"], own["log"]]}

    builder = lg.graph.StateGraph(Log, context_schema=Data)
    builder.add_node("inner", inner).add_node("caller", caller)
    builder.add_edge("__start__", "inner").add_edge("inner", "caller")
    yield drive.invoke(builder.compile(), {"log": []}, context=Data("outer"))


@covers("PKG-08", "ENG-19", "ENG-16", "ENG-17")
def execution_info(lg, drive):
    """runtime.execution_info names the task, its namespace and its attempt."""
    seen = []

    @drive.node
    def a(state, runtime, config):
        info = runtime.execution_info
        seen.append(
            (
                info.task_id,
                info.checkpoint_ns,
                info.checkpoint_ns == config["metadata"]["langgraph_checkpoint_ns"],
                info.thread_id,
                info.run_id,
                info.node_attempt,
                isinstance(info.node_first_attempt_time, float),
            )
        )

    graph = chain(lg, Log, ("b", speaker(drive, "b")), ("a", a)).compile()
    yield drive.stream(graph, {"log": []}, stream_mode="tasks")
    yield drive.invoke(graph, {"log": []}, {"configurable": {"thread_id": "t"}})
    yield seen


@covers("PKG-08", "RTS-01")
def runtimes_by_themselves(lg):
    """A Runtime can be made, merged and overridden."""
    Runtime = lg.runtime.Runtime
    first = Runtime(context={"a": 1})
    yield first.context, first.store, first.previous, callable(first.stream_writer)
    yield first.override(context=2).context, first.context
    yield first.merge(Runtime(context=3)).context, first.merge(Runtime()).context
    yield first.stream_writer("into the void")
