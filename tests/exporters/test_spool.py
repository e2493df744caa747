"""The queue before the file: nothing waits for it, and what is lost is counted."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from driven import Driven
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from otgraph_exporters import losses
from otgraph_exporters.trace_store import TraceStore
from waiting import until

from .conftest import Telemetry
from .graphs import chain, first, second

THREADS = Driven("threads")


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], dict[str, int]]]:
    """Return what the metric of lost spans says, by reason."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: provider)
    monkeypatch.setattr(losses, "_made", {})

    def read() -> dict[str, int]:
        data = reader.get_metrics_data()
        return {
            point.attributes["otgraph.telemetry.reason"]: point.value
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == "otgraph.telemetry.spans.lost"
            for point in metric.data.data_points
        }

    yield read
    provider.shutdown()


def test_a_full_disk_stops_nobody(
    traced: Telemetry, path: Path, lost: Callable[[], dict[str, int]], caplog: pytest.LogCaptureFixture
) -> None:
    """Runs go on where the file cannot grow; one line says so, and when there is room again all is written."""
    graph = chain(THREADS)
    graph.invoke({"lines": []}, telemetry=traced.options)
    traced.flush()
    processor = traced.processor
    connection = processor._writer.connection()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 8}")
    # The same for whichever connection is opened while the disk is full.
    opened, full = processor._writer.connection, [True]

    def limited() -> sqlite3.Connection:
        connection = opened()
        connection.execute(f"PRAGMA max_page_count = {pages + 8 if full[0] else 1 << 30}")
        return connection

    processor._writer.connection = limited  # type: ignore[method-assign]
    for _ in range(40):
        assert graph.invoke({"lines": []}, telemetry=traced.options) == {"lines": ["first", "second"]}
    assert not processor.force_flush()
    assert not processor.force_flush()
    messages = [record.getMessage() for record in caplog.records if "otgraph_exporters" in record.name]
    assert len(messages) == 1
    assert "cannot be written (database or disk is full)" in messages[0]
    assert (processor.lost, lost()) == (0, {})
    full[0] = False
    traced.flush()
    with TraceStore(path) as store:
        assert len(store.runs()) == 41
        assert all(len(store.trace(run.trace_id)) == 5 for run in store.runs())
    assert "written again" in caplog.records[-1].getMessage()


def test_a_disk_that_stays_full_loses_what_it_says(
    traced: Telemetry, tmp_path: Path, lost: Callable[[], dict[str, int]], telemetry: Callable[..., Telemetry]
) -> None:
    """What could not be written until the end is counted, to the span."""
    (tmp_path / "taken").write_text("")
    traced = telemetry(path=tmp_path / "taken" / "traces.db")
    for _ in range(3):
        assert chain(THREADS).invoke({"lines": []}, telemetry=traced.options)
    traced.provider.shutdown()
    assert traced.processor.lost == 15
    assert lost() == {"shutdown": 15}


def test_a_file_that_another_one_holds_delays_nobody(traced: Telemetry, path: Path) -> None:
    """While another process holds the file, runs take as long as ever; then all is written."""
    chain(THREADS).invoke({"lines": []}, telemetry=traced.options)
    traced.flush()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(20):
            chain(THREADS).invoke({"lines": []}, telemetry=traced.options)
        assert len(traced.processor._queue) + len(traced.processor._pending) > 0
        other.execute("ROLLBACK")
    traced.flush()
    with TraceStore(path) as store:
        assert len(store.runs()) == 21
    assert traced.processor.lost == 0


def test_starts_and_events_make_way_for_ends(telemetry: Callable[..., Telemetry], path: Path) -> None:
    """In a queue that is full, an end still finds room, and tells all that the start and the events had told."""
    traced = telemetry(queue_size=8)
    graph = chain(THREADS)
    with traced.processor._lock:  # the writer cannot write
        graph.invoke({"lines": []}, telemetry=traced.options)
    traced.flush()
    assert traced.processor.lost == 0
    with TraceStore(path) as store:
        spans = store.spans(store.runs()[0].run_id)
    assert [span["name"] for span in spans if span["end_ns"]] == [
        "invoke_workflow chain",
        "otgraph.superstep",
        "invoke_node first",
        "otgraph.superstep",
        "invoke_node second",
    ]
    events = {span["name"]: [event["name"] for event in span["events"]] for span in spans}
    assert events["invoke_node first"] == ["otgraph.custom", "otgraph.task.committed"]
    assert events["invoke_node second"] == ["otgraph.task.committed"]


def test_an_end_without_room_is_counted(
    telemetry: Callable[..., Telemetry],
    path: Path,
    lost: Callable[[], dict[str, int]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each span that is lost is counted, one line says why, and those that are not lost are in the store."""
    traced = telemetry(queue_size=8)
    graph = chain(THREADS)
    with traced.processor._lock:
        for _ in range(10):
            graph.invoke({"lines": []}, telemetry=traced.options)
    traced.flush()
    assert traced.processor.lost > 0
    assert lost() == {"queue_full": traced.processor.lost}
    with closing(sqlite3.connect(path)) as file:
        ended = file.execute("SELECT count(*) FROM pieces WHERE body LIKE '%\"end_ns\"%'").fetchone()[0]
        assert file.execute("SELECT lost FROM processes").fetchone() == (traced.processor.lost,)
    assert ended == 50 - traced.processor.lost
    messages = [record.getMessage() for record in caplog.records if "otgraph_exporters" in record.name]
    assert len(messages) == 1
    assert "more than 8 entries wait to be written" in messages[0]


WRITER = """
import sys, time
from opentelemetry.sdk.trace import TracerProvider
from otgraph.telemetry import TelemetryOptions
from otgraph_exporters.trace_store import TraceStoreProcessor
from driven import Driven
from exporters.graphs import chain, first

def wait(state):
    print("waiting", flush=True)
    time.sleep(60)

provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(TraceStoreProcessor(sys.argv[1], interval=0.01))
chain(Driven("threads"), first, wait).invoke({"lines": []}, telemetry=TelemetryOptions(provider=provider))
"""


def test_a_writer_that_is_killed_leaves_a_store_and_a_dead_run(path: Path) -> None:
    """After SIGKILL the file is whole, has what was told until shortly before, and says that the run's process died."""
    root = Path(__file__).resolve().parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdout=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "tests")},
    )
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == b"waiting\n"

        def told() -> bool:
            with TraceStore(path) as store:
                return any(
                    span["name"] == "invoke_node wait"
                    for run in store.runs()
                    for span in store.spans(run.run_id)
                )

        until(path.exists)
        until(told)
        with TraceStore(path) as store:
            assert [run.state for run in store.runs()] == ["running"]
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    with TraceStore(path) as store:
        assert [run.state for run in store.runs()] == ["died"]
        assert [run.state for run in store.runs(outcome="died")] == ["died"]
        assert store.runs(in_flight=True) == []
        assert [span["name"] for span in store.spans(store.runs()[0].run_id) if span["end_ns"]] == [
            "otgraph.superstep",
            "invoke_node first",
        ]
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_several_processes_write_to_one_file(path: Path) -> None:
    """Runs of processes that write at the same time are all there, each with all of its spans."""
    root = Path(__file__).resolve().parents[2]
    code = (
        WRITER.replace("time.sleep(60)", "pass")
        + "\nfor _ in range(9):\n    "
        + WRITER.splitlines()[-1]
        + "\nprovider.shutdown()"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path)],
            stdout=subprocess.DEVNULL,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root / "tests")},
        )
        for _ in range(3)
    ]
    assert [child.wait() for child in children] == [0, 0, 0]
    with TraceStore(path) as store:
        runs = store.runs()
        assert len(runs) == 30
        assert {len(store.spans(run.run_id)) for run in runs} == {5}
        assert {run.state for run in runs} == {"ended"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="where there is no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_writes_by_itself(traced: Telemetry, path: Path) -> None:
    """A child goes on writing what it runs, its parent too, and neither writes what the other has told."""
    graph = chain(THREADS, first, second)
    graph.invoke({"lines": []}, telemetry=traced.options)

    def child() -> None:
        graph.invoke({"lines": []}, telemetry=traced.options)
        traced.provider.shutdown()

    processes = [multiprocessing.get_context("fork").Process(target=child) for _ in range(2)]
    for process in processes:
        process.start()
    graph.invoke({"lines": []}, telemetry=traced.options)
    for process in processes:
        process.join()
        assert process.exitcode == 0
    traced.flush()
    with TraceStore(path) as store:
        runs = store.runs()
        assert len(runs) == 4
        assert {len(store.spans(run.run_id)) for run in runs} == {5}
        assert [run.state for run in runs] == ["ended"] * 4
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("SELECT count(DISTINCT pid) FROM processes").fetchone() == (3,)


def test_an_idle_store_sleeps(traced: Telemetry) -> None:
    """Where nothing is told, the thread of the store waits and looks at nothing."""
    chain(THREADS).invoke({"lines": []}, telemetry=traced.options)
    until(lambda: not traced.processor._queue and traced.processor._idle)
    looked: list[int] = []
    drain = traced.processor._drain
    traced.processor._drain = lambda: looked.append(1) or drain()  # type: ignore[func-returns-value, method-assign]
    time.sleep(0.5)
    assert looked == []
    assert [thread.name for thread in threading.enumerate()].count("otgraph-trace-store") == 1


def test_what_cannot_be_read_is_lost_alone(
    traced: Telemetry, path: Path, lost: Callable[[], dict[str, int]], caplog: pytest.LogCaptureFixture
) -> None:
    """A span that breaks the writer is counted as lost; the store goes on."""

    class Broken:
        resource = None

        @property
        def context(self) -> object:
            raise RuntimeError("broken")

    traced.processor.on_end(Broken())  # type: ignore[arg-type]
    traced.flush()
    chain(THREADS).invoke({"lines": []}, telemetry=traced.options)
    traced.flush()
    assert lost() == {"export_failed": 1}
    assert logging.ERROR in [record.levelno for record in caplog.records]
    with TraceStore(path) as store:
        assert len(store.runs()) == 1


def test_where_no_thread_can_be_started_the_end_writes(
    telemetry: Callable[..., Telemetry], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process on its way out, which Python 3.12 lets start no thread any more, stores what it tells all the same."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    traced = telemetry()
    graph = chain(THREADS)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        graph.invoke({"lines": []}, telemetry=traced.options)
        traced.provider.shutdown()
    with TraceStore(path) as store:
        (run,) = store.runs()
    assert "success" == run.outcome
