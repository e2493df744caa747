"""Runs that are stopped while tasks are in progress: nothing is left behind, and every span ends once."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from waiting import until, until_async

from otgraph.config import get_stream_writer
from otgraph.drivers.workers import workers
from otgraph.errors import RunEndedError
from otgraph.func import entrypoint, task

from .conftest import PROMPT, Colour, Trace


class Blocked:
    """A sync function that cannot be stopped: it blocks until the test is over."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let_go = threading.Event()
        self.asked: list[Any] = []

    def __call__(self, x: int) -> int:
        self.begun.set()
        self.let_go.wait(30)
        try:
            get_stream_writer()("late")
        except RunEndedError as error:
            self.asked.append(error)
        return x


@pytest.fixture
def blocked() -> Any:
    node = Blocked()
    yield node
    node.let_go.set()


def test_leaving_a_stream_on_threads(blocked: Blocked, trace: Trace) -> None:
    """After a break the call that blocks is abandoned, and whoever waits for its future is woken."""
    woken: list[BaseException] = []
    body_over = threading.Event()
    block = task(blocked, name="block")

    @entrypoint(telemetry=trace.options)
    def main(x: int) -> int:
        get_stream_writer()("begun")
        try:
            return block(x).result()  # type: ignore[no-any-return]
        except BaseException as error:
            woken.append(error)
            raise
        finally:
            body_over.set()

    began = time.monotonic()
    for chunk in main.stream(1, stream_mode="custom"):
        assert chunk == "begun"
        assert blocked.begun.wait(5)
        break
    assert time.monotonic() - began < PROMPT
    assert body_over.wait(5)
    assert [type(error) for error in woken] == [RunEndedError]
    assert trace.outcomes() == {"block": "abandoned", "main": "cancelled"}
    assert workers.abandoned
    blocked.let_go.set()
    until(lambda: blocked.asked)


async def stopped(trace: Trace, how: str) -> list[Any]:
    """Stop a run with a coroutine and a thread in progress; return what the coroutines noticed."""
    noticed: list[Any] = []
    begun = asyncio.Event()

    @task
    async def nap(x: int) -> None:
        begun.set()
        try:
            await asyncio.sleep(30)
        finally:
            noticed.append("nap")

    @entrypoint(telemetry=trace.options)
    async def main(x: int) -> None:
        get_stream_writer()("begun")
        try:
            await nap(x)
        finally:
            noticed.append("main")

    if how == "break":
        async for _ in main.astream(1, stream_mode="custom"):
            await begun.wait()
            break
        gc.collect()
        await asyncio.sleep(0)  # the loop hears of it, and begins to close the stream in a task of its own
        await until_async(lambda: len(asyncio.all_tasks()) == 1, "every task but this one to end")
    else:
        running = asyncio.ensure_future(main.ainvoke(1) if how == "invoke" else read(main))
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    return noticed


async def read(graph: Any) -> None:
    async for _ in graph.astream(1, stream_mode="custom"):
        pass


@pytest.mark.parametrize("how", ["break", "invoke", "stream"])
def test_stopping_a_run_on_a_loop(trace: Trace, how: str) -> None:
    """A cancelled run cancels its calls and waits for them; no coroutine is left."""
    left: list[Any] = []

    async def run() -> list[Any]:
        noticed = await stopped(trace, how)
        left.extend(one for one in asyncio.all_tasks() if one is not asyncio.current_task())
        return noticed

    assert sorted(asyncio.run(run())) == ["main", "nap"]
    assert left == []
    assert set(trace.outcomes().values()) <= {"cancelled", "abandoned"}


def test_a_thread_under_a_cancelled_loop(blocked: Blocked, trace: Trace) -> None:
    """A sync task that blocks does not hold up the end of an async run."""
    block = task(blocked, name="block")

    @entrypoint(telemetry=trace.options)
    async def main(x: int) -> Any:
        return await block(x)

    async def run() -> float:
        running = asyncio.ensure_future(main.ainvoke(1))
        await until_async(blocked.begun.is_set)
        began = time.monotonic()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return time.monotonic() - began

    assert asyncio.run(run()) < PROMPT
    assert trace.outcomes()["block"] == "abandoned"


def test_a_body_that_fails_on_threads_waits_for_its_calls(trace: Trace) -> None:
    """A thread cannot be stopped, so the run fails when its calls have ended; its stream is over before."""
    ended: list[int] = []

    @task
    def slow(x: int) -> int:
        time.sleep(0.05)
        ended.append(x)
        return x

    @entrypoint(telemetry=trace.options)
    def main(x: int) -> None:
        slow(x)
        raise LookupError("main")

    with pytest.raises(LookupError):
        main.invoke(1)
    assert ended == [1]
    chunks = Colour("threads").stream(main, 1, stream_mode="updates")
    assert [type(chunk) for chunk in chunks] == [LookupError]


def test_calls_that_wait_for_a_slot_never_begin() -> None:
    """When the body has failed, calls that have not begun do not begin any more."""
    begun: list[int] = []

    @task
    def slow(x: int) -> None:
        begun.append(x)
        time.sleep(0.1)

    @entrypoint()
    def main(n: int) -> None:
        for i in range(n):
            slow(i)
        until(lambda: begun)
        raise LookupError("main")

    with pytest.raises(LookupError):
        main.invoke(50, {"max_concurrency": 1})
    assert len(begun) < 10


def test_a_body_that_fails_on_a_loop_cancels_its_calls(trace: Trace) -> None:
    """Coroutines are cancelled, and streams do not show that."""
    noticed: list[str] = []

    @task
    async def nap(x: int) -> None:
        noticed.append("begun")
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            noticed.append("cancelled")
            raise

    @entrypoint(telemetry=trace.options)
    async def main(x: int) -> None:
        nap(x)
        await until_async(lambda: noticed)
        raise LookupError("main")

    *chunks, error = Colour("asyncio").stream(main, 1, stream_mode="tasks")
    assert [chunk["name"] for chunk in chunks] == ["main", "nap", "main"]
    assert isinstance(error, LookupError)
    assert noticed == ["begun", "cancelled"]
    assert trace.outcomes() == {"nap": "cancelled", "main": "error"}


def test_cancelling_a_future(trace: Trace) -> None:
    """Whoever cancels the future of a coroutine stops that, and nobody else."""
    noticed: list[str] = []

    @task
    async def nap(x: int) -> None:
        noticed.append("begun")
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            noticed.append("cancelled")
            raise

    @entrypoint(telemetry=trace.options)
    async def main(x: int) -> str:
        napping = nap(x)
        await until_async(lambda: noticed)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(napping, 0.02)
        return "went on"

    assert asyncio.run(main.ainvoke(1)) == "went on"
    assert noticed == ["begun", "cancelled"]
    assert trace.outcomes() == {"nap": "cancelled", "main": "success"}


def test_a_retry_is_not_waited_for(colour: Colour, trace: Trace) -> None:
    """A call that sleeps before its next attempt is given up at once when the body fails."""
    from otgraph.types import RetryPolicy

    def fail(x: int) -> None:
        raise ConnectionError("again")

    asked: list[Exception] = []
    policy = RetryPolicy(
        initial_interval=30, jitter=False, retry_on=lambda error: asked.append(error) is None
    )
    failing = task(colour.function(fail), retry_policy=policy)

    async def main(x: int) -> None:
        failing(x)
        while not asked:
            await colour.nap(0.002)
        await colour.nap(0.05)
        raise LookupError("main")

    graph = entrypoint(telemetry=trace.options)(colour.function(main))
    began = time.monotonic()
    with pytest.raises(LookupError):
        colour.invoke(graph, 1)
    assert time.monotonic() - began < 5
    assert trace.outcomes() == {"fail": "cancelled", "main": "error"}


INTERRUPTED = """
import sys, time
from otgraph.func import entrypoint, task

@task
def block(x):
    print("begun", flush=True)
    time.sleep(30)

@entrypoint()
def main(x):
    return block(x).result()

try:
    if sys.argv[1] == "invoke":
        main.invoke(1)
    else:
        list(main.stream(1))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize("how", ["invoke", "stream"])
def test_a_keyboard_interrupt(how: str) -> None:
    """Ctrl-C ends a run that waits for a task at once, and the process may leave."""
    command = [sys.executable, "-c", INTERRUPTED, how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        os.kill(process.pid, signal.SIGINT)
        began = time.monotonic()
        assert process.stdout.read() == "interrupted\n"
        assert process.wait(10) == 0
        assert time.monotonic() - began < 5


def test_a_stream_that_is_collected(trace: Trace, blocked: Blocked) -> None:
    """The garbage collector ends a run as a break does."""
    block = task(blocked, name="block")

    @entrypoint(telemetry=trace.options)
    def main(x: int) -> Any:
        get_stream_writer()("begun")
        return block(x).result()

    stream = main.stream(1, stream_mode="custom")
    assert next(stream) == "begun"
    assert blocked.begun.wait(5)
    del stream
    gc.collect()
    assert trace.outcomes() == {"block": "abandoned", "main": "cancelled"}
