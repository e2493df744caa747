"""What users of other tracers complain about, once each: named after the complaint."""

from __future__ import annotations

import asyncio
import gc
import operator
import time
import tracemalloc
from typing import Annotated, Any

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import SpanKind, StatusCode
from typing_extensions import TypedDict

from otgraph.events import Outcome
from otgraph.graph import START, StateGraph
from otgraph.infos import RunInfo, TaskInfo
from otgraph.telemetry import TelemetryOptions
from otgraph.tracing import names
from otgraph.tracing.observer import new_observer
from otgraph.types import Command, interrupt

from .kept import Kept, drive


class State(TypedDict, total=False):
    n: int
    log: Annotated[list[Any], operator.add]


def chain(*nodes: Any, **options: Any) -> Any:
    graph = StateGraph(State)
    before = START
    for number, node in enumerate(nodes):
        name = "abcdefgh"[number]
        graph.add_node(name, node)
        graph.add_edge(before, name)
        before = name
    return graph.compile(**options)


def above(kept: Kept, name: str) -> str | None:
    """Return the name of the parent of the span `name`."""
    span = kept.named(name)
    by_id = {each.context.span_id: each.name for each in kept.spans}
    return None if span.parent is None else by_id[span.parent.span_id]


def test_async_parentage() -> None:
    """Spans opened in async nodes, before and after awaits, are below the node's task, not roots of their own."""
    kept = Kept()
    tracer = kept.provider.get_tracer("library")

    async def node(state: State) -> None:
        with tracer.start_as_current_span("before"):
            await asyncio.sleep(0.001)
        await asyncio.gather(child("left"), child("right"))

    async def child(name: str) -> None:
        await asyncio.sleep(0.001)
        with tracer.start_as_current_span(name):
            await asyncio.sleep(0.001)

    drive(chain(node), "asyncio", {"n": 1}, telemetry=kept.options)
    assert ["invoke_node a"] * 3 == [above(kept, name) for name in ("before", "left", "right")]


def test_thread_nodes() -> None:
    """Sync nodes that run in worker threads, under either driver, have their task's span current."""
    for colour in ("threads", "asyncio"):
        kept = Kept()
        tracer = kept.provider.get_tracer("library")

        def node(state: State) -> None:
            with tracer.start_as_current_span(f"call {time.time_ns()}"):
                time.sleep(0.002)

        graph = StateGraph(State)
        for name in ("a", "b", "c"):
            graph.add_node(name, node).add_edge(START, name)
        drive(graph.compile(), colour, {"n": 1}, telemetry=kept.options)
        tasks = {span.context.span_id for span in kept.spans if span.name.startswith("invoke_node")}
        calls = [span.parent.span_id for span in kept.spans if span.name.startswith("call")]
        assert (3, tasks) == (len(calls), set(calls))


@pytest.mark.parametrize("colour", ["threads", "asyncio"])
def test_early_break(colour: str) -> None:
    """A stream that is left early exports its root span, unset, as cancelled; nothing is current afterwards."""
    kept = Kept()
    graph = chain(lambda state: {"log": [1]}, lambda state: {"log": [2]})

    async def leave() -> None:
        async for _ in graph.astream({"n": 1}, telemetry=kept.options):
            break
        gc.collect()
        await asyncio.sleep(0.01)
        assert trace.get_current_span() is trace.INVALID_SPAN

    if colour == "threads":
        for _ in graph.stream({"n": 1}, telemetry=kept.options):
            break
    else:
        asyncio.run(leave())
    gc.collect()
    root = kept.named("LangGraph")
    assert ("cancelled", StatusCode.UNSET, []) == (
        root.attributes[names.OUTCOME],
        root.status.status_code,
        [event.name for event in root.events if event.name == "exception"],
    )
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_aclose_from_another_task(caplog: pytest.LogCaptureFixture) -> None:
    """Closing a stream in another task logs no "Failed to detach context", and leaks no current span."""
    kept = Kept()

    async def slow(state: State) -> None:
        await asyncio.sleep(30)

    async def main() -> None:
        stream = chain(lambda state: {"log": [1]}, slow).astream({"n": 1}, telemetry=kept.options)
        await asyncio.create_task(stream.__anext__())
        assert trace.get_current_span() is trace.INVALID_SPAN
        await asyncio.create_task(stream.aclose())
        assert trace.get_current_span() is trace.INVALID_SPAN

    asyncio.run(main())
    assert not caplog.records
    assert "cancelled" == kept.named("LangGraph").attributes[names.OUTCOME]


def test_cancel() -> None:
    """A cancelled run is exported as cancelled, all of it, and not as a success or an error."""
    kept = Kept()

    async def slow(state: State) -> None:
        await asyncio.sleep(30)

    async def main() -> None:
        task = asyncio.create_task(chain(slow).ainvoke({"n": 1}, telemetry=kept.options))
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    assert [("cancelled", StatusCode.UNSET)] * 3 == [
        (span.attributes[names.OUTCOME], span.status.status_code) for span in kept.spans
    ]


def test_timeout() -> None:
    """A timeout is an error of the superstep and the run; the node that was too slow is cancelled."""
    kept = Kept()

    async def slow(state: State) -> None:
        await asyncio.sleep(30)

    graph = chain(slow)
    graph.step_timeout = 0.02
    with pytest.raises(asyncio.TimeoutError):
        drive(graph, "asyncio", {"n": 1}, telemetry=kept.options)
    told = {span.name: span.attributes[names.OUTCOME] for span in kept.spans}
    run = kept.named("LangGraph")
    assert ("timeout", "timeout", "cancelled") == (
        told[run.name],
        told["otgraph.superstep"],
        told["invoke_node a"],
    )
    assert StatusCode.ERROR is run.status.status_code


@pytest.mark.parametrize("colour", ["threads", "asyncio"])
def test_an_interrupt_is_no_error(colour: str) -> None:
    """A run that waits for a human, inside a graph inside too, has no error status and no exception event."""
    kept = Kept()
    inner = chain(lambda state: {"log": [interrupt("why?")]}, name="inner")
    drive(chain(inner, name="outer"), colour, {"n": 1}, telemetry=kept.options)
    for span in kept.spans:
        assert ("interrupted", StatusCode.UNSET) == (span.attributes[names.OUTCOME], span.status.status_code)
        assert "exception" not in [event.name for event in span.events]
        assert names.ERROR_TYPE not in span.attributes
    asked = [
        event for span in kept.spans for event in span.events if event.name == "otgraph.task.interrupted"
    ]
    assert asked
    assert all(1 == len(event.attributes[names.INTERRUPT_IDS]) for event in asked)


def test_a_command_to_the_parent_is_no_error() -> None:
    """Leaving a graph by a Command is how it is meant to be left."""
    kept = Kept()
    inner = chain(lambda state: Command(graph=Command.PARENT, update={"log": ["up"]}), name="inner")
    drive(chain(inner), "threads", {"n": 1}, telemetry=kept.options)
    assert {("success", StatusCode.UNSET)} == {
        (span.attributes[names.OUTCOME], span.status.status_code) for span in kept.spans
    }


@pytest.mark.parametrize("colour", ["threads", "asyncio"])
def test_nested_subgraph(colour: str) -> None:
    """A named graph inside a graph has a run span of its own, under its task; at any depth."""
    kept = Kept()
    innermost = chain(lambda state: {"log": [1]}, name="innermost")
    drive(chain(chain(innermost, name="middle"), name="outer"), colour, {"n": 1}, telemetry=kept.options)
    assert [
        "invoke_workflow outer",
        "  otgraph.superstep",
        "    invoke_node a",
        "      invoke_workflow middle",
        "        otgraph.superstep",
        "          invoke_node a",
        "            invoke_workflow innermost",
        "              otgraph.superstep",
        "                invoke_node a",
    ] == kept.tree()


def test_two_concurrent_runs() -> None:
    """Two runs at the same time in one process, with streams of spans, mix neither spans nor chunks."""
    kept = Kept()

    async def node(state: State) -> Any:
        await asyncio.sleep(0.002)
        return {"log": [state["n"]]}

    graph = chain(node, node, node)

    async def run(n: int) -> list[Any]:
        stream = graph.astream({"n": n}, stream_mode=["updates", "spans"], telemetry=kept.options)
        return [chunk async for chunk in stream]

    async def main() -> list[list[Any]]:
        return await asyncio.gather(*(run(n) for n in range(4)))

    for n, chunks in enumerate(asyncio.run(main())):
        assert [[n]] * 3 == [
            next(iter(payload.values()))["log"] for mode, payload in chunks if mode == "updates"
        ]
        traces = {payload["trace_id"] for mode, payload in chunks if mode == "spans"}
        assert 1 == len(traces)
    assert 4 == len({span.context.trace_id for span in kept.spans})


def test_processor_raising() -> None:
    """A span processor that raises on every call reaches no user of a run, and keeps no span from the next one."""

    class Raising(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            raise RuntimeError("start")

        def on_end(self, span: ReadableSpan) -> None:
            raise RuntimeError("end")

    kept = Kept()
    broken = TracerProvider(shutdown_on_exit=False)
    broken.add_span_processor(Raising())
    broken.add_span_processor(kept.provider._active_span_processor)
    options = TelemetryOptions(provider=broken)
    assert {"n": 1, "log": [1]} == drive(
        chain(lambda state: {"log": [1]}), "threads", {"n": 1}, telemetry=options
    )
    assert 3 == len(kept.spans)


class Counting(SpanProcessor):
    """Counts spans and forgets them."""

    def __init__(self) -> None:
        self.ended = 0

    def on_end(self, span: ReadableSpan) -> None:
        self.ended += 1


def test_10k_step_run() -> None:
    """Ten thousand supersteps export twenty thousand spans; the last ones cost what the first did, and no memory."""
    counting = Counting()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(counting)
    marks: list[tuple[float, int]] = []

    def step(state: State) -> Any:
        if state["n"] % 1000 == 0:
            marks.append((time.perf_counter(), tracemalloc.get_traced_memory()[0]))
        return {"n": state["n"] + 1}

    graph = StateGraph(State).add_node("a", step).add_edge(START, "a")
    graph.add_conditional_edges("a", lambda state: "a" if state["n"] < 10_000 else "__end__")
    tracemalloc.start()
    try:
        graph.compile().invoke(
            {"n": 0}, {"recursion_limit": 10_001}, telemetry=TelemetryOptions(provider=provider)
        )
    finally:
        tracemalloc.stop()
    assert 20_001 == counting.ended
    laps = [after[0] - before[0] for before, after in zip(marks, marks[1:], strict=False)]
    assert sorted(laps)[len(laps) // 2] < 3 * min(laps)
    assert marks[-1][1] < marks[1][1] + 100_000


@pytest.mark.parametrize("capture", [False, True])
def test_1_mb_state(capture: bool) -> None:
    """A state of a megabyte makes no span larger than the caps allow, and without capture none larger than usual."""
    kept = Kept(capture=capture)
    large = {"n": 1, "log": ["x" * 1_000_000, {"deep": ["y" * 1_000_000]}]}
    drive(
        chain(lambda state: {"log": ["z" * 1_000_000]}, lambda state: None),
        "threads",
        large,
        telemetry=kept.options,
    )
    sizes = [len(encode_spans([span]).SerializeToString()) for span in kept.spans]
    assert max(sizes) < (150_000 if capture else 2_000)


def test_secret_in_state() -> None:
    """What is in the state is in no span, unless capture is on."""
    for capture in (False, True):
        kept = Kept(capture=capture)
        drive(
            chain(lambda state: {"log": ["hunter2"]}), "threads", {"log": ["hunter2"]}, telemetry=kept.options
        )
        assert capture == (b"hunter2" in encode_spans(kept.spans).SerializeToString())


def test_provider_instrumentation_nesting() -> None:
    """The span that an instrumented model client opens is the only one for its call, and is below the node's task."""
    kept = Kept()
    tracer = kept.provider.get_tracer("opentelemetry.instrumentation.openai")

    def model(state: State) -> Any:
        # What such an instrumentor does around a call.
        with tracer.start_as_current_span(
            "chat gpt", kind=SpanKind.CLIENT, attributes={"gen_ai.operation.name": "chat"}
        ) as span:
            span.set_attribute("gen_ai.usage.input_tokens", 7)
            return {"log": ["hello"]}

    drive(chain(model), "threads", {"n": 1}, telemetry=kept.options)
    chats = [span for span in kept.spans if span.attributes.get("gen_ai.operation.name") == "chat"]
    assert 1 == len(chats)
    assert "invoke_node a" == above(kept, "chat gpt")


def test_sequential_async_runs_do_not_nest() -> None:
    """Runs awaited one after another in one task are traces of their own."""
    kept = Kept()
    graph = chain(lambda state: {"log": [1]})

    async def main() -> None:
        for _ in range(3):
            await graph.ainvoke({"n": 1}, telemetry=kept.options)
            async for _ in graph.astream({"n": 1}, telemetry=kept.options):
                pass

    asyncio.run(main())
    assert (6, 6) == (
        len({span.context.trace_id for span in kept.spans}),
        len([span for span in kept.spans if span.parent is None]),
    )


def test_no_plumbing() -> None:
    """One node is three spans: routers, channel writes and edges have none."""
    kept = Kept()
    graph = StateGraph(State).add_node("a", lambda state: {"log": [1]}).add_edge(START, "a")
    graph.add_conditional_edges("a", lambda state: "__end__")
    drive(graph.compile(), "threads", {"n": 1}, telemetry=kept.options)
    assert ["invoke_workflow LangGraph", "otgraph.superstep", "invoke_node a"] == [
        span.name for span in kept.spans
    ]


def test_long_runs_are_visible_before_they_end() -> None:
    """Spans of supersteps and tasks are exported as they end, while the run goes on."""
    kept = Kept()
    seen: list[int] = []

    def look(state: State) -> None:
        seen.append(len(kept.exporter.get_finished_spans()))

    drive(chain(look, look, look), "threads", {"n": 1}, telemetry=kept.options)
    assert [0, 2, 4] == seen


def test_huge_values_are_in_no_name() -> None:
    """No value of the state, and no id, is part of a span's or an event's name."""
    kept = Kept()
    drive(chain(lambda state: {"log": ["v" * 500]}), "threads", {"n": 1}, telemetry=kept.options)
    assert (
        max(len(name) for span in kept.spans for name in [span.name, *(event.name for event in span.events)])
        < 40
    )


def test_a_span_that_has_ended_stays_as_it_was_exported() -> None:
    """A task or a superstep that is closed after its run has ended changes nothing any more."""
    kept = Kept()
    observer = new_observer(kept.options)
    run = RunInfo("run", "graph", (), ("n",), ("n",))
    observer.run_started(run, None)
    task = TaskInfo(run, "task", "node", 1, {}, (), ())
    observer.step_started(run, 1, [task])
    step = run.step_span
    observer.run_ended(run, Outcome.CANCELLED, None)
    before = [(span.name, dict(span.attributes or {}), span.status.status_code) for span in kept.spans]
    assert 3 == len(before)
    task.attempt = task.emitted = 2
    observer.task_ended(task, Outcome.ERROR, ValueError("late"))
    observer.step_ended(run, Outcome.ERROR, ValueError("late"))
    observer.run_ended(run, Outcome.ERROR, ValueError("late"))
    run.step_span = step
    observer.step_ended(run, Outcome.SUCCESS, None)
    assert before == [
        (span.name, dict(span.attributes or {}), span.status.status_code) for span in kept.spans
    ]
