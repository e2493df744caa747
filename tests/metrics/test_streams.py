"""Metrics of streams: how far a subscriber is behind, and what it misses."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from typing import Any

import pytest
from driven import Driven

from otgraph.errors import StreamOverflowError
from otgraph.runtime import get_stream_writer
from otgraph.stream.view import Buffer
from otgraph.telemetry import watch
from otgraph.tracing import names
from otgraph.tracing.metrics import meters_for

from .conftest import Measured
from .graphs import State, line

INPUT: Any = {"log": []}


def talker(count: int) -> Any:
    """Return a node that hands out so many items."""

    def talk(state: State) -> None:
        writer = get_stream_writer()
        for number in range(count):
            writer(number)

    return talk


def test_lag(drive: Driven, measured: Measured) -> None:
    """Whoever reads slowly is seen to be behind; whoever does not stream is no subscriber."""

    def talk(state: State) -> None:
        writer = get_stream_writer()
        for number in range(5):
            writer(number)
            time.sleep(0.01)

    async def talk_async(state: State) -> None:
        writer = get_stream_writer()
        for number in range(5):
            writer(number)
            await asyncio.sleep(0.01)

    graph = line(a=talk if drive.sync else talk_async).compile(name="g")
    drive.invoke(graph, INPUT, telemetry=measured.options)
    assert {} == measured.counts(names.STREAM_LAG)

    async def read() -> None:
        async for _chunk in graph.astream(INPUT, stream_mode="custom", telemetry=measured.options):
            await asyncio.sleep(0.1)

    if drive.sync:
        for _chunk in graph.stream(INPUT, stream_mode="custom", telemetry=measured.options):
            time.sleep(0.1)
    else:
        asyncio.run(read())
    ((labels, lag),) = measured.points(names.STREAM_LAG).items()
    assert ("g",) == labels
    assert 1 <= lag.count <= 5
    assert lag.max > 0.02
    assert {} == measured.counts(names.STREAM_DROPPED)


def test_nothing_for_each_chunk(drive: Driven, measured: Measured) -> None:
    """However many chunks there are, the lag is recorded a hundred times a second at most."""
    graph = line(a=drive.node(talker(5000))).compile(name="g")
    begun = time.monotonic()
    chunks = drive.stream(graph, INPUT, stream_mode="custom", telemetry=measured.options)
    took = time.monotonic() - begun
    assert 5000 == len(chunks)
    assert 1 <= measured.counts(names.STREAM_LAG)["g",] <= took * 100 + 2


@pytest.mark.parametrize("size", [1, 7, 64])
def test_what_is_dropped(drive: Driven, measured: Measured, size: int) -> None:
    """What a subscriber does not get is counted: with what it gets, that is all there was."""
    graph = line(a=drive.node(talker(500))).compile(name="g")
    dropping = Buffer(size=size, policy="drop_oldest")
    got = drive.stream(graph, INPUT, stream_mode="custom", buffer=dropping, telemetry=measured.options)
    dropped = measured.counts(names.STREAM_DROPPED).get(("g", "drop_oldest"), 0)
    assert 500 == len(got) + dropped


def test_what_overflows(drive: Driven, measured: Measured) -> None:
    """A stream that fails because its reader is behind counts what that had no room for."""
    graph = line(a=drive.node(talker(500))).compile(name="g")
    strict = Buffer(size=10, policy="error")
    if drive.sync:
        with pytest.raises(StreamOverflowError):
            drive.each(
                graph,
                lambda chunk: time.sleep(0.05),
                INPUT,
                stream_mode="custom",
                buffer=strict,
                telemetry=measured.options,
            )
        assert measured.counts(names.STREAM_DROPPED)["g", "error"] > 0


def test_watchers(measured: Measured) -> None:
    """An observer of a run that goes on is a subscriber like any other."""
    seen, go_on = threading.Event(), threading.Event()

    def wait(state: State) -> None:
        seen.set()
        go_on.wait(30)
        talker(300)(state)

    graph = line(a=wait).compile(name="g")
    config: Any = {"configurable": {"thread_id": "watched"}}
    runner = threading.Thread(
        target=graph.invoke, args=(INPUT, config), kwargs={"telemetry": measured.options}
    )
    runner.start()
    seen.wait(30)
    watcher = watch(thread_id="watched", stream_mode="custom", buffer=Buffer(size=50, policy="drop_oldest"))
    go_on.set()
    runner.join(30)
    got = list(watcher)
    assert 300 == len(got) + watcher.dropped
    assert {("g", "drop_oldest"): watcher.dropped} == measured.counts(names.STREAM_DROPPED)
    assert measured.counts(names.STREAM_LAG)["g",] >= 1


def test_streams_that_are_left(drive: Driven, measured: Measured) -> None:
    """A stream that its consumer leaves is measured in the end: its run is over, its tasks have ended once."""
    if not drive.sync:
        pytest.skip("what an event loop leaves behind it closes itself")
    graph = line(a=talker(3), b=talker(3)).compile(name="g")
    for _ in range(5):
        for _chunk in graph.stream(INPUT, stream_mode="custom", telemetry=measured.options):
            break
    gc.collect()
    assert {("g",): 0} == measured.counts(names.RUN_ACTIVE)
    assert 5 == sum(measured.counts(names.RUN_DURATION).values())
    ends = measured.counts(names.NODE_DURATION)
    assert 5 == sum(count for labels, count in ends.items() if labels[0] == "a")


def test_a_collection_in_the_middle_of_a_measurement(measured: Measured) -> None:
    """The garbage collector may close a stream while measurements are made or collected: nobody waits for himself."""
    graph = line(a=talker(3), b=talker(3)).compile(name="g")

    class Cycle:
        """What only the garbage collector frees: a stream that was left, and that refers to itself."""

        def __init__(self) -> None:
            self.stream = graph.stream(INPUT, stream_mode="custom", telemetry=measured.options)
            self.me = self
            next(self.stream)

    class Collecting(float):
        """A value whose addition, in the middle of an aggregation, has the garbage collector run."""

        def __radd__(self, other: Any) -> Any:
            gc.collect()
            return float(self) + other

    graph.invoke(INPUT, telemetry=measured.options)
    meters = meters_for(measured.provider)
    assert meters is not None
    gc.disable()
    try:
        done = threading.Event()

        def measure() -> None:
            for outcome in ("success", "cancelled", "abandoned"):
                Cycle()
                labels = (names.RUN_SPAN, "g", outcome, None)
                meters.runs._run.record(Collecting(1.0), labels, time.time_ns(), None, None)
            done.set()

        threading.Thread(target=measure, daemon=True).start()
        assert done.wait(30), "the measurement waits for itself"
    finally:
        gc.enable()
    assert {("g",): 0} == measured.counts(names.RUN_ACTIVE)
