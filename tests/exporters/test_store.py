"""TraceStore: finding runs and spans."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from driven import Driven
from otgraph_exporters.trace_store import TraceStore, TraceStoreError

from .conftest import Telemetry
from .graphs import chain

THREADS = Driven("threads")


def fail(state: object) -> None:
    """Fail."""
    raise ValueError("no")


@pytest.fixture
def store(traced: Telemetry, path: Path) -> TraceStore:
    """Four runs: two of `chain` in the threads a and b, one of `other` in b, one that failed."""
    for name, thread in (("chain", "a"), ("chain", "b"), ("other", "b")):
        config = {"configurable": {"thread_id": thread}, "tags": ["seen"]}
        chain(THREADS, name=name).invoke({"lines": []}, config, telemetry=traced.options)
    with pytest.raises(ValueError):
        chain(THREADS, fail, name="failing").invoke({"lines": []}, telemetry=traced.options)
    traced.flush()
    with TraceStore(path) as store:
        yield store


def test_runs_are_found(store: TraceStore) -> None:
    """Runs are listed with the newest first, and each filter leaves those that it says."""

    def found(**filters: object) -> list[tuple[str, str | None]]:
        return [(run.workflow, run.thread_id) for run in store.runs(**filters)]  # type: ignore[arg-type]

    everything = [("failing", None), ("other", "b"), ("chain", "b"), ("chain", "a")]
    assert found() == everything
    assert found(limit=2) == everything[:2]
    assert found(workflow="chain") == [("chain", "b"), ("chain", "a")]
    assert found(thread_id="b") == [("other", "b"), ("chain", "b")]
    assert found(thread_id="b", workflow="chain") == [("chain", "b")]
    assert found(outcome="error") == [("failing", None)]
    assert found(since=timedelta(hours=1)) == everything
    assert found(since=datetime.now(timezone.utc) + timedelta(hours=1)) == []
    assert found(in_flight=True) == found(outcome="running") == found(outcome="died") == []
    assert found(in_flight=False) == everything


def test_a_run_says_what_it_was(store: TraceStore) -> None:
    """What is listed of a run has its outcome, its duration and its tags, and no content."""
    failed, *_, run = store.runs()
    assert (failed.outcome, failed.error_type, failed.state) == ("error", "ValueError", "ended")
    assert (run.outcome, run.error_type) == ("success", None)
    assert run.attributes["otgraph.tags"] == ["seen"]
    assert not {"otgraph.payload", "otgraph.stream.keys"} & run.attributes.keys()
    assert run.duration is not None
    assert timedelta(0) < run.duration < timedelta(minutes=5)
    assert store.resource(run.run_id)["service.name"]


def test_a_run_is_found_by_the_beginning_of_its_id(store: TraceStore) -> None:
    """The id of a run or of its trace, or its beginning, is enough where no other begins like that."""
    run = store.runs()[0]
    for known in (run.run_id, run.trace_id, run.run_id[:13], run.trace_id[:13]):
        assert store.run(known) == run


def test_an_unknown_run_is_an_error_that_names_others(store: TraceStore) -> None:
    """What is not there raises an error with the newest runs in it; what is not clear, one with what it may be."""
    with pytest.raises(LookupError, match=rf"no run 'nothing' .*{store.runs()[0].run_id} \(failing\)"):
        store.run("nothing")
    with pytest.raises(LookupError, match=r"no run '\*'"):
        store.run("*")
    with pytest.raises(LookupError, match="no run ''"):
        store.run("")


def test_runs_are_deleted(store: TraceStore) -> None:
    """A deleted run is gone with all of its spans, and others are not."""
    run, *others = store.runs()
    assert store.delete([run.run_id]) == 1
    assert store.runs() == others
    assert store.trace(run.trace_id) == []
    assert len(store.spans(others[0].run_id)) == 5


def test_a_missing_store_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    """Nothing is made by looking for it."""
    with pytest.raises(TraceStoreError, match="there is no trace store at .*OTGRAPH_TRACE_STORE"):
        TraceStore(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


def test_readers_see_what_is_written_meanwhile(
    telemetry: Callable[..., Telemetry], store: TraceStore
) -> None:
    """A reader that is open sees runs that are written after it was opened, and cannot change anything itself."""
    before = len(store.runs())
    traced = telemetry()
    chain(THREADS).invoke({"lines": []}, telemetry=traced.options)
    traced.flush()
    assert len(store.runs()) == before + 1
    with pytest.raises(Exception, match="readonly"):
        store._rows("DELETE FROM runs")
