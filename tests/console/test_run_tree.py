"""The trees that the console draws: what is kept of a run, and how little of it."""

from __future__ import annotations

import operator
from threading import Event, Lock
from typing import Annotated, Any, TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import SpanContext
from otgraph_exporters import console as console_module
from otgraph_exporters.console import ConsoleProcessor
from otgraph_exporters.rows import lines, rows_of, time_text
from otgraph_exporters.run_tree import Forest, Item

from otgraph.graph import END, START, StateGraph
from otgraph.telemetry import TelemetryOptions
from otgraph.tracing import names
from otgraph.types import Send


class State(TypedDict, total=False):
    count: Annotated[int, operator.add]


class Watched(SpanProcessor):
    """Keeps a forest, and what was the most that it held and showed."""

    def __init__(self, room: int = 20) -> None:
        self.forest, self.room = Forest(), room
        self.most_items = self.most_rows = 0
        self.last: Item | None = None
        self.lock = Lock()

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        with self.lock:
            self.forest.start(span)
            for root in self.forest.roots.values():
                self.most_items = max(self.most_items, sum(1 for _ in root.below()))
                if span.name == names.STEP_SPAN:
                    self.most_rows = max(self.most_rows, len(rows_of(root, span.start_time, self.room)))

    def on_end(self, span: Any) -> None:
        with self.lock:
            item = self.forest.end(span)
        if item is not None and item.parent is None:
            self.last = item


def watched(graph: Any, given: Any, room: int = 20) -> Watched:
    watch = Watched(room)
    provider = TracerProvider()
    provider.add_span_processor(watch)
    graph.invoke(given, {"recursion_limit": 10_000}, telemetry=TelemetryOptions(provider=provider))
    return watch


def test_a_long_loop_takes_little_room() -> None:
    """Of 2,000 supersteps a handful is kept and the rest is counted, in a picture of a few rows."""

    def turn(state: State) -> Any:
        return {"count": 1}

    graph = StateGraph(State).add_node(turn).add_edge(START, "turn")
    graph.add_conditional_edges("turn", lambda state: END if state["count"] >= 2000 else "turn")
    watch = watched(graph.compile(name="loop"), {"count": 0})
    assert watch.most_items < 20
    assert watch.most_rows < 12
    assert watch.last is not None
    told = list(lines(rows_of(watch.last, 0, 20)))
    assert told[1].startswith("├─ … 1,997 more supersteps  turn: 1,997 ok, ")
    assert len(told) == 5


def test_a_big_fan_out_takes_little_room() -> None:
    """Of 400 tasks at a time a few are shown, failures first, and the rest is counted."""

    def work(state: State) -> Any:
        if state["count"] == 7:
            raise ValueError("seven")
        return {"count": 1}

    graph = StateGraph(State).add_node(work, error_handler=lambda state: {"count": 0})
    graph.add_conditional_edges(START, lambda state: [Send("work", {"count": n}) for n in range(400)])
    watch = watched(graph.compile(name="wide"), {"count": 0})
    assert watch.last is not None
    told = list(lines(rows_of(watch.last, 0, 20)))
    assert len(told) <= 20
    assert any("work" in row and "error" in row and "ValueError" in row for row in told)
    shown = sum("─ work" in row for row in told)
    assert f"… {400 - shown} more" in "\n".join(told)


def span_of(number: int, parent: int | None, name: str, outcome: str | None = None) -> ReadableSpan:
    """Return a span as a processor meets it at its start, or with an outcome at its end."""
    attributes: dict[str, Any] = {names.RUN_ID: "r", names.OPERATION: names.TASK_SPAN, names.NODE: name}
    if parent is None:
        attributes = {names.RUN_ID: "r", names.OPERATION: names.RUN_SPAN, names.WORKFLOW: name}
    if outcome is not None:
        attributes[names.OUTCOME] = outcome
    above = None if parent is None else SpanContext(1, parent, False)
    return ReadableSpan(
        name,
        SpanContext(1, number, False),
        above,
        attributes=attributes,
        start_time=number,
        end_time=None if outcome is None else number + 5,
    )


@settings(max_examples=150, deadline=None)
@given(
    tree=st.lists(st.tuples(st.integers(0, 40), st.sampled_from("abc")), max_size=40),
    outcomes=st.lists(st.sampled_from(["success", "error", "interrupted", None]), min_size=41, max_size=41),
    room=st.integers(1, 30),
)
def test_a_picture_fits_and_counts_everything(
    tree: list[tuple[int, str]], outcomes: list[str | None], room: int
) -> None:
    """Whatever runs in whatever order, a picture fits into its room, and no task is left out of the count."""
    forest = Forest(kept=3)
    parents: list[int | None] = [None]
    forest.start(span_of(1, None, "root"))
    for above, name in tree:
        parents.append(above % len(parents))
        forest.start(span_of(len(parents), (parents[-1] or 0) + 1, name))
    root = forest.roots[1]
    for number in range(len(parents) - 1, 0, -1):
        if outcomes[number] is not None:
            name = tree[number - 1][1]
            forest.end(span_of(number + 1, (parents[number] or 0) + 1, name, outcomes[number]))
        rows = rows_of(root, 100, room)
        assert 1 <= len(rows) <= room
    at_top = sum(parent == 0 for parent in parents[1:])
    assert at_top == len(root.children) + sum(group.finished for group in root.rest.values())
    forest.end(span_of(1, None, "root", "success"))
    assert not forest.roots
    assert all(item.end is not None and item.span is None for item in root.below())


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (1_500, "2 µs"),
        (3_400_000, "3.4 ms"),
        (5_670_000_000, "5.67 s"),
        (489e9, "8:09"),
        (3_723e9, "1:02:03"),
    ],
)
def test_durations_are_readable(nanoseconds: float, text: str) -> None:
    """A duration is written in the unit that people would take."""
    assert time_text(nanoseconds) == text


class Stuck:
    """A stream that takes nothing until it is let go."""

    def __init__(self) -> None:
        self.go, self.stuck, self.text = Event(), Event(), ""

    def write(self, text: str) -> int:
        self.stuck.set()
        assert self.go.wait(60)
        self.text += text
        return len(text)

    def flush(self) -> None:
        """There is nothing to flush."""


def test_a_terminal_that_stands_still_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing can be written runs go on, what waits is limited, and what was dropped is told afterwards."""
    monkeypatch.setattr(console_module, "MOST_WAITING", 100)
    stream = Stuck()
    console = ConsoleProcessor(stream, style="lines")  # type: ignore[arg-type]
    provider = TracerProvider()
    provider.add_span_processor(console)
    graph = StateGraph(State).add_node("work", lambda state: {"count": 1}).add_edge(START, "work").compile()
    options = TelemetryOptions(provider=provider)
    graph.invoke({"count": 0}, telemetry=options)
    assert stream.stuck.wait(60)
    for _ in range(200):
        graph.invoke({"count": 0}, telemetry=options)
        assert len(console._inbox) <= 201
    stream.go.set()
    assert console.force_flush(60_000)
    assert "starts and ends of spans came too fast" in stream.text
    graph.invoke({"count": 0}, telemetry=options)
    console.shutdown()
    assert stream.text.splitlines()[-1].startswith("[")
    assert " ok, " in stream.text.splitlines()[-1]
