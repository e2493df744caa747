"""The hook `on_span_event`, by which a span processor hears of events while their span goes on."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from typing_extensions import TypedDict

from otgraph.graph import START, StateGraph
from otgraph.telemetry import TelemetryOptions
from otgraph.tracing.faults import faults


class State(TypedDict):
    """A number."""

    x: int


class Hearing(SpanProcessor):
    """Hears of events, and remembers what ended spans say of theirs."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, int, Any]] = []
        self.kept: list[tuple[str, str, int, Any]] = []

    def on_span_event(self, span: Any, name: str, time_ns: int, attributes: Any) -> None:
        assert span.is_recording()
        self.heard.append((span.name, name, time_ns, dict(attributes)))

    def on_end(self, span: ReadableSpan) -> None:
        told = [
            (span.name, event.name, event.timestamp, dict(event.attributes or {})) for event in span.events
        ]
        self.kept += told


def run(processor: SpanProcessor, **options: Any) -> Any:
    def node(state: State) -> State:
        trace.get_current_span().add_event("mine", {"long": "x" * 50, "list": [1, 2]})
        return {"x": state["x"] + 1}

    builder = StateGraph(State).add_node("node", node).add_edge(START, "node")
    provider = TracerProvider(shutdown_on_exit=False, **options)
    provider.add_span_processor(processor)
    return builder.compile().invoke({"x": 1}, telemetry=TelemetryOptions(provider=provider, capture=True))


@pytest.mark.parametrize(
    "limits", [{}, {"max_event_attributes": 1}, {"max_attribute_length": 3}], ids=["", "few", "short"]
)
def test_events_are_heard_as_they_are_exported(limits: dict[str, int]) -> None:
    """The hook is told each event once, the engine's and the user's, with the attributes that are exported."""
    hearing = Hearing()
    run(hearing, span_limits=SpanLimits(**limits))
    assert {event[1] for event in hearing.heard} >= {"mine", "otgraph.task.committed"}
    assert sorted(hearing.heard, key=repr) == sorted(hearing.kept, key=repr)


def test_a_fault_in_it_is_swallowed() -> None:
    """What the hook raises is counted, and changes nothing for the run."""

    class Broken(SpanProcessor):
        def on_span_event(self, *event: object) -> None:
            raise RuntimeError("broken")

    before = faults.counts["span processor on_span_event"]
    assert run(Broken()) == {"x": 2}
    assert faults.counts["span processor on_span_event"] - before == 4
