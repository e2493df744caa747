"""Cached nodes: what a hit puts into the streams and the trace, and what is kept for it."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from typing_extensions import TypedDict

from otgraph.cache.memory import InMemoryCache
from otgraph.cache.sqlite import SqliteCache
from otgraph.graph import START, StateGraph
from otgraph.telemetry import TelemetryOptions, read_spans, replay
from otgraph.types import CachePolicy, RetryPolicy, StreamWriter

REPLAY = CachePolicy(replay_custom=True)


class State(TypedDict):
    log: Annotated[list[Any], operator.add]


@pytest.fixture(params=["threads", "asyncio"])
def colour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["memory", "sqlite"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Return each cache in turn."""
    if request.param == "memory":
        yield InMemoryCache()
        return
    found = SqliteCache(path=str(tmp_path / "cache.db"))
    yield found


class Speaker:
    """A node that says three things and counts how often it runs."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, state: State, writer: StreamWriter) -> Any:
        self.runs += 1
        item = {"number": 0}
        for number in range(3):
            item["number"] = number
            writer(item if number else "first")
        return {"log": ["said"]}


def graph_of(node: Any, cache: Any, policy: CachePolicy = REPLAY, **more: Any) -> Any:
    """Return a graph of one cached node, `n`."""
    return (
        StateGraph(State)
        .add_node("n", node, cache_policy=policy, **more)
        .add_edge(START, "n")
        .compile(cache=cache)
    )


def stream(colour: str, graph: Any, **options: Any) -> list[Any]:
    """Return the chunks of a run."""
    if colour == "threads":
        return list(graph.stream({"log": []}, **options))

    async def collect() -> list[Any]:
        return [chunk async for chunk in graph.astream({"log": []}, **options)]

    return asyncio.run(collect())


CACHED = {"n": {"log": ["said"]}, "__metadata__": {"cached": True}}


def test_a_hit_says_it_again(colour: str, cache: Any) -> None:
    """With `replay_custom` a hit shows the items as they were written, before the update; the node does not run."""
    node = Speaker()
    first = stream(colour, graph_of(node, cache), stream_mode=["custom", "updates"])
    again = stream(colour, graph_of(node, cache), stream_mode=["custom", "updates"])
    said = [("custom", "first"), ("custom", {"number": 1}), ("custom", {"number": 2})]
    assert 1 == node.runs
    assert [mode for mode, _ in first] == ["custom", "custom", "custom", "updates"]
    assert [*said, ("updates", CACHED)] == again


def test_by_default_a_hit_only_announces_itself(colour: str, cache: Any) -> None:
    """As in LangGraph, an update says that it was cached, and that is all."""
    node = Speaker()
    graph = graph_of(node, cache, CachePolicy())
    stream(colour, graph, stream_mode="custom")
    assert [("updates", CACHED)] == stream(colour, graph, stream_mode=["custom", "updates"])


def test_parts_of_a_hit(colour: str, cache: Any) -> None:
    """What is said again belongs to the task that did not run."""
    graph = graph_of(Speaker(), cache)
    stream(colour, graph)
    parts = stream(colour, graph, stream_mode=["tasks", "custom", "updates"], version="v2")
    assert ["tasks", "custom", "custom", "custom", "updates"] == [part["type"] for part in parts]
    assert {parts[0]["data"]["id"]} == {part.task_id for part in parts}


def test_entries_are_those_of_langgraph(cache: Any) -> None:
    """Writes are kept where LangGraph keeps them, in its shape; what was said has an entry of its own."""
    kept: dict[Any, Any] = {}

    class Spy(InMemoryCache[Any]):
        def set(self, pairs: Any) -> None:
            kept.update(pairs)
            super().set(pairs)

    def node(state: State, writer: StreamWriter) -> Any:
        writer("word")
        return {"log": ["said"]}

    graph_of(node, Spy(), CachePolicy(ttl=60, replay_custom=True, key_func=lambda _: "k")).invoke({"log": []})
    identity = f"{__name__}.{node.__qualname__}"
    (writes, key), (items, same) = kept
    assert (("__pregel_ns_writes", identity, "n"), ("__otgraph_custom", identity, "n")) == (writes, items)
    assert key == same
    assert [([("log", ["said"])], 60), (["word"], 60)] == list(kept.values())


def test_entries_without_items(colour: str, cache: Any) -> None:
    """An entry that was made without `replay_custom`, or by LangGraph, is a hit that only announces itself."""
    node = Speaker()
    stream(colour, graph_of(node, cache, CachePolicy()))
    chunks = stream(colour, graph_of(node, cache), stream_mode=["custom", "updates"])
    assert ([("updates", CACHED)], 1) == (chunks, node.runs)


def test_a_cache_that_forgot_the_writes(colour: str, cache: Any) -> None:
    """Items alone are no hit: the node runs, and what it says then replaces them."""
    node = Speaker()
    graph = graph_of(node, cache)
    stream(colour, graph)
    cache.clear([("__pregel_ns_writes", "__dynamic__", "n")])
    assert 3 == len(stream(colour, graph, stream_mode="custom"))
    assert (2, 3) == (node.runs, len(stream(colour, graph, stream_mode="custom")))


def test_clearing(colour: str, cache: Any) -> None:
    """`clear_cache` forgets both."""
    node = Speaker()
    graph = graph_of(node, cache)
    stream(colour, graph)
    if colour == "threads":
        graph.clear_cache(["n"])
    else:
        asyncio.run(graph.aclear_cache(["n"]))
    stream(colour, graph)
    assert 2 == node.runs


def test_only_the_attempt_that_succeeded_is_kept(colour: str, cache: Any) -> None:
    """What failed attempts said is not said again."""
    attempts: list[int] = []

    def flaky(state: State, writer: StreamWriter) -> Any:
        attempts.append(1)
        writer(len(attempts))
        if len(attempts) < 3:
            raise ConnectionError
        return {"log": ["said"]}

    graph = graph_of(flaky, cache, retry_policy=RetryPolicy(initial_interval=0.001, jitter=False))
    assert [1, 2, 3] == stream(colour, graph, stream_mode="custom")
    assert [3] == stream(colour, graph, stream_mode="custom")


def test_a_hit_in_the_trace(colour: str, cache: Any) -> None:
    """A hit is an event of the superstep that says so, as are the items; with capture on they can be replayed."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    options = TelemetryOptions(provider=provider, capture=True)
    graph = graph_of(Speaker(), cache)
    stream(colour, graph)
    modes = ["custom", "updates", "spans"]
    chunks = stream(colour, graph, stream_mode=modes, telemetry=options)
    spans = exporter.get_finished_spans()
    step = next(span for span in spans if span.name == "otgraph.superstep")
    told = [(event.name, (event.attributes or {}).get("otgraph.cache.hit")) for event in step.events]
    assert told == [
        ("otgraph.task.started", None),
        ("otgraph.custom", None),
        ("otgraph.custom", None),
        ("otgraph.custom", None),
        ("otgraph.task.restored", True),
        ("otgraph.superstep.applied", None),
    ]
    assert not [span.name for span in spans if span.name.startswith("invoke_node")]
    shown = [(mode, chunk) for mode, chunk in chunks if mode != "spans"]
    assert shown == list(replay(read_spans(spans), ["custom", "updates"]))
    events = [chunk["event"] for mode, chunk in chunks if mode == "spans" and chunk["type"] == "event"]
    assert 3 == events.count("otgraph.custom")


def test_items_that_cannot_be_stored(colour: str, cache: Any) -> None:
    """Whoever asks for items to be kept is told of one that cannot be."""

    def node(state: State, writer: StreamWriter) -> Any:
        writer(object())
        return {"log": ["said"]}

    with pytest.raises(TypeError, match="not msgpack serializable: object"):
        stream(colour, graph_of(node, cache))


def test_keys_are_made_once(colour: str, cache: Any) -> None:
    """The user's key function is called once for each task."""
    asked: list[Any] = []

    def key(value: Any) -> str:
        asked.append(value)
        return "k"

    graph = graph_of(Speaker(), cache, CachePolicy(key_func=key, replay_custom=True))
    stream(colour, graph)
    stream(colour, graph)
    assert 2 == len(asked)
