"""Law 1: one record. What is streamed has gone through the span processor, and there is no other road."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from parsed import parsed

import otgraph
from otgraph.graph import START, StateGraph
from otgraph.messages import model_call
from otgraph.telemetry import TelemetryOptions, read_spans
from otgraph.tracing import names
from otgraph.tracing.processor import RecordProcessor

from .conftest import Driver
from .programs import MODES, PROGRAMS
from .replayed import Recorder

ALL = [*MODES, "spans"]


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the processor by one that hears everything and does nothing."""
    for hook in ("on_start", "on_event", "on_live", "on_end"):
        monkeypatch.setattr(RecordProcessor, hook, lambda *args, **kwargs: None)


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.usefixtures("stub")
def test_without_the_processor_every_stream_is_empty(driver: Driver, name: str) -> None:
    """With the processor stubbed out no mode of any program yields a chunk; errors still reach the consumer."""
    for mode in ALL:
        graph, begin, config = PROGRAMS[name](driver)
        recorder = Recorder()
        chunks = driver.stream(
            graph, begin, config, stream_mode=mode, subgraphs=True, telemetry=recorder.options
        )
        assert [] == [chunk for chunk in chunks if not isinstance(chunk, Exception)]


def speak(state: Any) -> None:
    with model_call("tiny") as call:
        call.token("a token")


@pytest.mark.parametrize("stubbed", [False, True])
def test_tokens_come_through_the_processor_too(driver: Driver, stubbed: bool, request: Any) -> None:
    """A token is a live event: it is streamed by way of the processor, or not at all, and is no event of a span."""
    if stubbed:
        request.getfixturevalue("stub")
    graph = StateGraph(dict).add_node("speak", driver.node(speak)).add_edge(START, "speak").compile()
    recorder = Recorder()
    # What the model has said in all is content of its span, where content is captured.
    bare = TelemetryOptions(provider=recorder.provider)
    chunks = driver.stream(graph, {}, stream_mode="messages", telemetry=bare)
    assert ([] if stubbed else ["a token"]) == [chunk.content for chunk, _ in chunks]
    events = [event for span in recorder.spans for event in span.events]
    assert [] == [event for event in events if "a token" in repr(dict(event.attributes or {}))]


@pytest.mark.parametrize("name", ["chain", "sends", "nested", "commands", "root", "pydantic"])
def test_without_the_processor_invoke_gives_its_result(driver: Driver, name: str, request: Any) -> None:
    """A result needs no record: with the processor stubbed out `invoke` returns what it returned before."""
    graph, begin, config = PROGRAMS[name](driver)
    expected = driver.invoke(graph, begin, config)
    request.getfixturevalue("stub")
    assert expected == driver.invoke(graph, begin, config, telemetry=Recorder().options)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_chunk_rides_on_a_start_an_event_or_an_end(driver: Driver, name: str) -> None:
    """Each chunk bears the number of an exported span start, event or end of its run."""
    recorder = Recorder()
    graph, begin, config = PROGRAMS[name](driver)
    chunks = driver.stream(
        graph, begin, config, stream_mode=ALL, subgraphs=True, version="v2", telemetry=recorder.options
    )
    exported = set()
    for span in read_spans(recorder.spans):
        exported |= {span["attributes"][names.SEQ], span["attributes"][names.END_SEQ]}
        exported |= {event["attributes"][names.SEQ] for event in span["events"]}
    told = {chunk.seq for chunk in chunks if not isinstance(chunk, Exception)}
    assert told
    assert set() == told - exported


def test_only_the_record_tells_a_subscriber() -> None:
    """In the whole package `hear` is called by the record and by the replay of one, and by nobody else."""
    package = Path(otgraph.__file__).parent
    callers = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "hear"
    }
    assert {"tracing/record.py", "stream/replay.py"} == callers
