"""Following a run through the store while it goes on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from driven import Driven
from otgraph_exporters.trace_store import TraceStore

from otgraph.telemetry import afollow, follow

from .conftest import Telemetry
from .graphs import chain, first, second, waiting

THREADS = Driven("threads")
ROOT = Path(__file__).resolve().parents[2]

ELSEWHERE = """
import json, sys
from otgraph.telemetry import follow
from otgraph_exporters.trace_store import TraceStore

with TraceStore(sys.argv[1]) as store:
    for chunk in follow(store, thread_id="t", stream_mode=["updates", "custom"], timeout=60):
        print(json.dumps(chunk), flush=True)
"""


def test_another_process_follows_a_run_as_it_goes(telemetry: Callable[..., Telemetry], path: Path) -> None:
    """What happened is told at once, what happens next when it happens, and the end of the run is the end."""
    traced = telemetry(interval=0.01)
    reached, go_on = threading.Event(), threading.Event()
    graph = chain(THREADS, first, waiting(reached, go_on), second)
    config = {"configurable": {"thread_id": "t"}}
    live: list[Any] = []
    modes = ["updates", "custom"]

    def run() -> None:
        live.extend(graph.stream({"lines": []}, config, stream_mode=modes, telemetry=traced.options))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert reached.wait(60)
        traced.flush()
        child = subprocess.Popen(
            [sys.executable, "-c", ELSEWHERE, str(path)], stdout=subprocess.PIPE, text=True, env=os.environ
        )
        assert child.stdout is not None
        told = [json.loads(child.stdout.readline()) for _ in range(3)]
        assert told[-1] == ["custom", "waiting"]
        go_on.set()
        told += [json.loads(text) for text in child.stdout]
        assert child.wait() == 0
        child.stdout.close()
    finally:
        go_on.set()
        thread.join()
    assert told == [list(chunk) for chunk in live]
    assert len(told) == 5


@pytest.fixture(params=["sync", "async"])
def chunks(request: pytest.FixtureRequest) -> Callable[..., list[Any]]:
    """Read all chunks of a run that is followed, in either colour."""

    def read(*args: Any, **options: Any) -> list[Any]:
        if request.param == "sync":
            with follow(*args, **options) as follower:
                return list(follower)

        async def gather() -> list[Any]:
            async with afollow(*args, **options) as follower:
                return [chunk async for chunk in follower]

        return asyncio.run(gather())

    return read


def test_without_content_spans_are_all_that_is_known(
    traced: Telemetry, path: Path, chunks: Callable[..., list[Any]]
) -> None:
    """Of a run without content the mode `spans` is told, and any other is an error that says why."""
    chain(THREADS).invoke({"lines": []}, telemetry=traced.without_content)
    traced.flush()
    with TraceStore(path) as store:
        run_id = store.runs()[0].run_id
        told = chunks(store, run_id, stream_mode="spans")
        with pytest.raises(
            ValueError, match="recorded without content, so that its stream 'values' is not known"
        ):
            chunks(store, run_id, stream_mode=["spans", "values"])
    assert [(each["type"], each["name"]) for each in (told[0], told[-1])] == [
        ("start", "invoke_workflow chain"),
        ("end", "invoke_workflow chain"),
    ]


def test_spans_are_those_of_the_live_stream(
    traced: Telemetry, path: Path, chunks: Callable[..., list[Any]]
) -> None:
    """The mode `spans` tells the same starts, events and ends as in the run's own process, in the same order."""
    tracer = traced.provider.get_tracer("other")

    def call(state: object) -> None:
        with tracer.start_as_current_span("inside"):
            pass

    live = list(chain(THREADS, call).stream({"lines": []}, stream_mode="spans", telemetry=traced.options))
    traced.flush()
    with TraceStore(path) as store:
        told = chunks(store, store.runs()[0].run_id, stream_mode="spans")

    def shape(all_: list[Any]) -> list[Any]:
        own = [each for each in all_ if each["name"] != "inside"]
        return [
            {key: value for key, value in each.items() if key not in ("attributes", "time_ns")}
            for each in own
        ]

    assert shape(told) == shape(live)
    assert [each["type"] for each in told if each["name"] == "inside"] == ["start", "end"]


def test_a_run_that_died_is_told_to_its_death(path: Path, chunks: Callable[..., list[Any]]) -> None:
    """A follower comes to an end when the run's process is gone, and says so."""
    code = (
        "import os, sys\nfrom driven import Driven\nfrom exporters.conftest import Telemetry\n"
        "from exporters.graphs import chain, first\n"
        "def die(state):\n    telemetry.flush()\n    os.kill(os.getpid(), 9)\n"
        "telemetry = Telemetry(sys.argv[1])\n"
        "chain(Driven('threads'), first, die).invoke({'lines': []}, telemetry=telemetry.options)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    child = subprocess.run([sys.executable, "-c", code, str(path)], check=False, env=environment)
    assert child.returncode == -signal.SIGKILL
    with TraceStore(path) as store:
        assert chunks(store, store.runs()[0].run_id) == [{"first": {"lines": ["first"]}}]
        follower = follow(store, store.runs()[0].run_id)
        assert list(follower)
        assert follower.died


def test_what_to_follow_must_be_said(traced: Telemetry, path: Path) -> None:
    """Neither id, both ids, and ids of nothing are errors; so is silence beyond the time limit."""
    chain(THREADS).invoke({"lines": []}, telemetry=traced.options)
    traced.flush()
    with TraceStore(path) as store:
        for wrong in ({}, {"run_id": "a", "thread_id": "b"}):
            with pytest.raises(ValueError, match="either its run_id or its thread_id"):
                follow(store, **wrong)
        with pytest.raises(LookupError, match="no run 'nothing'"):
            follow(store, "nothing")
        with pytest.raises(LookupError, match="no run of thread 'b'"):
            afollow(store, thread_id="b")


def test_silence_has_a_limit(
    telemetry: Callable[..., Telemetry], path: Path, chunks: Callable[..., list[Any]]
) -> None:
    """Where nothing is told for `timeout` seconds, that is an error; the run goes on."""
    traced = telemetry(interval=0.01)
    reached, go_on = threading.Event(), threading.Event()
    graph = chain(THREADS, waiting(reached, go_on))
    run = threading.Thread(target=graph.invoke, args=({"lines": []},), kwargs={"telemetry": traced.options})
    run.start()
    try:
        assert reached.wait(60)
        traced.flush()
        with TraceStore(path) as store, pytest.raises(TimeoutError, match=r"said nothing for 0\.2 seconds"):
            chunks(store, store.runs()[0].run_id, timeout=0.2)
    finally:
        go_on.set()
        run.join()
