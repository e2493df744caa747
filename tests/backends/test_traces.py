"""What Jaeger, and whoever stands in Tempo's place, get of the workload."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from foreign_server import eventually

from backends.servers import CONFIG, Jaeger, Programs, Sink
from backends.workload import KEPT, SPANS, Workload

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

Trace = dict[str, dict[str, Any]]
"""The spans of a trace by their ids, as Jaeger has them."""


@pytest.fixture(scope="module")
def shown(workload: Workload, jaeger: Jaeger) -> dict[str, Trace]:
    """All traces that Jaeger has, by their ids, once those that it must have are there."""
    due = {one: len(spans) for story in KEPT for one, spans in workload.traces[story].items()}

    def arrived() -> dict[str, Trace] | None:
        traces = {trace["traceID"]: trace["spans"] for trace in jaeger.traces(*due)}
        missing = {one: n for one, n in due.items() if len(traces.get(one, ())) < n}
        return None if missing else traces

    eventually(arrived, "Jaeger to have every trace that must be kept")
    every = [one for story in workload.traces.values() for one in story]
    return {
        trace["traceID"]: {span["spanID"]: span for span in trace["spans"]} for trace in jaeger.traces(*every)
    }


def test_the_config_is_valid(binaries: Programs) -> None:
    """The Collector finds no fault in collector-config.yaml, as it is, and does not call anything in it deprecated."""
    command = [binaries["otelcol"], "validate", f"--config={CONFIG}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_traces_with_a_reason_are_kept(workload: Workload, shown: dict[str, Trace]) -> None:
    """Every trace of a run that failed, paused, went on, was left, retried, or took its time is kept."""
    for story in KEPT:
        assert workload.traces[story].keys() <= shown.keys(), story
    failed = [
        one
        for one, spans in workload.traces["matryoshka"].items()
        if any(span["outcome"] == "error" for span in spans)
    ]
    assert len(failed) == 2
    assert shown.keys() >= set(failed)


def test_a_share_of_the_others_is_kept(workload: Workload, shown: dict[str, Trace]) -> None:
    """Of seventy runs without a reason about half is kept."""
    others = {*workload.traces["survey"], *workload.traces["crowd"]}
    assert len(others) == 70
    assert 14 < len(others & shown.keys()) < 56  # five times the standard deviation


def test_traces_are_whole(workload: Workload, shown: dict[str, Trace]) -> None:
    """Each trace in Jaeger has exactly the spans that the process has ended, under the same names and parents."""
    for story in workload.traces.values():
        for one in story.keys() & shown.keys():
            seen = {(key, span["operationName"], parent(span)) for key, span in shown[one].items()}
            assert seen == {(span["id"], span["name"], span["parent"]) for span in story[one]}


def parent(span: dict[str, Any]) -> str | None:
    """Return the id of a span's parent, where Jaeger looks for it: a link to the parent itself takes its place."""
    above: dict[str, str] = {}
    for reference in reversed(span["references"]):
        if reference["traceID"] == span["traceID"]:
            above[reference["refType"]] = reference["spanID"]
    return above.get("CHILD_OF") or above.get("FOLLOWS_FROM")


def test_no_span_is_an_orphan(shown: dict[str, Trace]) -> None:
    """Each span's parent is in its trace, but for one root, and Jaeger has no warning about any."""
    for spans in shown.values():
        assert [None] == [up for span in spans.values() if (up := parent(span)) not in spans]
        warned = [span for span in spans.values() if span["warnings"]]
        # A run that goes on in the trace of an earlier one begins after its parent's end: Jaeger takes that for clocks
        # that differ, says so, and leaves the times alone.
        assert {span["operationName"] for span in warned} <= {"invoke_workflow late"}


def test_traces_have_as_many_spans_as_there_were_steps(workload: Workload, shown: dict[str, Trace]) -> None:
    """The spans of each kind of run are as many as its steps and tasks, ten thousand and one of the longest."""
    for story, count in SPANS.items():
        assert {count} >= {len(shown[one]) for one in workload.traces[story].keys() & shown.keys()}, story


def test_a_resumed_run_is_linked_to_the_paused_one(workload: Workload, shown: dict[str, Trace]) -> None:
    """The run that goes on in another process refers to the one that stopped, of the same thread."""
    assert len(workload.traces["answer"]) == 4
    paused: set[str] = set()
    for one in workload.traces["answer"]:
        (root,) = (span for span in shown[one].values() if parent(span) is None)
        (link,) = (r for r in root["references"] if r["refType"] == "FOLLOWS_FROM")
        before = shown[link["traceID"]][link["spanID"]]
        assert tag(before, "otgraph.outcome") == "interrupted"
        assert tag(before, "gen_ai.conversation.id") == tag(root, "gen_ai.conversation.id")
        paused.add(link["traceID"])
    assert paused < workload.traces["question"].keys()
    assert len(paused) == 4


def test_a_trace_may_go_on_after_the_decision(workload: Workload, shown: dict[str, Trace]) -> None:
    """Spans that come when the trace has been decided about join it: it has both runs, the later below the earlier."""
    ((one, _),) = workload.traces["late"].items()
    runs = [span for span in shown[one].values() if span["operationName"] == "invoke_workflow late"]
    earlier, later = sorted(runs, key=lambda span: span["startTime"])
    assert parent(later) == earlier["spanID"]
    assert later["startTime"] - earlier["startTime"] > 10_000_000


def tag(span: dict[str, Any], key: str) -> Any:
    """Return what an attribute of a span is in Jaeger."""
    (value,) = (tag["value"] for tag in span["tags"] if tag["key"] == key)
    return value


def test_failures_stand_out(workload: Workload, shown: dict[str, Trace]) -> None:
    """Jaeger marks the spans of a failed run as errors, and shows the exception on the task that raised it."""
    for one in workload.traces["division"]:
        for span in shown[one].values():
            assert tag(span, "otel.status_code") == "ERROR"
            logs = [field["value"] for log in span["logs"] for field in log["fields"]]
            assert ("ZeroDivisionError" in logs) == (span["operationName"] == "invoke_node divide")


def test_pauses_and_cancels_are_no_errors(workload: Workload, shown: dict[str, Trace]) -> None:
    """No span of a run that waits for a human, or whose reader left, is marked as an error."""
    for story in ("question", "feed"):
        for one in workload.traces[story]:
            for span in shown[one].values():
                assert not any(tag["key"] in ("error", "otel.status_code") for tag in span["tags"])


def test_both_backends_get_the_same(shown: dict[str, Trace], sink: Sink) -> None:
    """What stands in Tempo's place has been sent the same spans as Jaeger."""
    here = {(trace, span) for trace, spans in shown.items() for span in spans}

    def there() -> set[tuple[str, str]]:
        return {(span["trace_id"], span["span_id"]) for span in sink.spans()}

    eventually(lambda: here <= there(), "the other backend to have what Jaeger has")
    assert here == {pair for pair in there() if pair[0] in shown}
