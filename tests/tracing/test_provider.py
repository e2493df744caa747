"""Whose provider: what otgraph takes from it, and what it leaves alone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.propagate import inject
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace.span import TraceState
from stable_id import stable_id

from otgraph.config import get_stream_writer
from otgraph.graph import START, StateGraph
from otgraph.telemetry import TelemetryOptions
from otgraph.tracing.provider import pipeline_for

from .kept import Kept, drive, streamed

COLOURS = ["threads", "asyncio"]


def simple(node: Any = lambda state: {"n": state["n"] + 1}, **options: Any) -> Any:
    """Return a graph of one node."""
    return StateGraph(dict).add_node("a", lambda state: node(state)).add_edge(START, "a").compile(**options)


class Ids(IdGenerator):
    """Counts."""

    def __init__(self) -> None:
        self.last = 0

    def generate_span_id(self) -> int:
        self.last += 1
        return self.last

    def generate_trace_id(self) -> int:
        return 0xABC


def test_ids_are_the_providers() -> None:
    """Trace and span ids come from the provider's generator, in the order in which spans start."""
    kept = Kept(id_generator=Ids())
    simple().invoke({"n": 1}, telemetry=kept.options)
    assert [(0xABC, 1), (0xABC, 2), (0xABC, 3)] == [
        (span.context.trace_id, span.context.span_id) for span in kept.spans
    ]


class Chooser(Sampler):
    """Samples by what it is told of a span, and says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def should_sample(
        self,
        parent_context: Any,
        trace_id: int,
        name: str,
        kind: Any = None,
        attributes: Any = None,
        *more: Any,
        **_: Any,
    ) -> SamplingResult:
        self.asked.append((name, dict(attributes or {})))
        keep = (attributes or {}).get("gen_ai.node.name") != "noisy"
        decision = Decision.RECORD_AND_SAMPLE if keep else Decision.DROP
        return SamplingResult(decision, {"chosen": True}, TraceState([("k", "v")]))

    def get_description(self) -> str:
        return "chooser"


@pytest.mark.parametrize("colour", COLOURS)
def test_the_sampler_is_the_providers(colour: str) -> None:
    """A sampler that looks for itself is asked for every span, with its facts; what it adds is exported."""
    chooser = Chooser()
    kept = Kept(sampler=chooser)
    graph = StateGraph(dict).add_node("noisy", lambda state: state).add_node("b", lambda state: state)
    graph.add_edge(START, "noisy").add_edge("noisy", "b")
    drive(graph.compile(), colour, {"n": 1}, telemetry=kept.options)
    assert ["invoke_workflow LangGraph", "otgraph.superstep", "otgraph.superstep", "invoke_node b"] == [
        span.name for span in kept.spans
    ]
    assert {True} == {span.attributes["chosen"] for span in kept.spans}
    assert {"v"} == {span.context.trace_state["k"] for span in kept.spans}
    facts = dict(chooser.asked)["invoke_node noisy"]
    assert ("noisy", 1) == (facts["gen_ai.node.name"], facts["otgraph.step"])
    assert {"otgraph.task.id", "otgraph.run.id", "gen_ai.workflow.name"} <= facts.keys()


def test_the_limits_are_the_providers() -> None:
    """Attributes and events beyond the provider's span limits are dropped and counted."""
    kept = Kept(span_limits=SpanLimits(max_events=5, max_span_attributes=12, max_attribute_length=10))

    def node(state: Any) -> Any:
        span = trace.get_current_span()
        for n in range(20):
            span.add_event(f"event {n}")
            span.set_attribute(f"key {n}", "x" * 50)
        return state

    simple(node).invoke({"n": 1}, telemetry=kept.options)
    task = kept.named("a")
    assert ["event 16", "event 17", "event 18", "event 19", "otgraph.task.committed"] == [
        event.name for event in task.events
    ]
    assert 12 >= len(task.attributes)
    assert "x" * 10 == task.attributes["key 19"]


def test_processors_that_are_added_late_hear_of_later_spans() -> None:
    """The provider's processors are those it has when a span starts and ends, not when it was first used."""
    kept = Kept()
    graph = simple()
    graph.invoke({"n": 1}, telemetry=kept.options)
    late = InMemorySpanExporter()
    kept.provider.add_span_processor(SimpleSpanProcessor(late))
    graph.invoke({"n": 1}, telemetry=kept.options)
    assert 3 == len(late.get_finished_spans())


def test_a_batch_processor_gets_all_spans() -> None:
    """Spans go through the SDK's batch processor like any others."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    for _ in range(20):
        simple().invoke({"n": 1}, telemetry=TelemetryOptions(provider=provider))
    assert provider.force_flush()
    assert 60 == len(exporter.get_finished_spans())
    provider.shutdown()


def test_a_processor_sees_a_span_that_it_may_read_and_add_to() -> None:
    """In `on_start` attributes are there and more may be set; in `on_end` everything is."""

    class Stamp(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            assert "gen_ai.workflow.name" in span.attributes
            span.set_attribute("stamped", span.name)

        def on_end(self, span: ReadableSpan) -> None:
            assert "otgraph.outcome" in span.attributes

    kept = Kept()
    kept.provider.add_span_processor(Stamp())
    simple().invoke({"n": 1}, telemetry=kept.options)
    assert all(span.attributes["stamped"] == span.name for span in kept.spans)


# ---- none


@pytest.mark.parametrize("colour", COLOURS)
def test_without_a_provider_nothing_is_current(colour: str) -> None:
    """Spans that nobody exports are no current spans, so that no `traceparent` names them; they are streamed."""
    seen: list[Any] = []

    def look(state: Any) -> Any:
        carrier: dict[str, str] = {}
        inject(carrier)
        seen.extend([trace.get_current_span(), carrier])
        get_stream_writer()("item")
        return state

    options = TelemetryOptions(provider=trace.NoOpTracerProvider())
    chunks = streamed(simple(look), colour, {"n": 1}, stream_mode=["spans", "custom"], telemetry=options)
    assert [trace.INVALID_SPAN, {}] == seen
    shots = [payload for mode, payload in chunks if mode == "spans"]
    assert 3 == len([shot for shot in shots if shot["type"] == "start"])
    assert ("custom", "item") in chunks


@pytest.mark.parametrize(
    "provider", [trace.NoOpTracerProvider(), trace.ProxyTracerProvider(), None], ids=stable_id
)
def test_what_counts_as_none(provider: Any) -> None:
    """A no-op, the proxy of an unset provider, and no provider at all share one pipeline, which exports nothing."""
    pipeline = pipeline_for(provider)
    assert not pipeline.exports
    assert pipeline is pipeline_for(trace.NoOpTracerProvider())


def test_the_callers_span_stays_current_where_nothing_is_exported() -> None:
    """With telemetry of its own switched off for a run, its nodes still see the caller's span."""
    kept = Kept()
    seen: list[Any] = []

    def look(state: Any) -> Any:
        seen.append(trace.get_current_span())
        return state

    with kept.provider.get_tracer("app").start_as_current_span("request") as request:
        simple(look).invoke({"n": 1}, telemetry=TelemetryOptions(provider=trace.NoOpTracerProvider()))
    assert [request] == seen


# ---- several


def test_runs_after_one_another_are_siblings() -> None:
    """Consecutive runs under one span are its children, not each other's; without one they are traces of their own."""
    kept = Kept()
    graph = simple()

    async def main() -> None:
        with kept.provider.get_tracer("app").start_as_current_span("request"):
            graph.invoke({"n": 1}, telemetry=kept.options)
            await graph.ainvoke({"n": 1}, telemetry=kept.options)
            async for _ in graph.astream({"n": 1}, telemetry=kept.options):
                pass
            list(graph.stream({"n": 1}, telemetry=kept.options))
        await graph.ainvoke({"n": 1}, telemetry=kept.options)
        graph.invoke({"n": 1}, telemetry=kept.options)

    asyncio.run(main())
    request = kept.named("request")
    roots = [span for span in kept.spans if span.name == "invoke_workflow LangGraph"]
    assert [request.context.span_id] * 4 + [None] * 2 == [
        span.parent and span.parent.span_id for span in roots
    ]
    assert 3 == len({span.context.trace_id for span in roots})


def test_two_runs_at_once_keep_their_spans_apart() -> None:
    """Concurrent runs with one provider, or with two, never share a span, a trace or a parent."""
    first, second = Kept(), Kept()

    async def node(state: Any) -> Any:
        await asyncio.sleep(0.002)
        return state

    graph = (
        StateGraph(dict)
        .add_node("a", node)
        .add_node("b", node)
        .add_edge(START, "a")
        .add_edge("a", "b")
        .compile()
    )

    async def main() -> None:
        await asyncio.gather(
            *(
                graph.ainvoke({"n": 1}, telemetry=kept.options)
                for kept in (first, second, first, second, first)
            )
        )

    asyncio.run(main())
    for kept, runs in ((first, 3), (second, 2)):
        assert (5 * runs, runs) == (len(kept.spans), len({span.context.trace_id for span in kept.spans}))
        by_id = {span.context.span_id: span for span in kept.spans}
        for span in kept.spans:
            if span.parent is not None:
                assert by_id[span.parent.span_id].context.trace_id == span.context.trace_id


def test_a_run_inside_a_run_keeps_its_records_provider() -> None:
    """A graph called in a node belongs to the run around it, whatever its own options say."""
    outer, inner = Kept(), Kept()
    called = simple(telemetry=inner.options, name="called")
    simple(lambda state: called.invoke(state), name="outer").invoke({"n": 1}, telemetry=outer.options)
    assert (6, 0) == (len(outer.spans), len(inner.spans))


def test_a_provider_that_is_gone_is_not_kept() -> None:
    """otgraph holds no provider alive."""
    import gc
    import weakref

    kept = Kept()
    simple().invoke({"n": 1}, telemetry=kept.options)
    gone = weakref.ref(kept.provider)
    del kept
    gc.collect()
    assert gone() is None


LATE = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from otgraph.graph import START, StateGraph

early = trace.get_tracer("early")
graph = StateGraph(dict).add_node("a", lambda state: state).add_edge(START, "a").compile()
graph.invoke({"n": 1})
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
graph.invoke({"n": 1})
print([span.name for span in exporter.get_finished_spans()])
"""


def test_a_provider_that_is_set_late_is_found() -> None:
    """A graph compiled, and run, before the global provider was set exports to it afterwards."""
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, timeout=60)
    assert "['invoke_node a', 'otgraph.superstep', 'invoke_workflow LangGraph']" == done.stdout.strip(), (
        done.stderr
    )
