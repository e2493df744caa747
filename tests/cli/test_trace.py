"""`otgraph trace`: the same runs from a trace store and from a file of OTLP-JSON."""

from __future__ import annotations

import base64
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from otgraph_exporters.trace_store import TraceStore, TraceStoreProcessor
from waiting import until

from otgraph.telemetry import TelemetryOptions


def in_hex(data: Any) -> Any:
    """Return what protobuf makes of OTLP as OTLP-JSON has it: ids in hex."""
    if isinstance(data, list):
        return [in_hex(item) for item in data]
    if not isinstance(data, dict):
        return data
    ids = ("traceId", "spanId", "parentSpanId")
    return {
        key: base64.b64decode(value).hex() if key in ids else in_hex(value) for key, value in data.items()
    }


@pytest.fixture
def recorded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with a trace store and a file of OTLP-JSON, in which there are the same five runs."""
    monkeypatch.syspath_prepend(str(folder))
    import importlib
    import sys

    sys.modules.pop("graphs", None)
    graphs = importlib.import_module("graphs")
    finished = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(TraceStoreProcessor(folder / "traces.db"))
    provider.add_span_processor(SimpleSpanProcessor(finished))
    kept, bare = (TelemetryOptions(provider=provider, capture=capture) for capture in (True, False))
    for topic, thread in (("cats", "7"), ("dogs", "8")):
        graphs.graph.invoke({"topic": topic}, {"configurable": {"thread_id": thread}}, telemetry=kept)
    graphs.graph.invoke({"topic": "a secret"}, telemetry=bare)
    with pytest.raises(ValueError, match="no more ideas"):
        graphs.failing.compile(name="failing").invoke({"topic": "cats"}, telemetry=kept)
    graphs.asking.compile(name="asking").invoke({"topic": "cats"}, telemetry=kept)
    provider.shutdown()
    messages = [encode_spans([span]) for span in finished.get_finished_spans()]
    lines = [json.dumps(in_hex(MessageToDict(message))) for message in messages]
    (folder / "traces.jsonl").write_text("\n".join(lines) + "\n")
    sys.modules.pop("graphs", None)
    return folder


SOURCES = pytest.mark.parametrize("source", ["traces.db", "traces.jsonl"])


def listed(otgraph: Any, source: str, *more: str) -> list[Any]:
    done = otgraph("trace", "ls", "--from", source, "--json", *more)
    assert done.returncode == 0, done.stderr
    runs: list[Any] = json.loads(done.stdout)
    return runs


@SOURCES
def test_runs_are_listed(otgraph: Any, recorded: Path, source: str) -> None:
    """Runs are listed, the newest first, for people and as JSON, and by workflow, thread, outcome and time."""
    runs = listed(otgraph, source)
    essays = [("essay", "success")] * 3
    seen = [(run["workflow"], run["outcome"]) for run in runs]
    assert seen == [("asking", "interrupted"), ("failing", "error"), *essays]
    table = otgraph("trace", "ls", "-f", source).stdout.splitlines()
    assert table[0].split() == ["RUN", "STARTED", "WORKFLOW", "THREAD", "OUTCOME", "TIME", "ERROR"]
    assert [line.split()[0] for line in table[1:]] == [run["run_id"][:8] for run in runs]
    assert "ValueError" in table[2]
    assert len(listed(otgraph, source, "--workflow", "essay")) == 3
    assert len(listed(otgraph, source, "--workflow", "essay", "-n", "2")) == 2
    assert [run["thread_id"] for run in listed(otgraph, source, "--thread", "8")] == ["8"]
    assert [run["workflow"] for run in listed(otgraph, source, "--outcome", "error")] == ["failing"]
    assert listed(otgraph, source, "--outcome", "ok") == listed(otgraph, source, "--outcome", "success") != []
    refused = otgraph("trace", "ls", "--from", source, "--outcome", "fine")
    assert refused.returncode == 2
    assert "--outcome 'fine' is none; expected one of success, interrupted" in refused.stderr
    assert len(listed(otgraph, source, "--since", "1h")) == 5
    time.sleep(0.01)
    assert listed(otgraph, source, "--since", "0.001s") == []


@SOURCES
def test_a_run_is_shown_as_a_tree(otgraph: Any, recorded: Path, source: str) -> None:
    """A run is found by the beginning of its id, and shown with its nodes, its thread and what failed in it."""
    _, failing, _, _, essay = listed(otgraph, source)
    shown = otgraph("trace", "show", essay["run_id"][:13], "-f", source).stdout
    assert shown.startswith(f"run {essay['run_id']}, trace {essay['trace_id']}\n")
    assert "thread 7" in shown
    assert re.search(r'├─ 1 plan +ok .*custom 1: "thinking about cats"\n└─ 2 write +ok', shown)
    failed = otgraph("trace", "show", failing["trace_id"], "-f", source).stdout
    assert re.search(r"└─ 2 fail +error .*ValueError", failed)
    assert failed.endswith("invoke_node fail: ValueError: no more ideas\n")
    told = json.loads(otgraph("trace", "show", essay["run_id"], "-f", source, "--json").stdout)
    assert told["run"]["run_id"] == essay["run_id"]
    assert [span["name"] for span in told["spans"]][:3] == [
        "invoke_workflow essay",
        "otgraph.superstep",
        "invoke_node plan",
    ]


@SOURCES
def test_a_run_is_replayed(otgraph: Any, recorded: Path, source: str) -> None:
    """What a captured run streamed is printed again in any mode; of one that was not captured the error says so."""
    *_, bare, _, essay = listed(otgraph, source)
    told = otgraph("trace", "replay", essay["run_id"], "-f", source, "-m", "custom", "-m", "updates")
    assert (
        told.stdout
        == otgraph("run", "graphs:graph", "-i", '{"topic": "cats"}', "-m", "custom", "-m", "updates").stdout
    )
    lines = otgraph(
        "trace", "replay", essay["run_id"], "-f", source, "-m", "values", "--json"
    ).stdout.splitlines()
    assert json.loads(lines[-1])["data"]["lines"] == ["a plan", "a text about cats"]
    refused = otgraph("trace", "replay", bare["run_id"], "-f", source)
    assert refused.returncode == 2
    assert "captur" in refused.stderr


@SOURCES
def test_runs_are_compared(otgraph: Any, recorded: Path, source: str) -> None:
    """Runs that differ do so in tasks, outcomes and captured values, and the exit code is 1; times do not count."""
    _, failing, bare, dogs, cats = (run["run_id"] for run in listed(otgraph, source))
    done = otgraph("trace", "diff", cats, dogs, "-f", source)
    assert done.returncode == 1
    assert re.fullmatch(
        r"- run \S+ of essay, .*, ok, .*\n\+ run \S+ of essay, .*, ok, .*\n~ 1 plan  .* → .*\n"
        r'    custom: \["thinking about cats"\] → \["thinking about dogs"\]\n~ 2 write  .* → .*\n'
        r'    writes lines: \["a text about cats"\] → \["a text about dogs"\]\n',
        done.stdout,
    )
    assert otgraph("trace", "diff", "last~4", "last~3", "-f", source).stdout == done.stdout
    same = otgraph("trace", "diff", cats, cats, "-f", source)
    assert (same.returncode, same.stdout.splitlines()[-1]) == (0, "= 2 tasks alike")
    assert otgraph("trace", "diff", cats, bare, "-f", source).returncode == 0, (
        "content was not captured in one of them"
    )
    told = json.loads(otgraph("trace", "diff", cats, failing, "-f", source, "--json").stdout)
    assert {pair["what"]: (pair["before"], pair["after"]) for pair in told["run"]} == {
        "workflow": ("essay", "failing"), "outcome": ("success", "error"), "error_type": (None, "ValueError")
    }  # fmt: skip
    assert [(task["change"], task["task"]) for task in told["tasks"]] == [
        ("same", "1 plan"), ("removed", "2 write"), ("added", "2 fail")
    ]  # fmt: skip


def test_a_run_in_a_file_is_compared_with_one_in_a_store(otgraph: Any, recorded: Path) -> None:
    """The two runs may be in different places; a run in a store is the same in a file of OTLP-JSON."""
    for run in listed(otgraph, "traces.db"):
        done = otgraph(
            "trace", "diff", run["run_id"], run["run_id"], "-f", "traces.db", "--other-from", "traces.jsonl"
        )
        assert done.returncode == 0, done.stdout


def test_a_run_is_followed_from_another_process(otgraph: Any, start: Any, folder: Path) -> None:
    """`tail` shows what another process records while it goes on, and ends with the run."""
    writer = start("run", "graphs:slowly", "-i", '{"topic": "cats"}', "--record", "traces.db")
    until(lambda: (folder / "begun").exists() and _in_flight(folder / "traces.db"))
    (run,) = listed(otgraph, "traces.db", "--outcome", "running")
    assert run["end_ns"] is None
    shown = otgraph("trace", "show", run["run_id"], "-f", "traces.db").stdout
    assert re.search(r"1 slow +running", shown)
    reader = start("trace", "tail", run["run_id"][:8], "--past", "-f", "traces.db")
    first = reader.stdout.readline()
    assert "start invoke_workflow slowly" in first
    (folder / "go").write_text("")
    out, err = reader.communicate(timeout=40)
    assert (reader.returncode, err) == (0, "")
    assert "end   invoke_workflow slowly ok" in out.splitlines()[-1]
    writer.communicate(timeout=40)
    entries = otgraph(
        "trace", "tail", run["run_id"], "--past", "-f", "traces.db", "--json"
    ).stdout.splitlines()
    assert [json.loads(entry)["kind"] for entry in entries][-1] == "end"


def _in_flight(path: Path) -> bool:
    if not path.exists():
        return False
    with TraceStore(path) as store:
        return any(
            span["name"] == "invoke_node slow"
            for run in store.runs(in_flight=True)
            for span in store.spans(run.run_id)
        )


def test_a_stream_is_followed_from_another_process(otgraph: Any, start: Any, folder: Path) -> None:
    """`tail --mode` prints what a run streams while another process runs it, in the form that `run` has."""
    arguments = ("graphs:slowly", "-i", '{"topic": "cats"}')
    writer = start("run", *arguments, "--record", "traces.db", "--capture", "-m", "updates")
    until(lambda: (folder / "begun").exists() and _in_flight(folder / "traces.db"))
    reader = start("trace", "tail", "last", "-m", "updates", "-f", "traces.db")
    (folder / "go").write_text("")
    out, err = reader.communicate(timeout=40)
    assert (reader.returncode, err) == (0, "")
    assert out == writer.communicate(timeout=40)[0]
    assert out.splitlines()[0] == 'updates {"slow": {"lines": ["slow is done"]}}'
    again = otgraph("trace", "replay", "last", "-m", "updates", "-f", "traces.db", "--speed", "1000")
    assert again.stdout == out
    assert "needs to know of which run" in otgraph("trace", "tail", "-m", "updates", "-f", "traces.db").stderr


def test_old_traces_are_deleted(otgraph: Any, recorded: Path) -> None:
    """`gc` deletes what it was told to and says how much; without a wish it deletes nothing."""
    assert otgraph("trace", "gc", "-f", "traces.db").returncode == 2
    assert otgraph("trace", "gc", "-f", "traces.db", "--older-than", "1d").stdout.startswith(
        "0 traces deleted"
    )
    done = json.loads(otgraph("trace", "gc", "-f", "traces.db", "--keep", "2", "--json").stdout)
    assert done["deleted_traces"] == 3
    assert [run["workflow"] for run in listed(otgraph, "traces.db")] == ["asking", "failing"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ls", "-f", "nothing.db"], "there is no trace store at nothing.db"),
        (["ls", "-f", "graphs.py"], "graphs.py is neither a trace store nor OTLP-JSON: line 2"),
        (["show", "ffff", "-f", "traces.db"], "no run 'ffff' in the trace store traces.db; the newest: "),
        (["show", "ffff", "-f", "traces.jsonl"], "no run 'ffff' in traces.jsonl; the newest: "),
        (["tail", "-f", "traces.jsonl"], "traces.jsonl is no trace store"),
        (["ls", "-f", "traces.db", "--since", "soon"], "'soon' is no span of time"),
        (["gc", "-f", "traces.db", "--max-size", "big"], "'big' is no size"),
    ],
)
def test_what_cannot_be_read_is_said(
    otgraph: Any, recorded: Path, arguments: list[str], message: str
) -> None:
    """A place, a run or a wish that cannot be followed ends with 2 and a message, without a traceback."""
    done = otgraph("trace", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
