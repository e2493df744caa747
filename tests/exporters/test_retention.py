"""What a trace store keeps."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from driven import Driven
from otgraph_exporters.trace_store import Retention, TraceStore
from otgraph_exporters.trace_store import spool as spool_module

from .conftest import Telemetry
from .graphs import State, chain, waiting

THREADS = Driven("threads")


def big(state: State) -> State:
    """Write a lot."""
    return {"lines": ["x" * 20_000]}


@pytest.fixture
def store(traced: Telemetry, path: Path) -> TraceStore:
    """Ten runs, the first of which began two days ago, and a span of no run."""
    for _ in range(10):
        chain(THREADS, big).invoke({"lines": []}, telemetry=traced.options)
    with traced.provider.get_tracer("other").start_as_current_span("request"):
        pass
    traced.flush()
    connection = traced.processor._writer.connection()
    connection.execute(
        "UPDATE runs SET start_ns = start_ns - 2 * 86400 * 1000000000 WHERE start_ns = (SELECT min(start_ns) FROM runs)"
    )
    with TraceStore(path) as store:
        yield store


def test_old_traces_are_deleted(store: TraceStore) -> None:
    """Traces whose runs are older than `max_age` go, and others stay."""
    runs = store.runs()
    assert store.gc(max_age=timedelta(days=1)) == 1
    assert store.runs() == runs[:9]
    assert store.trace(runs[9].trace_id) == []
    assert store.gc(max_age=timedelta(days=1)) == 0


def test_the_newest_runs_are_kept(store: TraceStore) -> None:
    """Beyond `max_runs` the oldest go."""
    runs = store.runs()
    assert store.gc(max_runs=3) == 7
    assert store.runs() == runs[:3]


def test_the_file_shrinks(store: TraceStore) -> None:
    """With `max_bytes` the oldest go until the file has no more, and it gives the room back."""
    newest = store.runs()[0]
    before = size(store)
    assert store.gc(max_bytes=before // 2) > 0
    assert size(store) <= before // 2
    assert store.runs()[0] == newest


def size(store: TraceStore) -> int:
    """Return the size of the file, after all that is in its log was put into it."""
    with closing(sqlite3.connect(store.path)) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return store.path.stat().st_size


def test_spans_of_no_run_go_too(store: TraceStore) -> None:
    """A trace in which no run is counts by its age."""
    assert store.gc(max_age=timedelta(0)) == 11
    assert store._rows("SELECT count(*) FROM pieces") == [(0,)]


def test_a_run_that_goes_on_is_kept(telemetry: Callable[..., Telemetry], path: Path) -> None:
    """Whatever is asked, a trace in which a run is going on stays."""
    traced = telemetry(interval=0.01)
    reached, go_on = threading.Event(), threading.Event()
    graph = chain(THREADS, waiting(reached, go_on))
    run = threading.Thread(target=graph.invoke, args=({"lines": []},), kwargs={"telemetry": traced.options})
    run.start()
    try:
        assert reached.wait(60)
        traced.flush()
        with TraceStore(path) as store:
            assert store.gc(max_age=timedelta(0), max_runs=0, max_bytes=0) == 0
            assert [run.state for run in store.runs()] == ["running"]
    finally:
        go_on.set()
        run.join()


def test_a_writer_deletes_by_itself(
    telemetry: Callable[..., Telemetry], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it writes, a processor keeps no more than its retention says."""
    monkeypatch.setattr(spool_module, "GC_BYTES", 10_000)
    traced = telemetry(retention=Retention(max_runs=2))
    for _ in range(6):
        chain(THREADS, big).invoke({"lines": []}, telemetry=traced.options)
        traced.flush()
    with TraceStore(path) as store:
        assert len(store.runs()) == 2


def test_the_environment_says_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """`OTGRAPH_TRACE_STORE_MAX_BYTES` is the size; by default it is a GiB, and nonsense is an error."""
    monkeypatch.delenv("OTGRAPH_TRACE_STORE_MAX_BYTES", raising=False)
    assert Retention.default() == Retention(max_bytes=1 << 30)
    monkeypatch.setenv("OTGRAPH_TRACE_STORE_MAX_BYTES", "1000")
    assert Retention.default() == Retention(max_bytes=1000)
    monkeypatch.setenv("OTGRAPH_TRACE_STORE_MAX_BYTES", "1 GB")
    with pytest.raises(
        ValueError, match="OTGRAPH_TRACE_STORE_MAX_BYTES must be a number of bytes, not '1 GB'"
    ):
        Retention.default()
