"""The spans of a run: names, parents, attributes, events, links."""

from __future__ import annotations

import operator
from typing import Annotated, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from typing_extensions import TypedDict

from otgraph.config import get_stream_writer
from otgraph.graph import START, StateGraph
from otgraph.tracing import names
from otgraph.types import RetryPolicy, Send
from otgraph.version import __version__

from .kept import Kept, drive, streamed

pytestmark = pytest.mark.parametrize("colour", ["threads", "asyncio"])


class State(TypedDict, total=False):
    n: int
    log: Annotated[list[Any], operator.add]


def node(colour: str, function: Any) -> Any:
    """Return a plain function in the colour of a driver."""
    if colour == "threads":
        return function

    async def body(state: Any) -> Any:
        return function(state)

    return body


def logging(item: str) -> Any:
    return lambda state: {"log": [item]}


def survey(colour: str) -> Any:
    """Return a graph with a fan-out, a join, packets, and a graph inside."""

    def route(state: State) -> list[Send]:
        return [Send("visit", {"n": n}) for n in range(2)]

    inner = StateGraph(State).add_node("read", node(colour, logging("read"))).add_edge(START, "read")
    graph = StateGraph(State)
    for name in ("plan", "draw", "write", "visit", "print"):
        graph.add_node(name, node(colour, logging(name)))
    graph.add_node("study", inner.compile(name="study"))
    graph.add_edge(START, "plan").add_edge("plan", "draw").add_edge("plan", "write")
    graph.add_edge(["draw", "write"], "study")
    graph.add_conditional_edges("study", node(colour, route), ["visit"])
    graph.add_edge("visit", "print")
    return graph.compile(name="survey")


CONFIG = {
    "max_concurrency": 1,
    "configurable": {"thread_id": "t-7"},
    "tags": ["draft", "blue"],
    "metadata": {"tenant": "acme", "weight": 1.5, "list": [1], "none": None},
}

TREE = """\
invoke_workflow survey
  otgraph.superstep 1
    invoke_node plan
  otgraph.superstep 2
    invoke_node draw
    invoke_node write
  otgraph.superstep 3
    invoke_node study
      invoke_workflow study
        otgraph.superstep 1
          invoke_node read
  otgraph.superstep 4
    invoke_node visit
    invoke_node visit
  otgraph.superstep 5
    invoke_node print"""


def test_the_tree(colour: str) -> None:
    """A run has a span, below it one for each superstep, below those one for each task; a graph inside likewise."""
    kept = Kept()
    drive(survey(colour), colour, {"n": 0}, CONFIG, telemetry=kept.options)

    def show(span: Any) -> str:
        step = span.attributes.get(names.STEP)
        return f"{span.name} {step}" if span.name == names.STEP_SPAN else span.name

    assert TREE.splitlines() == kept.tree(show)
    assert 1 == len({span.context.trace_id for span in kept.spans})


def test_children_lie_inside_their_parents(colour: str) -> None:
    """No span starts before or ends after its parent; siblings of one superstep start before any of them ends."""
    kept = Kept()
    drive(survey(colour), colour, {"n": 0}, CONFIG, telemetry=kept.options)
    by_id = {span.context.span_id: span for span in kept.spans}
    for span in kept.spans:
        if span.parent is not None:
            above = by_id[span.parent.span_id]
            assert above.start_time <= span.start_time <= span.end_time <= above.end_time
    draw, write = kept.named("draw"), kept.named("write")
    assert max(draw.attributes[names.SEQ], write.attributes[names.SEQ]) < min(
        draw.attributes[names.END_SEQ], write.attributes[names.END_SEQ]
    )


def test_attributes(colour: str) -> None:
    """Each span bears what its level is documented to bear, and nothing else; names hold no ids."""
    kept = Kept()
    run_id = "11111111-1111-4111-8111-111111111111"
    drive(survey(colour), colour, {"n": 0}, {**CONFIG, "run_id": run_id}, telemetry=kept.options)
    numbers = {names.SEQ, names.END_SEQ}

    def told(span: Any) -> dict[str, Any]:
        return {key: value for key, value in span.attributes.items() if key not in numbers}

    common = {
        "gen_ai.workflow.name": "survey",
        "gen_ai.conversation.id": "t-7",
        "otgraph.run.id": run_id,
        "otgraph.outcome": "success",
    }
    assert {
        **common,
        "gen_ai.operation.name": "invoke_workflow",
        "otgraph.tags": ("draft", "blue"),
        "otgraph.metadata.tenant": "acme",
        "otgraph.metadata.weight": 1.5,
    } == told(kept.named("survey"))
    step = kept.spans[1]
    assert {**common, "otgraph.step": 1, "otgraph.superstep.tasks": 1} == told(step)
    plan = told(kept.named("plan"))
    assert plan.pop("otgraph.task.id")
    assert {
        **common,
        "gen_ai.operation.name": "invoke_node",
        "gen_ai.node.name": "plan",
        "otgraph.step": 1,
        "otgraph.task.triggers": ("branch:to:plan",),
    } == plan
    study = kept.named("invoke_node study")
    nested = told(kept.named("invoke_workflow study"))
    assert {
        **common,
        "gen_ai.workflow.name": "study",
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.nested": True,
        "otgraph.checkpoint.ns": f"study:{study.attributes[names.TASK_ID]}",
    } == nested
    assert kept.named("read").attributes[names.NS] == nested["otgraph.checkpoint.ns"]
    assert all(run_id not in span.name and "7" not in span.name for span in kept.spans)


def test_what_all_spans_share(colour: str) -> None:
    """Spans are internal, of otgraph's scope and version, and of the provider's resource."""
    kept = Kept(resource=Resource({"service.name": "shop"}))
    drive(survey(colour), colour, {"n": 0}, telemetry=kept.options)
    for span in kept.spans:
        assert span.kind is SpanKind.INTERNAL
        assert ("otgraph", __version__) == (
            span.instrumentation_scope.name,
            span.instrumentation_scope.version,
        )
        assert "shop" == span.resource.attributes["service.name"]


def test_links(colour: str) -> None:
    """A task is linked to the tasks of earlier supersteps that made it due: one of each packet, all of a join."""
    kept = Kept()
    drive(survey(colour), colour, {"n": 0}, CONFIG, telemetry=kept.options)
    by_id = {span.context.span_id: span.name for span in kept.spans}
    linked = [
        (span.name.split()[-1], [by_id[link.context.span_id].split()[-1] for link in span.links])
        for span in kept.spans
        if span.name.startswith(names.TASK_SPAN)
    ]
    assert [
        ("plan", []),
        ("draw", ["plan"]),
        ("write", ["plan"]),
        ("study", ["draw", "write"]),
        ("read", []),
        ("visit", ["study"]),
        ("visit", ["study"]),
        ("print", ["visit", "visit"]),
    ] == linked
    assert all(not span.links for span in kept.spans if not span.name.startswith(names.TASK_SPAN))


def test_links_to_a_wide_fan_out_are_capped(colour: str) -> None:
    """A join of more tasks than a span may have links keeps the newest ones and counts the others."""

    def route(state: State) -> list[Send]:
        return [Send("work", {}) for _ in range(140)]

    graph = (
        StateGraph(State)
        .add_node("work", node(colour, logging("w")))
        .add_node("end", node(colour, logging("e")))
    )
    graph.add_conditional_edges(START, node(colour, route), ["work"]).add_edge("work", "end")
    kept = Kept()
    drive(graph.compile(), colour, {"n": 0}, telemetry=kept.options)
    end = kept.named("end")
    assert (128, 12) == (len(end.links), end.dropped_links)


def test_events(colour: str) -> None:
    """What happens inside a span is an event of it, numbered in the order of the run."""
    attempts: list[int] = []

    def flaky(state: State) -> Any:
        attempts.append(1)
        get_stream_writer()("trying")
        if len(attempts) == 1:
            raise ConnectionError
        return {"log": ["done"]}

    graph = StateGraph(State)
    policy = RetryPolicy(initial_interval=0.001, jitter=False)
    graph.add_node("flaky", node(colour, flaky), retry_policy=policy).add_edge(START, "flaky")
    kept = Kept()
    drive(graph.compile(), colour, {"n": 0}, telemetry=kept.options)
    task = kept.named("flaky")
    told = [
        (event.name, {k: v for k, v in event.attributes.items() if k != names.SEQ}) for event in task.events
    ]
    assert [
        ("otgraph.custom", {}),
        ("otgraph.task.retried", {"error.type": "ConnectionError", "otgraph.retry.delay": 0.001}),
        ("otgraph.custom", {}),
        ("otgraph.task.committed", {}),
    ] == told
    numbers = [event.attributes[names.SEQ] for event in task.events]
    assert sorted(numbers) == numbers
    assert (2, 2) == (task.attributes[names.ATTEMPTS], task.attributes[names.CUSTOM_COUNT])
    assert StatusCode.UNSET is task.status.status_code


def test_the_current_span_is_the_task(colour: str) -> None:
    """In a node `get_current_span` is the task's span: what is set on it is exported with it."""
    elsewhere = SpanContext(1, 2, True, TraceFlags(1))
    seen: list[Any] = []

    def enrich(state: State) -> Any:
        span = trace.get_current_span()
        seen.append(span.get_span_context().span_id)
        assert span.is_recording()
        span.set_attribute("user.id", 42)
        span.set_attributes({"user.names": ["a", "b"]})
        span.add_event("looked", {"where": "here"})
        span.add_link(elsewhere, {"why": "because"})
        span.record_exception(ValueError("handled"))
        span.set_status(Status(StatusCode.OK))
        return {"log": ["x"]}

    graph = StateGraph(State).add_node("enrich", node(colour, enrich)).add_edge(START, "enrich").compile()
    kept = Kept()
    chunks = streamed(graph, colour, {"n": 0}, stream_mode="spans", telemetry=kept.options)
    span = kept.named("enrich")
    assert [span.context.span_id] == seen
    assert (42, ("a", "b")) == (span.attributes["user.id"], span.attributes["user.names"])
    assert ["looked", "exception", "otgraph.task.committed"] == [event.name for event in span.events]
    assert Link(elsewhere, {"why": "because"}).attributes == span.links[-1].attributes
    assert StatusCode.OK is span.status.status_code
    heard = [chunk["event"] for chunk in chunks if chunk["type"] == "event"]
    assert ["otgraph.superstep.applied", "looked", "exception", "otgraph.task.committed"] == heard[:4]


def test_edges_run_inside_the_task_of_their_node(colour: str) -> None:
    """A branch function is called with its node's span current; that of START with the run's."""
    seen: list[Any] = []

    def route(state: State) -> str:
        seen.append(trace.get_current_span().get_span_context().span_id)
        return "b" if len(seen) == 2 else "a"

    graph = (
        StateGraph(State).add_node("a", node(colour, logging("a"))).add_node("b", node(colour, logging("b")))
    )
    graph.add_conditional_edges(START, node(colour, route), ["a"])
    graph.add_conditional_edges("a", node(colour, route), ["b"])
    kept = Kept()
    drive(graph.compile(name="routed"), colour, {"n": 0}, telemetry=kept.options)
    assert [kept.named("routed").context.span_id, kept.named("a").context.span_id] == seen


def test_nothing_of_the_engine_is_current_in_the_consumer(colour: str) -> None:
    """Between two chunks the consumer's current span is its own, and stays it."""
    kept = Kept()
    graph = survey(colour)
    tracer = kept.provider.get_tracer("app")
    with tracer.start_as_current_span("request") as request:
        if colour == "threads":
            for _ in graph.stream({"n": 0}, telemetry=kept.options):
                assert trace.get_current_span() is request
        else:

            async def consume() -> None:
                async for _ in graph.astream({"n": 0}, telemetry=kept.options):
                    assert trace.get_current_span() is request

            import asyncio

            asyncio.run(consume())
        assert trace.get_current_span() is request
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_the_stream_of_spans(colour: str) -> None:
    """`stream_mode="spans"` shows each start, event and end as plain data, in order, with the ids of the export."""
    kept = Kept()
    chunks = streamed(
        survey(colour), colour, {"n": 0}, CONFIG, stream_mode="spans", subgraphs=True, telemetry=kept.options
    )
    shots = [chunk[1] for chunk in chunks]
    spans = {f"{span.context.span_id:016x}": span for span in kept.spans}
    starts = [shot["span_id"] for shot in shots if shot["type"] == "start"]
    ends = [shot["span_id"] for shot in shots if shot["type"] == "end"]
    assert list(spans) == starts
    assert sorted(starts) == sorted(ends)
    for shot in shots:
        span = spans[shot["span_id"]]
        assert (span.name, f"{span.context.trace_id:032x}") == (shot["name"], shot["trace_id"])
        assert shot["parent_id"] == (None if span.parent is None else f"{span.parent.span_id:016x}")
        if shot["type"] == "start":
            assert (span.start_time, "otgraph", "internal") == (shot["time_ns"], shot["scope"], shot["kind"])
        if shot["type"] == "end":
            assert (span.end_time, span.start_time, "unset") == (
                shot["time_ns"],
                shot["start_ns"],
                shot["status"],
            )
            assert shot["attributes"][names.OUTCOME] == "success"
