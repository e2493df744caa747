"""Law 7: bounded. Queues have a size and a policy; long runs and slow consumers do not grow memory."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import tracemalloc
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.config import get_stream_writer
from otgraph.drivers.saves import MOST
from otgraph.errors import StreamOverflowError
from otgraph.graph import START, StateGraph
from otgraph.stream.subscription import Subscription
from otgraph.telemetry import TelemetryOptions
from otgraph.tracing import names
from otgraph.tracing.observer import LIVE
from otgraph.tracing.record import Record
from otgraph.types import Buffer, Command, interrupt

from .conftest import Driver
from .programs import State, adding, chained
from .replayed import Recorder

ITEMS = 300


def flood(driver: Driver, *, awaits: bool = True, items: int = ITEMS) -> Any:
    """Return a graph whose one node writes many items, as fast as it can."""

    def write(state: State) -> None:
        writer = get_stream_writer()
        for item in range(items):
            writer(item)

    async def write_async(state: State) -> None:
        writer = get_stream_writer()
        for item in range(items):
            writer(item)
            if awaits:
                await asyncio.sleep(0)

    return chained(("write", write if driver.sync else write_async)).compile()


class Depth:
    """Notes how full any queue has ever been."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.most = 0
        hear = Subscription.hear

        def noting(subscription: Subscription, fact: Any) -> bool:
            crowded = hear(subscription, fact)
            self.most = max(self.most, len(subscription.queue))
            return crowded

        monkeypatch.setattr(Subscription, "hear", noting)


@pytest.fixture
def depth(monkeypatch: pytest.MonkeyPatch) -> Depth:
    return Depth(monkeypatch)


def slowly(driver: Driver, graph: Any, buffer: Buffer, pause: float = 0.001, **options: Any) -> list[Any]:
    """Return the chunks of a stream whose consumer takes its time."""
    chunks: list[Any] = []

    async def consume() -> None:
        async for chunk in graph.astream({"n": 0}, stream_mode="custom", buffer=buffer, **options):
            chunks.append(chunk)
            await asyncio.sleep(pause)

    if driver.sync:
        for chunk in graph.stream({"n": 0}, stream_mode="custom", buffer=buffer, **options):
            chunks.append(chunk)
            time.sleep(pause)
    else:
        asyncio.run(consume())
    return chunks


def test_block(driver: Driver, depth: Depth) -> None:
    """Under `block` a slow consumer holds the producer up: all items arrive, and few wait at any time."""
    assert list(range(ITEMS)) == slowly(driver, flood(driver), Buffer(16, "block"))
    assert depth.most <= 20


def test_drop_oldest(driver: Driver, depth: Depth) -> None:
    """Under `drop_oldest` the newest items arrive in order, the gap is counted on a chunk, and nobody waits."""
    chunks = slowly(driver, flood(driver, awaits=False), Buffer(16, "drop_oldest"), version="v2")
    items = [chunk["data"] for chunk in chunks]
    assert sorted(items) == items
    assert ITEMS - 1 == items[-1]
    assert ITEMS == len(items) + sum(chunk.dropped for chunk in chunks)
    assert depth.most <= 17


def test_error(driver: Driver) -> None:
    """Under `error` a consumer that falls behind is told so."""
    with pytest.raises(StreamOverflowError, match="fell more than 16 entries behind"):
        slowly(driver, flood(driver, awaits=False), Buffer(16, "error"), pause=0.01)


def test_a_node_that_never_awaits_is_stopped_at_ten_times_the_bound(depth: Depth) -> None:
    """Under `block` an async node cannot be held up between two awaits; its writer raises before memory fills up."""
    driver = Driver("asyncio")
    with pytest.raises(StreamOverflowError, match="without awaiting"):
        slowly(driver, flood(driver, awaits=False), Buffer(8, "block"))
    assert depth.most <= 81


def test_values_are_whole_after_a_gap(driver: Driver) -> None:
    """What is dropped is not shown, but the state it carried is not lost for those that follow."""
    graph = StateGraph(State)
    graph.add_node("a", driver.node(adding("a")))
    graph.add_edge(START, "a").add_conditional_edges(
        "a", driver.node(lambda state: "a" if len(state["log"]) < 40 else "__end__")
    )
    compiled = graph.compile()
    modes = ["values", "custom"]

    async def lag() -> list[Any]:
        stream = compiled.astream({"n": 0, "log": []}, stream_mode=modes, buffer=Buffer(2, "drop_oldest"))
        return [chunk async for chunk in stream]

    if driver.sync:
        chunks = list(
            compiled.stream({"n": 0, "log": []}, stream_mode=modes, buffer=Buffer(2, "drop_oldest"))
        )
    else:
        chunks = asyncio.run(lag())
    assert ["a"] * 40 == chunks[-1][1]["log"]


def test_a_thread_that_is_held_up_is_let_go(depth: Depth) -> None:
    """A producer that waits for a consumer who leaves is not left waiting for ever."""
    over = threading.Event()

    def write(state: State) -> None:
        writer = get_stream_writer()
        try:
            for item in range(ITEMS):
                writer(item)
        finally:
            over.set()

    stream = chained(("write", write)).compile().stream({"n": 0}, stream_mode="custom", buffer=Buffer(4))
    next(stream)
    stream.close()
    assert over.wait(5)


# ---- savers that cannot keep up


class Slow(InMemorySaver):
    """Takes its time to save a checkpoint, and knows how far the run is ahead by then."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.ahead: list[int] = []
        self.steps = 0

    def put(self, *args: Any) -> Any:
        time.sleep(self.seconds)
        self.ahead.append(self.steps - len(self.ahead))
        return super().put(*args)

    async def aput(self, *args: Any) -> Any:
        await asyncio.sleep(self.seconds)
        self.ahead.append(self.steps - len(self.ahead))
        return super().put(*args)


def saved_counter(driver: Driver, saver: Any, steps: int) -> Any:
    def count(state: State) -> dict[str, Any]:
        saver.steps += 1
        return {"n": state["n"] + 1}

    graph = StateGraph(State).add_node("count", driver.node(count)).add_edge(START, "count")
    graph.add_conditional_edges(
        "count", driver.node(lambda state: "count" if state["n"] < steps else "__end__")
    )
    return graph.compile(checkpointer=saver)


def test_a_run_waits_for_a_saver_that_is_slow(driver: Driver) -> None:
    """With durability `async` a run is a bounded number of supersteps ahead; at its end all of them are saved."""
    saver = Slow(0.001)
    graph, steps = saved_counter(driver, saver, 200), 200
    config = {"configurable": {"thread_id": "7"}, "recursion_limit": steps + 2}
    assert steps == driver.invoke(graph, {"n": 0}, config, durability="async")["n"]
    # Each superstep leaves two things to save: what its task wrote, and the state.
    assert 8 < max(saver.ahead) <= MOST // 2 + 2
    assert steps + 2 == len(list(saver.list(config)))


def test_a_run_that_waits_for_its_saver_hears_of_a_failure(driver: Driver) -> None:
    """Where the saver fails while a run waits for it, the run fails, and soon."""

    class Failing(Slow):
        def put(self, *args: Any) -> Any:
            if len(self.ahead) == 5:
                time.sleep(0.1)
                raise OSError("disk full")
            return super().put(*args)

        async def aput(self, *args: Any) -> Any:
            if len(self.ahead) == 5:
                await asyncio.sleep(0.1)
                raise OSError("disk full")
            return await super().aput(*args)

    saver = Failing(0.0)
    config = {"configurable": {"thread_id": "7"}, "recursion_limit": 100_000}
    with pytest.raises(OSError, match="disk full"):
        driver.invoke(saved_counter(driver, saver, 90_000), {"n": 0}, config, durability="async")
    assert saver.steps < 5 + MOST


@pytest.mark.parametrize("traced", [False, True])
def test_memory_of_saved_runs_is_flat(driver: Driver, traced: bool) -> None:
    """A thread that goes on and on in one process leaves nothing behind but what its saver keeps."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Empty())
    options = TelemetryOptions(provider=provider) if traced else None

    class Forgetful(InMemorySaver):
        prompt = False

        def put(self, config: Any, *args: Any) -> Any:
            named = super().put(config, *args)
            self.prune(["7"])
            return named

        async def aput(self, *args: Any) -> Any:
            return self.put(*args)

    def ask(state: State) -> dict[str, Any]:
        return {"n": state["n"] + interrupt("more?")}

    graph = chained(("ask", driver.node(ask)))
    graph.add_conditional_edges("ask", driver.node(lambda state: "ask"))
    compiled = graph.compile(checkpointer=Forgetful())
    config = {"configurable": {"thread_id": "7"}}

    def turns(count: int) -> int:
        async def all_of_them() -> None:
            for _ in range(count):
                await compiled.ainvoke(Command(resume=1), config, telemetry=options)

        if driver.sync:
            for _ in range(count):
                compiled.invoke(Command(resume=1), config, telemetry=options)
        else:
            asyncio.run(all_of_them())
        gc.collect()
        return len([each for each in gc.get_objects() if str(type(each).__module__).startswith("otgraph.")])

    driver.invoke(compiled, {"n": 0}, config, telemetry=options)
    few = turns(10)
    assert turns(300) <= few + 20
    assert not LIVE


# ---- long runs


class Empty(SpanProcessor):
    """Takes every span and keeps none."""

    def __init__(self) -> None:
        self.ended = 0

    def on_end(self, span: ReadableSpan) -> None:
        self.ended += 1


def counter(driver: Driver, steps: int) -> Any:
    graph = StateGraph(State)
    graph.add_node("count", driver.node(lambda state: {"n": state["n"] + 1}))
    graph.add_edge(START, "count")
    graph.add_conditional_edges(
        "count", driver.node(lambda state: "count" if state["n"] < steps else "__end__")
    )
    return graph.compile()


@pytest.mark.parametrize("capture", [False, True])
def test_memory_is_flat(driver: Driver, capture: bool) -> None:
    """Ten times the steps need no more memory: neither the engine nor the record nor the spans keep anything."""
    empty = Empty()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(empty)
    options = TelemetryOptions(provider=provider, capture=capture)

    def peak(steps: int) -> int:
        graph = counter(driver, steps)
        gc.collect()
        tracemalloc.start()
        driver.invoke(graph, {"n": 0}, {"recursion_limit": steps + 2}, telemetry=options)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(20)
    short, long = peak(60), peak(600)
    # With capture on, a superstep's event stays on its span until that ends, and on no other.
    assert long < 1.3 * short + 50_000
    assert 2 * (20 + 60 + 600) + 3 == empty.ended


def test_a_stream_keeps_nothing_of_what_was_taken(driver: Driver) -> None:
    """While a long stream is read to its end, memory does not grow with the chunks."""
    graph = counter(driver, 2000)
    marks: list[int] = []

    async def read() -> None:
        number = 0
        async for _ in graph.astream({"n": 0}, {"recursion_limit": 2002}, stream_mode=["updates", "debug"]):
            number += 1
            mark(number)

    def mark(number: int) -> None:
        if number % 1500 == 0:
            gc.collect()
            marks.append(tracemalloc.get_traced_memory()[0])

    tracemalloc.start()
    try:
        if driver.sync:
            stream = graph.stream({"n": 0}, {"recursion_limit": 2002}, stream_mode=["updates", "debug"])
            for number, _ in enumerate(stream, 1):
                mark(number)
        else:
            asyncio.run(read())
    finally:
        tracemalloc.stop()
    assert marks[-1] < marks[0] + 60_000


def test_many_runs_leave_nothing_behind(driver: Driver) -> None:
    """After a thousand runs no table of the engine, the record or the tracing is larger than after ten."""
    graph = chained(("a", driver.node(adding("a")))).compile()

    def some(count: int) -> int:
        async def all_of_them() -> None:
            for _ in range(count):
                await graph.ainvoke({"n": 0, "log": []})

        if driver.sync:
            for _ in range(count):
                graph.invoke({"n": 0, "log": []})
        else:
            asyncio.run(all_of_them())
        gc.collect()
        return len([each for each in gc.get_objects() if str(type(each).__module__).startswith("otgraph.")])

    few = some(10)
    assert some(1000) <= few + 20
    assert not LIVE


def test_custom_items_on_a_span_are_a_ring(driver: Driver) -> None:
    """A node that writes for ever keeps the newest items on its span, its own events, and the count of all."""
    recorder = Recorder()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(recorder.provider._active_span_processor)
    driver.invoke(flood(driver), {"n": 0}, telemetry=TelemetryOptions(provider=provider, capture=True))
    (task,) = [span for span in recorder.spans if span.name == "invoke_node write"]
    kept = [event.attributes.get(names.PAYLOAD) for event in task.events]
    assert [str(item) for item in range(ITEMS - 127, ITEMS)] == kept[:-1]
    assert "otgraph.task.committed" == task.events[-1].name
    assert (ITEMS, ITEMS + 1 - 128) == (task.attributes[names.CUSTOM_COUNT], task.dropped_events)


def test_a_late_listener_that_leaves_is_forgotten() -> None:
    """A subscription that is given back is referred to by nobody, and no longer asks the run to wait."""
    record = Record()

    class Ear:
        mask, reads, watches_spans, crowded, flooded = 1, 0, False, True, True

        def meet(self, run: Any) -> None: ...
        def hear(self, fact: Any) -> bool:
            return True

    ear = Ear()
    record.subscribe(ear)
    record.crowded = True
    woken: list[int] = []
    record.when_relieved(lambda: woken.append(1))
    record.unsubscribe(ear)
    assert ([1], False, 0) == (woken, record.crowded, record.mask)
    assert [] == [each for each in gc.get_referrers(ear) if isinstance(each, tuple)]
