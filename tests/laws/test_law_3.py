"""Law 3: debug is the trace."""

from __future__ import annotations

import json
import operator
import subprocess
import sys
import threading
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from parity.described import run_described
from parity.engine import Engine
from parity.random_graphs import calls, graphs
from parity.registry import load_programs, run_program
from typing_extensions import TypedDict

from otgraph.config import get_stream_writer
from otgraph.drivers import base
from otgraph.graph import START, StateGraph
from otgraph.telemetry import TelemetryOptions, Truncated, read_otlp, read_spans, replay
from otgraph.tracing import names

from .conftest import Driver
from .programs import MODES, PROGRAMS
from .replayed import Recorder, line, watched

READER = """
import json, sys
from pathlib import Path
from otgraph.telemetry import read_otlp, replay
sys.path.insert(0, sys.argv[1])
from laws.replayed import line
for path in sys.argv[2:]:
    spans = list(read_otlp(Path(path).read_bytes()))
    wanted = json.loads(Path(path).with_suffix(".json").read_text())
    print(json.dumps([[line(chunk) for chunk in replay(spans, **options)] for options in wanted]))
"""

VIEWS: list[dict[str, Any]] = [
    {"stream_mode": MODES, "subgraphs": True, "version": "v1"},
    {"stream_mode": MODES, "subgraphs": False, "version": "v2"},
    {"stream_mode": "values", "subgraphs": True, "version": "v2"},
    {"stream_mode": "updates", "subgraphs": False, "version": "v1"},
]
"""The ways to look at a run; a run is recorded once for each."""


def test_another_process_tells_the_stream_from_otlp_bytes(tmp_path: Path) -> None:
    """Whatever the program and the driver, the bytes of an OTLP exporter are enough for all chunks, in order."""
    live: list[list[list[str]]] = []
    paths: list[str] = []
    for name, build in PROGRAMS.items():
        for driver in (Driver("threads"), Driver("asyncio")):
            for view in VIEWS:
                recorder = Recorder()
                graph, begin, config = build(driver)
                chunks = driver.stream(graph, begin, config, telemetry=recorder.options, **view)
                live.append([[line(chunk) for chunk in chunks if not isinstance(chunk, Exception)]])
                path = tmp_path / f"{name}-{driver.name}-{len(paths)}.otlp"
                path.write_bytes(recorder.otlp())
                path.with_suffix(".json").write_text(json.dumps([view]))
                paths.append(str(path))
    tests = str(Path(__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", READER, tests, *paths], capture_output=True, text=True, timeout=100
    )
    assert done.stderr == ""
    for path, expected, answer in zip(paths, live, done.stdout.splitlines(), strict=True):
        assert (path, expected) == (path, json.loads(answer))


def _mismatches() -> tuple[list[Any], Any]:
    found: list[Any] = []

    def report(live: list[str], back: list[str]) -> None:
        if back != live:
            found.append((live, back))

    return found, report


CASES = [
    (program.name, colour)
    for program in load_programs().values()
    for colour in program.colours
    # What a trace policy has rewritten cannot be told as it was.
    if not program.name.startswith("trace_policies.")
]


@pytest.mark.parametrize(
    ("name", "colour"),
    [
        pytest.param(name, colour, id=f"{name}-{colour}", marks=[] if colour == "sync" else pytest.mark.slow)
        for name, colour in CASES
        if colour != "plain"
    ],
)
def test_every_stream_of_the_parity_programs_is_replayed(name: str, colour: str) -> None:
    """Of all streams of all programs that are compared with LangGraph, none is told differently by its spans."""
    found, report = _mismatches()
    # Whether the program shows what it should is for the parity suite to say.
    with watched(report), suppress(Exception):
        run_program(Engine("otgraph"), name, colour)
    assert found == []


@pytest.mark.slow
@pytest.mark.timeout(300)
@settings(max_examples=10, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_every_stream_of_random_graphs_is_replayed(data: st.DataObject) -> None:
    """Whatever the graph and the call, the spans tell the same chunks as the stream."""
    graph = data.draw(graphs())
    wanted = data.draw(calls(graph))
    found, report = _mismatches()
    with watched(report):
        run_described(Engine("otgraph"), graph, wanted)
    assert found == []


class Bag(TypedDict, total=False):
    """A state that holds anything."""

    value: Any
    values: Annotated[list[Any], operator.add]


def test_what_follows_the_end_of_a_stream_is_not_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that speaks and fails when a failure beside it has ended the stream is in the trace, in no stream."""
    said, ended = threading.Event(), threading.Event()
    end_stream = base.end_stream

    def end_stream_and_tell(*given: Any) -> None:
        end_stream(*given)
        ended.set()

    monkeypatch.setattr(base, "end_stream", end_stream_and_tell)

    def first(state: Bag) -> Bag:
        assert said.wait(30)
        raise ValueError("first")

    def second(state: Bag) -> Bag:
        get_stream_writer()("in time")
        said.set()
        assert ended.wait(30)
        get_stream_writer()("late")
        raise ValueError("second")

    builder = StateGraph(Bag).add_node(first).add_node(second)
    graph = builder.add_edge(START, "first").add_edge(START, "second").compile()
    for run in (graph.stream, graph.invoke):
        said.clear(), ended.clear()
        recorder, live = Recorder(), []
        with pytest.raises(ValueError, match="first"):
            live.extend(run({}, stream_mode=MODES, telemetry=recorder.options))  # type: ignore[operator]
        told = list(replay(read_otlp(recorder.otlp()), MODES))
        assert [line(chunk) for chunk in live or told] == [line(chunk) for chunk in told]
        assert ["in time"] == [said for mode, said in told if mode == "custom"]
        assert ["first"] == [done["name"] for mode, done in told if mode == "tasks" and "error" in done]
        events = [event for span in read_spans(recorder.spans) for event in span["events"]]
        assert [2, 2, 1] == [
            sum(event["name"] == name for event in events)
            for name in ("otgraph.custom", "exception", names.STREAM_ENDED)
        ]
    assert live == []


atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.decimals(allow_nan=False)
    | st.text(st.characters(categories=["Cs"]), max_size=3)
)
hashables = st.recursive(
    atoms, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=4
)
values = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(), inner, max_size=4)
        | st.dictionaries(hashables, inner, max_size=3)
        | st.sets(hashables, max_size=3)
        | st.dictionaries(st.sampled_from(["$", "v"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(given_=values, written=values, said=values)
def test_any_value_comes_back(given_: Any, written: Any, said: Any) -> None:
    """Whatever is given, written and said, its replay is written down the same way."""

    def node(state: Bag, writer: Any) -> Bag:
        writer(said)
        return {"value": written, "values": [said, state.get("value")]}

    node.__annotations__.clear()
    graph = StateGraph(Bag).add_node("node", node).add_edge(START, "node").compile()
    recorder = Recorder()
    live = list(graph.stream({"value": given_}, stream_mode=MODES, telemetry=recorder.options))
    back = list(replay(read_otlp(recorder.otlp()), MODES))
    assert [line(chunk) for chunk in live] == [line(chunk) for chunk in back]


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_debug_chunk_names_a_span_of_the_same_time(driver: Driver, name: str) -> None:
    """The id of a task or checkpoint is on an exported span that starts, or has an event, at the chunk's time."""
    recorder = Recorder()
    graph, begin, config = PROGRAMS[name](driver)
    chunks = driver.stream(
        graph, begin, config, stream_mode="debug", subgraphs=True, version="v2", telemetry=recorder.options
    )
    told: dict[Any, dict[int, int]] = {}
    for span in read_spans(recorder.spans):
        task = span["attributes"].get(names.TASK_ID)
        if task is not None:
            told.setdefault(task, {})[span["attributes"][names.SEQ]] = span["start_ns"]
        for event in span["events"]:
            # A task that does not run has events on its superstep, which name it.
            named = event["attributes"].get(names.TASK_ID, event["attributes"].get(names.CHECKPOINT_ID, task))
            told.setdefault(named, {})[event["attributes"][names.SEQ]] = event["time_ns"]
    shown = [chunk for chunk in chunks if not isinstance(chunk, Exception)]
    assert shown
    for chunk in shown:
        debug = chunk["data"]
        named = debug["payload"].get("id") or debug["payload"]["config"]["configurable"]["checkpoint_id"]
        time_ns = told[named][chunk.seq]
        assert _timestamp(time_ns) == debug["timestamp"]


def _timestamp(time_ns: int) -> str:
    seconds, rest = divmod(time_ns, 10**9)
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}+00:00"


def test_sequence_numbers_are_whole(driver: Driver) -> None:
    """Starts, events and ends of a run bear the numbers from 1 on, each once."""
    recorder = Recorder()
    graph, begin, config = PROGRAMS["nested"](driver)
    driver.invoke(graph, begin, config, telemetry=recorder.options)
    numbers = []
    for span in read_spans(recorder.spans):
        numbers += [span["attributes"][names.SEQ], span["attributes"][names.END_SEQ]]
        numbers += [event["attributes"][names.SEQ] for event in span["events"]]
    assert list(range(1, len(numbers) + 1)) == sorted(numbers)


def test_payloads_grow_with_what_changes(driver: Driver) -> None:
    """Ten steps that change one small key of a large state record no more of it than one step does."""

    class Large(TypedDict, total=False):
        large: str
        n: int

    def payloads(steps: int) -> int:
        graph = StateGraph(Large)
        before = START
        for step in range(steps):
            graph.add_node(f"n{step}", driver.node(lambda state: {"n": state["n"] + 1}))
            graph.add_edge(before, f"n{step}")
            before = f"n{step}"
        recorder = Recorder()
        given = {"large": "x" * 10_000, "n": 0}
        chunks = driver.stream(graph.compile(), given, stream_mode=MODES, telemetry=recorder.options)
        assert [line(chunk) for chunk in chunks] == [
            line(chunk) for chunk in replay(read_spans(recorder.spans), MODES)
        ]
        return sum(
            len(attributes.get(names.PAYLOAD, ""))
            for span in read_spans(recorder.spans)
            for attributes in [span["attributes"], *(event["attributes"] for event in span["events"])]
        )

    one, ten = payloads(1), payloads(10)
    assert ten - one < 9 * 300


def test_what_a_cap_cut_is_marked(driver: Driver) -> None:
    """A payload above the cap loses its largest parts, which say so; everything else is as it was."""
    recorder = Recorder(max_payload=500)
    graph = (
        StateGraph(Bag)
        .add_node(
            "node", driver.node(lambda state: {"value": {"big": "y" * 2000, "small": 1}, "values": [2]})
        )
        .add_edge(START, "node")
        .compile()
    )
    driver.invoke(graph, {"value": "x" * 2000, "values": [1]}, telemetry=recorder.options)
    first, last = replay(read_otlp(recorder.otlp()), "values")
    assert isinstance(first["value"], Truncated)
    assert (2000, "x" * 40, [1]) == (first["value"].chars, first["value"].text[:40], first["values"])
    assert (2000, 1, [1, 2]) == (last["value"]["big"].chars, last["value"]["small"], last["values"])
    marked = [
        event for span in recorder.spans for event in span.events if event.attributes.get(names.TRUNCATED)
    ]
    assert len(marked) == 3
    assert all(len(event.attributes[names.PAYLOAD]) <= 520 for event in marked)


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_whatever_is_cut_or_hidden_the_rest_is_told(driver: Driver, name: str, version: Any) -> None:
    """A cap that leaves next to nothing, and a hook that leaves nothing, take no chunk of tasks or checkpoints away."""

    def counted(recorder: Recorder) -> list[int]:
        graph, begin, config = PROGRAMS[name](driver)
        driver.stream(graph, begin, config, telemetry=recorder.options)
        told = list(replay(read_otlp(recorder.otlp()), MODES, subgraphs=True, version=version))
        shown = [chunk["type"] if version == "v2" else chunk[1] for chunk in told]
        return [shown.count(mode) for mode in ("tasks", "checkpoints", "debug")]

    whole = counted(Recorder())
    assert all(whole == counted(Recorder(max_payload=most)) for most in (60, 100))
    assert whole == counted(Recorder(redact=lambda name, value: "[hidden]"))


def test_attributes_cut_by_the_provider_are_marked_too(driver: Driver) -> None:
    """Where a span limit cuts the JSON itself, what was in it is `Truncated`, and the replay goes on."""
    recorder = Recorder()
    short = TracerProvider(span_limits=SpanLimits(max_attribute_length=100), shutdown_on_exit=False)
    short.add_span_processor(SimpleSpanProcessor(recorder.exporter))
    graph = (
        StateGraph(Bag)
        .add_node("node", lambda state, writer: writer("z" * 200))
        .add_edge(START, "node")
        .compile()
    )
    driver.invoke(graph, {"value": 1}, telemetry=TelemetryOptions(provider=short, capture=True))
    (item,) = replay(read_spans(recorder.spans), "custom")
    assert isinstance(item, Truncated)
    assert [{"value": 1, "values": []}] == list(replay(read_spans(recorder.spans), "values"))


def test_a_trace_with_holes_is_told_as_far_as_it_goes(driver: Driver) -> None:
    """Whichever span never arrived, the others are replayed, and what they tell is not changed."""
    recorder = Recorder()
    graph, begin, config = PROGRAMS["nested"](driver)
    live = driver.stream(
        graph, begin, config, stream_mode=MODES, subgraphs=True, telemetry=recorder.options, version="v2"
    )
    told = {
        chunk.seq: line(chunk) for chunk in live if chunk["type"] == "tasks" and "result" in chunk["data"]
    }
    spans = list(read_spans(recorder.spans))
    for missing in spans:
        rest = [span for span in spans if span is not missing]
        if missing["parent_id"] is None:
            continue
        for chunk in replay(rest, "tasks", subgraphs=True, version="v2"):
            if "result" in chunk["data"]:
                assert told[chunk.seq] == line(chunk)


def test_several_runs_are_told_apart(driver: Driver, recorder: Recorder) -> None:
    """Runs in one heap of spans are replayed one after another, or one of them by its id."""
    graph, begin, config = PROGRAMS["chain"](driver)
    runs = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"]
    live = [
        driver.stream(graph, {**begin, "n": n}, {**config, "run_id": run}, telemetry=recorder.options)
        for n, run in enumerate(runs)
    ]
    spans = list(read_spans(recorder.spans))
    assert live[0] + live[1] == list(replay(spans))
    assert live[1] == list(replay(reversed(spans), run_id=runs[1]))
    with pytest.raises(ValueError, match="no run 'x'"):
        replay(spans, run_id="x")


def test_what_is_not_in_the_spans_is_refused(driver: Driver) -> None:
    """Modes whose items are not kept, and runs without content, are refused before anything is yielded."""
    recorder = Recorder()
    graph, begin, config = PROGRAMS["chain"](driver)
    driver.invoke(graph, begin, config, telemetry=TelemetryOptions(provider=recorder.provider, capture=False))
    for mode, why in (("messages", "tokens=True"), ("spans", "stream_mode='spans'"), ("blocks", "not kept")):
        with pytest.raises(ValueError, match=f"{mode}' cannot be replayed: .*{why}"):
            replay([], mode)
    with pytest.raises(ValueError, match="unknown stream mode"):
        replay([], "value")
    with pytest.raises(ValueError, match="capture=True"):
        replay(read_spans(recorder.spans))
