"""A compiled graph as a part of LangChain: in chains, and under its stream of events."""

import asyncio

from parity.registry import covers

from .callbacks import recorder, speaking
from .messages import fake
from .states import Log, chain


def two_nodes(lg, drive):
    return chain(
        lg, Log, ("a", speaking(drive, "a", fake("a word"))), ("b", drive.node(lambda state: {"log": ["b"]}))
    )


@covers("STR-55", "CBK-01", colours=("async", "mixed"))
def events(lg, drive):
    """astream_events tells of the run, of each task, of its output, of what it calls, and of the run's chunks."""
    inner = two_nodes(lg, drive).compile()
    outer = chain(lg, Log, ("inner", inner)).compile(name="outer")

    async def read(graph, version, **options):
        numbers = {}
        found = []
        async for event in graph.astream_events({"log": ["i"]}, {"tags": ["u"]}, version=version, **options):
            event = {**event, "run_id": numbers.setdefault(event["run_id"], len(numbers))}
            event["parent_ids"] = [numbers.setdefault(parent, len(numbers)) for parent in event["parent_ids"]]
            event["tags"] = sorted(event["tags"])
            found.append(event)
        return found

    yield asyncio.run(read(inner, "v2"))
    yield asyncio.run(read(outer, "v2", include_names=["a", "outer"]))
    yield asyncio.run(read(inner, "v2", stream_mode="values", exclude_types=["chat_model"]))


@covers("STR-55", "CBK-02")
def chains(lg, drive):
    """A graph is a Runnable: a step of a chain on either side, in batches, with its own chain in the callbacks."""
    from langchain_core.runnables import Runnable, RunnableLambda

    graph = two_nodes(lg, drive).compile()
    before, after = RunnableLambda(lambda text: {"log": [text]}), RunnableLambda(lambda state: state["log"])
    yield isinstance(graph, Runnable)
    handler = recorder()
    yield drive.invoke(before | graph | after, "x", {"callbacks": [handler]})
    yield handler.log
    yield drive.invoke({"log": RunnableLambda(lambda text: [text])} | graph, "x")
    yield drive.invoke(graph | (lambda state: len(state["log"])), {"log": []})
    yield drive.invoke(graph.pipe(after, lambda log: log[-1]), {"log": []})
    yield drive.invoke((before | graph).with_config(tags=["t"]).with_retry(), "x")
    yield drive.stream(before | graph, "x")
    if drive.driver == "sync":
        yield (before | graph | after).batch(["1", "2"])


@covers("CBK-02", "RUN-13")
def inside_a_chain(lg, drive):
    """A graph that a chain's function calls inherits the callbacks, tags and metadata of the chain."""
    from langchain_core.runnables import RunnableLambda

    graph = two_nodes(lg, drive).compile()

    def call(text):
        return graph.invoke({"log": [text]})

    async def call_async(text):
        return await graph.ainvoke({"log": [text]})

    handler = recorder()
    config = {"callbacks": [handler], "tags": ["z"], "metadata": {"q": 1}}
    function = RunnableLambda(call if drive.driver == "sync" else call_async, name="caller")
    yield drive.invoke(function, "x", config)
    yield handler.log
