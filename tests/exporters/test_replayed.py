"""Law 3 through the trace store: what another process reads tells the same streams again."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from driven import Driven
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from laws.replayed import Recorder, line, watched
from otgraph_exporters.trace_store import TraceStore, TraceStoreProcessor
from parity.described import run_described
from parity.engine import Engine
from parity.random_graphs import calls, graphs

from otgraph.telemetry import areplay, replay

from .conftest import Telemetry
from .graphs import State, chain, first, second

ROOT = Path(__file__).resolve().parents[2]


class Replayer:
    """Another process that replays what is in trace stores."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "exporters.replayer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        )

    def ask(self, path: Path, run: str, mode: Any, subgraphs: bool, version: str) -> dict[str, list[str]]:
        """Return the chunks of a run in a store."""
        request = {"path": str(path), "run": run, "mode": mode, "subgraphs": subgraphs, "version": version}
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(request).encode() + b"\n")
        stdin.flush()
        answer: dict[str, list[str]] = json.loads(stdout.readline())
        return answer

    def close(self) -> None:
        """End it."""
        self.process.communicate()


@pytest.fixture(scope="module")
def replayer() -> Iterator[Replayer]:
    """One for all tests of this file."""
    made = Replayer()
    yield made
    made.close()


class StoreRecorder(Recorder):
    """Records into a trace store, from which another process replays."""

    def __init__(self, replayer: Replayer, processor: TraceStoreProcessor, differences: list[Any]) -> None:
        Recorder.__init__(self)
        self.processor = processor
        self.replayer = replayer
        self.differences = differences
        self.provider.add_span_processor(processor)

    def replayed(self, mode: Any, **wishes: Any) -> list[str]:
        told = Recorder.replayed(self, mode, **wishes)
        self.processor.force_flush()
        trace_id = f"{self.spans[0].context.trace_id:032x}"
        # What is raised here would count as an error of the graph.
        answer = self.replayer.ask(self.processor.path, trace_id, mode, **wishes)
        self.differences += [(way, chunks, told) for way, chunks in answer.items() if chunks != told]
        return told


@pytest.mark.slow
@pytest.mark.timeout(300)
@settings(max_examples=3, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_every_stream_of_random_graphs_is_replayed_elsewhere(
    replayer: Replayer, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever the graph and the call, under both drivers, another process tells the chunks of the stream again."""
    graph = data.draw(graphs())
    wanted = data.draw(calls(graph))
    processor = TraceStoreProcessor(tmp_path_factory.mktemp("stores") / "traces.db")
    compared: list[tuple[list[str], list[str]]] = []
    differences: list[Any] = []
    with watched(
        lambda *both: compared.append(both), lambda: StoreRecorder(replayer, processor, differences)
    ):
        run_described(Engine("otgraph"), graph, wanted)
    processor.shutdown()
    assert (processor.lost, differences) == (0, [])
    assert compared
    assert [live for live, _ in compared] == [told for _, told in compared]


def test_an_ordinary_run_is_followed_and_replayed_elsewhere(
    replayer: Replayer, traced: Telemetry, path: Path, driver: Driven
) -> None:
    """All modes of a run, side by side and with their numbers, are the same in another process."""
    modes = ["values", "updates", "custom", "tasks", "debug", "checkpoints", "retries"]
    graph = chain(driver)
    live = driver.stream(graph, {"lines": []}, stream_mode=modes, version="v2", telemetry=traced.options)
    traced.flush()
    with TraceStore(path) as store:
        run_id = store.runs()[0].run_id
    answer = replayer.ask(path, run_id, modes, subgraphs=False, version="v2")
    assert (
        answer["replayed"] == answer["followed"] == answer["followed, async"] == [line(each) for each in live]
    )
    assert len(live) > 12


class Slow:
    """Nodes with a pause between them."""

    @staticmethod
    def pause(state: State) -> State:
        """Take a while."""
        time.sleep(0.3)
        return {"lines": ["late"]}


def test_a_replay_takes_as_long_as_the_run(traced: Telemetry, path: Path) -> None:
    """With `speed` the chunks come with the delays that they had, divided by it; without it there is no delay."""
    graph = chain(Driven("threads"), first, Slow.pause, second)
    live = list(graph.stream({"lines": []}, telemetry=traced.options))
    traced.flush()
    with TraceStore(path) as store:
        spans: Any = store.spans(store.runs()[0].run_id)

    async def gather() -> list[Any]:
        return [chunk async for chunk in areplay(spans, speed=3)]

    took: list[float] = []
    ways: list[Callable[[], list[Any]]] = [
        lambda: list(replay(spans)),
        lambda: list(replay(spans, speed=1)),
        lambda: asyncio.run(gather()),
    ]
    for way in ways:
        began = time.monotonic()
        assert way() == live
        took.append(time.monotonic() - began)
    assert took[1] >= 0.29
    assert took[2] >= 0.09
    with pytest.raises(ValueError, match="speed must be more than 0, or None for no delays, not 0"):
        replay(spans, speed=0)
