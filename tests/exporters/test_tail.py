"""Following a trace store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from driven import Driven
from otgraph_exporters.trace_store import TraceStore
from otgraph_exporters.trace_store.pieces import new_span
from otgraph_exporters.trace_store.tail import _Line

from .conftest import Telemetry
from .graphs import chain, first, second, waiting

THREADS = Driven("threads")


def test_a_run_is_told_from_its_beginning_to_its_end(traced: Telemetry, path: Path, driver: Driven) -> None:
    """What is followed with its past is each start, event and end once, in the order of the record."""
    driver.invoke(chain(driver), {"lines": []}, telemetry=traced.options)
    traced.flush()
    with TraceStore(path) as store:
        tail = store.follow(store.runs()[0].run_id, past=True)
        entries = list(tail)
    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    assert [(entry["kind"], entry["name"]) for entry in (entries[0], entries[-1])] == [
        ("start", "invoke_workflow chain"),
        ("end", "invoke_workflow chain"),
    ]
    assert tail.ended
    assert not tail.died


def test_a_run_is_followed_while_it_goes_on(telemetry: Callable[..., Telemetry], path: Path) -> None:
    """What happens after a reader came is told, and what happened before is not; the end of the run ends it."""
    traced = telemetry(interval=0.01)
    reached, go_on = threading.Event(), threading.Event()
    graph = chain(THREADS, first, waiting(reached, go_on), second)
    run = threading.Thread(target=graph.invoke, args=({"lines": []},), kwargs={"telemetry": traced.options})
    run.start()
    try:
        assert reached.wait(60)
        traced.flush()
        with TraceStore(path) as store:
            tail = store.follow(store.runs(in_flight=True)[0].run_id, poll=0.01)
            assert tail.read() == []
            go_on.set()
            told = [(entry["kind"], entry["name"]) for entry in tail]
    finally:
        go_on.set()
        run.join()
    assert told[:2] == [("event", "otgraph.task.committed"), ("end", "invoke_node wait")]
    assert ("start", "invoke_node second") in told
    assert told[-1] == ("end", "invoke_workflow chain")


def test_a_thread_is_followed(telemetry: Callable[..., Telemetry], path: Path) -> None:
    """All runs of a thread are told as they come, and those of others are not."""
    traced = telemetry()
    traced.processor._writer.connection()
    with TraceStore(path) as store:
        tail = store.follow(thread_id="a")
        for thread in ("a", "b", "a"):
            config = {"configurable": {"thread_id": thread}}
            chain(THREADS).invoke({"lines": []}, config, telemetry=traced.options)
        traced.flush()
        entries = tail.read()
        runs = [run.run_id for run in store.runs(thread_id="a")]
    assert {entry["span"]["run_id"] for entry in entries} == set(runs)
    assert len(runs) == 2
    assert [entry["seq"] for entry in entries].count(1) == 2


def test_a_number_that_is_missing_is_waited_for() -> None:
    """An entry that came early waits for those before it, and goes on without them when they do not come."""
    line, ready = _Line(1), []
    span = new_span("a", "b")

    def entry(seq: int, time_ns: int) -> dict[str, object]:
        return {
            "kind": "event",
            "seq": seq,
            "time_ns": time_ns,
            "name": str(seq),
            "attributes": {},
            "span": span,
        }

    late = 2**62
    line.add([entry(1, late), entry(3, late)])  # type: ignore[list-item]
    line.release(ready)
    assert [each["seq"] for each in ready] == [1]
    line.add([entry(2, late)])  # type: ignore[list-item]
    line.release(ready)
    assert [each["seq"] for each in ready] == [1, 2, 3]
    line.add([entry(5, late), entry(7, 0)])  # type: ignore[list-item]
    line.release(ready)
    assert [each["seq"] for each in ready] == [1, 2, 3]
    line.entries = [(seq, came - 10, each) for seq, came, each in line.entries]
    line.release(ready)
    assert [each["seq"] for each in ready] == [1, 2, 3, 5, 7]
