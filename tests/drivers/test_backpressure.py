"""Subscribers that cannot keep up: who waits, who loses what, who is told."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import pytest
from waiting import until, until_async

from otgraph.config import get_stream_writer
from otgraph.errors import StreamOverflowError
from otgraph.stream.subscription import BATCH
from otgraph.types import Buffer

from .conftest import Colour, State, Trace, beside, chain

ITEMS = 200


def writing(
    colour: Colour, items: int = ITEMS, wrote: list[int] | None = None, *, awaits: bool = True
) -> Any:
    """Return a node that writes numbers, and notes each as soon as it is written."""
    noted = [] if wrote is None else wrote

    def write(state: State) -> None:
        writer = get_stream_writer()
        for item in range(items):
            writer(item)
            noted.append(item)

    async def write_async(state: State) -> None:
        writer = get_stream_writer()
        for item in range(items):
            writer(item)
            noted.append(item)
            if awaits:
                await asyncio.sleep(0)

    return write if colour.sync else write_async


def consume(colour: Colour, graph: Any, each: Callable[[Any], None], **options: Any) -> None:
    """Give each chunk to `each`, and take some time for it."""
    if colour.sync:
        for chunk in graph.stream({"log": []}, **options):
            each(chunk)
            time.sleep(0.0005)
        return

    async def take() -> None:
        async for chunk in graph.astream({"log": []}, **options):
            each(chunk)
            await asyncio.sleep(0.0005)

    asyncio.run(take())


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_block(colour: Colour, size: int, trace: Trace) -> None:
    """With `block`, no more waits than the bound, besides what is being handed out."""
    wrote: list[int] = []
    chunks: list[int] = []
    ahead: list[int] = []

    def each(chunk: int) -> None:
        chunks.append(chunk)
        ahead.append(len(wrote) - len(chunks))

    graph = chain(writing(colour, wrote=wrote))
    consume(colour, graph, each, stream_mode="custom", buffer=Buffer(size), telemetry=trace.options)
    assert list(range(ITEMS)) == chunks
    assert max(ahead) <= size + min(size, BATCH) + 2


def test_block_with_the_smallest_buffer_and_all_modes(colour: Colour, trace: Trace) -> None:
    """A buffer of one entry suffices for every mode, for tasks side by side and for a graph in a node."""
    inner = chain(writing(colour, 20))
    graph = beside(a=writing(colour, 20), b=colour.calling(inner), c=inner)
    modes = ["values", "updates", "custom", "tasks", "debug", "spans"]
    count = dict.fromkeys(modes, 0)

    def each(chunk: Any) -> None:
        count[chunk[1]] += 1

    consume(colour, graph, each, stream_mode=modes, subgraphs=True, buffer=Buffer(1), telemetry=trace.options)
    assert 60 == count["custom"]


@pytest.mark.parametrize("policy", ["block", "drop_oldest"])
def test_many_threads_write(colour: Colour, policy: Any, trace: Trace) -> None:
    """Threads that a node starts write through its writer, are held up like itself, and keep their own order."""
    count, each_writes = 8, 50

    def start(state: State) -> None:
        writer = get_stream_writer()

        def write(name: int) -> None:
            for item in range(each_writes):
                writer((name, item))

        threads = [threading.Thread(target=copy_context().run, args=(write, name)) for name in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    async def start_async(state: State) -> None:
        await asyncio.to_thread(start, state)

    chunks: list[tuple[int, int]] = []
    graph = chain(start if colour.sync else start_async)
    buffer = Buffer(16, policy)
    consume(colour, graph, chunks.append, stream_mode="custom", buffer=buffer, telemetry=trace.options)
    for name in range(count):
        own = [item for author, item in chunks if author == name]
        assert sorted(own) == own
    if policy == "block":
        assert count * each_writes == len(chunks)


def test_a_thread_that_outlives_its_node_is_held_up_too(colour: Colour, trace: Trace) -> None:
    """A thread that a node leaves behind writes while later nodes run; nobody waits for ever."""
    begun, finished = threading.Event(), threading.Event()

    def leave(state: State) -> None:
        writer = get_stream_writer()

        def write() -> None:
            for item in range(100):
                writer(item)
                if item == 10:
                    begun.set()
            finished.set()

        threading.Thread(target=copy_context().run, args=(write,)).start()

    def wait(state: State) -> None:
        begun.wait(5)
        time.sleep(0.02)

    async def wait_async(state: State) -> None:
        while not finished.is_set():
            await asyncio.sleep(0.001)

    def wait_for_it(state: State) -> None:
        finished.wait(5)

    last = wait_for_it if colour.sync else wait_async
    graph = chain(colour.node(leave), colour.node(wait), *[colour.node(lambda state: None)] * 5, last)
    chunks: list[int] = []
    consume(colour, graph, chunks.append, stream_mode="custom", buffer=Buffer(4), telemetry=trace.options)
    assert list(range(100)) == chunks


def test_drop_oldest(colour: Colour, trace: Trace) -> None:
    """With `drop_oldest` nobody waits: the newest items are kept, and the next part says how many are missing."""
    parts: list[Any] = []
    graph = chain(writing(colour, 1000, awaits=False))
    consume(
        colour,
        graph,
        parts.append,
        stream_mode="custom",
        version="v2",
        buffer=Buffer(10, "drop_oldest"),
        telemetry=trace.options,
    )
    shown = [part["data"] for part in parts]
    assert sorted(shown) == shown
    assert 999 == shown[-1]
    gaps = [0, *[later - earlier - 1 for earlier, later in zip(shown, shown[1:], strict=False)]]
    gaps[0] = shown[0]
    assert gaps == [part.dropped for part in parts]


def test_error(colour: Colour, trace: Trace) -> None:
    """With `error` the consumer that falls behind gets an exception, and the run is cancelled."""
    graph = chain(writing(colour, 5000, awaits=False), colour.sleeping(30))
    with pytest.raises(StreamOverflowError, match="fell more than 10 entries behind"):
        consume(
            colour,
            graph,
            lambda chunk: time.sleep(0.01),
            stream_mode="custom",
            buffer=Buffer(10, "error"),
            telemetry=trace.options,
        )
    assert "cancelled" == trace.outcomes()["LangGraph"]


@pytest.mark.parametrize("wide", [False, True])
def test_a_coroutine_that_never_awaits(wide: bool, trace: Trace) -> None:
    """It cannot be held up; at ten times the bound its writer raises."""
    wrote: list[int] = []
    colour = Colour("asyncio")
    nodes = {"a": writing(colour, 1000, wrote, awaits=False)}
    if wide:
        nodes["b"] = colour.sleeping(0.01)
    with pytest.raises(StreamOverflowError, match="node 'a' wrote ten times as much"):
        colour.stream(beside(**nodes), stream_mode="custom", buffer=Buffer(5), telemetry=trace.options)
    assert 45 <= len(wrote) <= 50


async def test_a_cancellation_reaches_a_coroutine_that_is_held_up(trace: Trace) -> None:
    """A coroutine that waits for its consumer is cancelled with it, and what it awaits as well."""
    awaited: list[str] = []

    async def inner() -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            awaited.append("cancelled")
            raise

    async def node(state: State) -> None:
        task = asyncio.create_task(inner())
        writer = get_stream_writer()
        for item in range(5):
            writer(item)
        await task

    graph = chain(node)
    stream = graph.astream({"log": []}, stream_mode="custom", buffer=Buffer(2), telemetry=trace.options)
    await stream.__anext__()
    await asyncio.sleep(0.01)
    await stream.aclose()
    await asyncio.sleep(0)
    assert (["cancelled"], 1) == (awaited, len(asyncio.all_tasks()))


@pytest.mark.parametrize("mode", ["updates", "custom"])
def test_printing_never_blocks(
    colour: Colour, mode: str, trace: Trace, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `print_mode` prints has a queue of its own; filling it does not stop the run."""
    count = 3000
    graph = chain(writing(colour, count))
    colour.stream(graph, stream_mode=mode, print_mode="custom", telemetry=trace.options)
    colour.invoke(graph, print_mode="custom", telemetry=trace.options)
    assert 2 * count == capsys.readouterr().out.count("[custom]")


def test_printing_happens_while_nodes_run(capsys: pytest.CaptureFixture[str], trace: Trace) -> None:
    """What is printed is printed at once, whatever else the stream shows."""
    seen: list[str] = []

    def speak(state: State) -> None:
        get_stream_writer()("said")

    def look(state: State) -> None:
        deadline = time.monotonic() + 2
        while "said" not in "".join(seen) and time.monotonic() < deadline:
            time.sleep(0.005)
            seen.append(capsys.readouterr().out)

    graph = beside(a=speak, b=look)
    assert 2 == len(list(graph.stream({"log": []}, print_mode="custom", telemetry=trace.options)))
    assert "said" in "".join(seen)


# ---- streams are pulled


@pytest.mark.parametrize("mode", ["updates", "custom", ["values", "custom"], "tasks"], ids=str)
def test_nothing_runs_ahead_of_the_consumer(colour: Colour, mode: Any, trace: Trace) -> None:
    """After a chunk was handed out nothing starts before the next one is asked for."""
    ran: list[str] = []

    def step(name: str) -> Any:
        def run(state: State) -> Any:
            ran.append(name)
            get_stream_writer()(name)
            return {"log": [name]}

        return colour.node(run)

    graph = chain(step("a"), step("b"), step("c"))
    seen: list[list[str]] = []

    async def take() -> None:
        stream = graph.astream({"log": []}, stream_mode=mode, telemetry=trace.options)
        async for chunk in stream:
            if "b" in str(chunk):
                await asyncio.sleep(0.03)
                seen.append(list(ran))
                break
        await stream.aclose()

    if colour.sync:
        for chunk in graph.stream({"log": []}, stream_mode=mode, telemetry=trace.options):
            if "b" in str(chunk):
                time.sleep(0.03)
                seen.append(list(ran))
                break
    else:
        asyncio.run(take())
    time.sleep(0.02)
    assert ["a", "b"][: len(seen[0])] == seen[0]
    assert "c" not in ran


def test_items_are_handed_over_while_the_node_runs(colour: Colour, trace: Trace) -> None:
    """A consumer has an item at once, long before the node that wrote it returns."""

    got: list[int] = []

    def speak(state: State) -> None:
        for number in range(3):
            get_stream_writer()(number)
            until(lambda: number in got)

    async def speak_async(state: State) -> None:
        for number in range(3):
            get_stream_writer()(number)
            await until_async(lambda: number in got)

    graph = chain(speak if colour.sync else speak_async)
    consume(colour, graph, got.append, stream_mode="custom", telemetry=trace.options)
    assert [0, 1, 2] == got
