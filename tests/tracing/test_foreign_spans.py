"""Spans of others: opened in nodes by model clients, HTTP libraries and user code, and those around a run."""

from __future__ import annotations

import asyncio
import operator
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Annotated, Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from typing_extensions import TypedDict

from otgraph.graph import START, StateGraph
from otgraph.telemetry import conversation_id, read_spans, replay
from otgraph.tracing import names
from otgraph.tracing.foreign import MOST_OPEN, foreign_processor
from otgraph.types import Send

from .kept import Kept, drive, streamed


class State(TypedDict, total=False):
    n: int
    log: Annotated[list[Any], operator.add]


def opening(kept: Kept, colour: str, *names_: str) -> Any:
    """Return a node that opens spans one inside the other."""
    tracer = kept.provider.get_tracer("library")

    def sync(state: Any) -> Any:
        if len(names_) == 1:
            with tracer.start_as_current_span(f"{names_[0]} {state.get('n', '')}".strip()):
                return {"log": list(names_)}
        with tracer.start_as_current_span(names_[0]), tracer.start_as_current_span(names_[1]):
            return {"log": list(names_)}

    async def coro(state: Any) -> Any:
        await asyncio.sleep(0)
        with tracer.start_as_current_span(f"{names_[0]} {state.get('n', '')}".strip()):
            await asyncio.sleep(0.001)
            for name in names_[1:]:
                with tracer.start_as_current_span(name):
                    await asyncio.sleep(0.001)
        return {"log": list(names_)}

    return coro if colour == "asyncio" else sync


COLOURS = ["threads", "asyncio", "mixed"]
"""The last: sync nodes on the event loop's driver."""


def driver_of(colour: str) -> str:
    return "threads" if colour == "threads" else "asyncio"


def parents(kept: Kept) -> dict[str, str | None]:
    """Return the parent's name of every foreign span."""
    by_id = {span.context.span_id: span for span in kept.spans}
    return {
        span.name: by_id[span.parent.span_id].name if span.parent and span.parent.span_id in by_id else None
        for span in kept.spans
        if span.instrumentation_scope.name == "library"
    }


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("mode", ["invoke", "updates", "custom"])
def test_nested_in_the_task(colour: str, mode: str) -> None:
    """What a node opens is below its task, and what is opened inside that below it; in this thread or another."""
    kept = Kept()
    graph = StateGraph(State)
    graph.add_node("fetch", opening(kept, colour, "request", "socket")).add_edge(START, "fetch")
    if mode == "invoke":
        drive(graph.compile(), driver_of(colour), {"n": 1}, telemetry=kept.options)
    else:
        streamed(graph.compile(), driver_of(colour), {"n": 1}, stream_mode=mode, telemetry=kept.options)
    above = parents(kept)
    assert ["invoke_node fetch"] == [parent for name, parent in above.items() if name.startswith("request")]
    assert above["socket"].startswith("request")  # type: ignore[union-attr]


@pytest.mark.parametrize("colour", COLOURS)
def test_siblings_keep_theirs_apart(colour: str) -> None:
    """Tasks that run at the same time, packets of one node included, each get their own spans."""
    kept = Kept()
    graph = StateGraph(State)
    graph.add_node("work", opening(kept, colour, "call"))
    graph.add_conditional_edges(START, lambda state: [Send("work", {"n": n}) for n in range(8)], ["work"])
    drive(graph.compile(), driver_of(colour), {"n": 1}, telemetry=kept.options)
    tasks = {span.context.span_id: span for span in kept.spans if span.name == "invoke_node work"}
    calls = [span for span in kept.spans if span.name.startswith("call")]
    assert (8, 8) == (len(tasks), len({call.parent.span_id for call in calls}))
    for call in calls:
        task = tasks[call.parent.span_id]
        assert task.start_time <= call.start_time <= call.end_time <= task.end_time


@pytest.mark.parametrize("colour", COLOURS)
def test_in_graphs_inside(colour: str) -> None:
    """In a graph that is a node, and in one that a node calls, spans are below the innermost task."""
    kept = Kept()
    declared = (
        StateGraph(State).add_node("d", opening(kept, colour, "declared")).add_edge(START, "d").compile()
    )
    called = StateGraph(State).add_node("c", opening(kept, colour, "called")).add_edge(START, "c").compile()
    tracer = kept.provider.get_tracer("library")

    def call(state: State) -> Any:
        with tracer.start_as_current_span("before"):
            pass
        called.invoke(state)
        with tracer.start_as_current_span("after"):
            pass

    async def call_async(state: State) -> Any:
        with tracer.start_as_current_span("before"):
            pass
        await called.ainvoke(state)
        with tracer.start_as_current_span("after"):
            pass

    graph = StateGraph(State).add_node("declared", declared).add_edge(START, "declared")
    graph.add_node("calls", call_async if colour == "asyncio" else call).add_edge("declared", "calls")
    drive(graph.compile(), driver_of(colour), {}, telemetry=kept.options)
    assert {
        "declared": "invoke_node d",
        "called": "invoke_node c",
        "before": "invoke_node calls",
        "after": "invoke_node calls",
    } == parents(kept)


@pytest.mark.parametrize("colour", ["threads", "asyncio"])
@pytest.mark.parametrize("how", ["invoke", "stream"])
def test_around_graphs_inside(colour: str, how: str) -> None:
    """A graph called below a span that its node has opened is below that span, and knows the node's baggage."""
    kept = Kept(capture=True)
    tracer = kept.provider.get_tracer("library")
    seen: list[Any] = []

    def look(state: State) -> Any:
        seen.append(baggage.get_baggage("node"))
        return {"log": ["seen"]}

    deep = StateGraph(State).add_node("look", look).add_edge(START, "look").compile(name="deep")
    called = StateGraph(State).add_node("deep", deep).add_edge(START, "deep").compile(name="called")

    def call(state: State) -> Any:
        otel_context.attach(baggage.set_baggage("node", "x"))
        with tracer.start_as_current_span("outer"), tracer.start_as_current_span("inner"):
            if how == "invoke":
                called.invoke({"n": 1})
            else:
                list(called.stream({"n": 1}))

    async def call_async(state: State) -> Any:
        otel_context.attach(baggage.set_baggage("node", "x"))
        with tracer.start_as_current_span("outer"), tracer.start_as_current_span("inner"):
            if how == "invoke":
                await called.ainvoke({"n": 1})
            else:
                async for _ in called.astream({"n": 1}):
                    pass

    graph = (
        StateGraph(State)
        .add_node("call", call if colour == "threads" else call_async)
        .add_edge(START, "call")
    )
    options = {"stream_mode": ["tasks", "values"], "subgraphs": True}
    live = streamed(graph.compile(name="root"), colour, {"n": 1}, telemetry=kept.options, **options)
    assert [
        "invoke_workflow root",
        "  otgraph.superstep",
        "    invoke_node call",
        "      outer",
        "        inner",
        "          invoke_workflow called",
        "            otgraph.superstep",
        "              invoke_node deep",
        "                invoke_workflow deep",
        "                  otgraph.superstep",
        "                    invoke_node look",
    ] == kept.tree()
    assert ["x"] == seen
    exported = list(read_spans(kept.spans))
    own = [span for span in exported if names.SEQ in span["attributes"]]
    for spans in (exported, own):
        assert live == list(replay(spans, **options))


def test_a_span_of_another_trace_around_a_graph_inside() -> None:
    """A span that begins a trace of its own takes no run out of the trace of the run around it."""
    kept = Kept()
    tracer = kept.provider.get_tracer("library")
    called = (
        StateGraph(State)
        .add_node("c", lambda state: {"log": [1]})
        .add_edge(START, "c")
        .compile(name="called")
    )

    def call(state: State) -> None:
        with trace.use_span(tracer.start_span("elsewhere", context=Context()), end_on_exit=True):
            called.invoke(state)
        with trace.use_span(trace.INVALID_SPAN):
            called.invoke(state)

    StateGraph(State).add_node("call", call).add_edge(START, "call").compile().invoke(
        {}, telemetry=kept.options
    )
    task = kept.named("call")
    runs = [span for span in kept.spans if span.name == "invoke_workflow called"]
    assert [task.context.span_id] * 2 == [run.parent.span_id for run in runs]


def test_in_threads_of_the_users_own() -> None:
    """A thread that a node starts with a copy of its context is inside the task; one started without is not."""
    kept = Kept()
    tracer = kept.provider.get_tracer("library")

    def work(name: str) -> None:
        with tracer.start_as_current_span(name):
            pass

    def spread(state: State) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(copy_context().run, work, "copied").result()
        thread = threading.Thread(target=work, args=("bare",))
        thread.start()
        thread.join()

    graph = StateGraph(State).add_node("spread", spread).add_edge(START, "spread").compile()
    graph.invoke({}, telemetry=kept.options)
    assert "invoke_node spread" == parents(kept)["copied"]
    # From Python 3.14 on a build may hand the context to new threads; then this one is inside the task too.
    assert parents(kept)["bare"] in (None, "invoke_node spread")


def test_in_tasks_of_the_users_own() -> None:
    """An asyncio task that a node starts, or gathers, is inside the node's task."""
    kept = Kept()
    tracer = kept.provider.get_tracer("library")

    async def work(name: str) -> None:
        with tracer.start_as_current_span(name):
            await asyncio.sleep(0.001)

    async def spread(state: State) -> None:
        await asyncio.gather(work("one"), work("two"), asyncio.to_thread(lambda: asyncio.run(work("thread"))))

    graph = StateGraph(State).add_node("spread", spread).add_edge(START, "spread").compile()
    drive(graph, "asyncio", {}, telemetry=kept.options)
    assert dict.fromkeys(("one", "two", "thread"), "invoke_node spread") == parents(kept)


# ---- the stream of spans


@pytest.mark.parametrize("colour", COLOURS)
def test_foreign_spans_are_streamed(colour: str) -> None:
    """`stream_mode="spans"` shows foreign spans as they start and end, with their attributes and events."""
    kept = Kept()
    tracer = kept.provider.get_tracer("library")

    def fetch(state: State) -> None:
        with tracer.start_as_current_span("request", attributes={"url": "/x"}) as span:
            span.add_event("sent", {"bytes": 7})
            span.set_attribute("status", 200)

    async def fetch_async(state: State) -> None:
        fetch(state)

    node = fetch_async if colour == "asyncio" else fetch
    graph = StateGraph(State).add_node("fetch", node).add_edge(START, "fetch").compile()
    chunks = streamed(graph, driver_of(colour), {}, stream_mode="spans", telemetry=kept.options)
    shots = [chunk for chunk in chunks if chunk["name"] == "request"]
    task = kept.named("fetch")
    assert ["start", "event", "end"] == [shot["type"] for shot in shots]
    assert {f"{task.context.span_id:016x}"} == {shot["parent_id"] for shot in shots}
    assert ("library", {"url": "/x"}) == (shots[0]["scope"], shots[0]["attributes"])
    assert ("sent", {"bytes": 7}) == (shots[1]["event"], shots[1]["attributes"])
    assert {"url": "/x", "status": 200} == shots[2]["attributes"]
    order = [(chunk["name"], chunk["type"]) for chunk in chunks]
    assert order.index(("invoke_node fetch", "start")) < order.index(("request", "start"))
    assert order.index(("request", "end")) < order.index(("invoke_node fetch", "end"))


def test_a_run_sees_only_what_is_inside_it() -> None:
    """Two runs of one trace, side by side: each streams its own foreign spans, and none of the request's."""
    kept = Kept()
    tracer = kept.provider.get_tracer("library")

    async def fetch(state: State) -> None:
        await asyncio.sleep(0.001)
        with tracer.start_as_current_span(f"request {state['n']}"):
            await asyncio.sleep(0.002)

    graph = StateGraph(State).add_node("fetch", fetch).add_edge(START, "fetch").compile()

    async def stream(n: int) -> list[str]:
        chunks = graph.astream({"n": n}, stream_mode="spans", telemetry=kept.options)
        return [chunk["name"] async for chunk in chunks if chunk["type"] == "start"]

    async def main() -> list[list[str]]:
        with tracer.start_as_current_span("web request"):
            runs = asyncio.gather(stream(1), stream(2))
            with tracer.start_as_current_span("beside"):
                await asyncio.sleep(0.001)
            return await runs

    seen = asyncio.run(main())
    assert [["request 1"], ["request 2"]] == [
        [name for name in run if name.startswith("request")] for run in seen
    ]
    assert not [name for run in seen for name in run if name in ("web request", "beside")]
    assert 1 == len({span.context.trace_id for span in kept.spans})


def test_a_foreign_span_that_outlives_its_run() -> None:
    """A span that a node leaves open is exported when it ends, and by then disturbs nobody."""
    kept = Kept()
    tracer = kept.provider.get_tracer("library")
    left: list[Any] = []

    def leave(state: State) -> None:
        left.append(tracer.start_span("left open"))

    graph = StateGraph(State).add_node("leave", leave).add_edge(START, "leave").compile()
    list(graph.stream({}, stream_mode="spans", telemetry=kept.options))
    left[0].end()
    assert {"left open": "invoke_node leave"} == parents(kept)


def test_open_foreign_spans_are_bounded() -> None:
    """Spans that nobody ever ends are forgotten, the oldest first."""
    kept = Kept()
    tracer = kept.provider.get_tracer("library")

    def leak(state: State) -> None:
        for _ in range(MOST_OPEN + 100):
            tracer.start_span("leaked")

    graph = StateGraph(State).add_node("leak", leak).add_edge(START, "leak").compile()
    list(graph.stream({}, stream_mode=["spans"], telemetry=kept.options))
    assert len(foreign_processor._open) <= MOST_OPEN
    foreign_processor._open.clear()


# ---- around a run


@contextmanager
def attached(context: Context) -> Iterator[None]:
    token = otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.detach(token)


@pytest.mark.parametrize("colour", COLOURS)
def test_an_incoming_traceparent_is_continued(colour: str) -> None:
    """A run begun under a remote parent is in its trace, and what a node sends on names the task's span."""
    kept = Kept()
    sent: dict[str, str] = {}

    def forward(state: State) -> None:
        inject(sent)

    async def forward_async(state: State) -> None:
        inject(sent)

    node = forward_async if colour == "asyncio" else forward
    graph = StateGraph(State).add_node("forward", node).add_edge(START, "forward").compile()
    incoming = {
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate": "vendor=value",
        "baggage": "tenant=acme",
    }
    with attached(extract(incoming)):
        drive(graph, driver_of(colour), {}, telemetry=kept.options)
    root, task = kept.named("LangGraph"), kept.named("forward")
    assert 0xB7AD6B7169203331 == root.parent.span_id
    assert {0x0AF7651916CD43DD8448EB211C80319C} == {span.context.trace_id for span in kept.spans}
    assert sent["traceparent"].startswith(f"00-0af7651916cd43dd8448eb211c80319c-{task.context.span_id:016x}-")
    assert ("vendor=value", "tenant=acme") == (sent["tracestate"], sent["baggage"])
    assert "value" == task.context.trace_state["vendor"]


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("sampled", [0, 1])
def test_the_parents_decision_is_kept(colour: str, sampled: int) -> None:
    """Under a parent-based sampler an unsampled request exports nothing, of its own or of others, and says so."""
    kept = Kept(sampler=ParentBased(ALWAYS_ON))
    sent: dict[str, str] = {}
    tracer = kept.provider.get_tracer("library")

    def forward(state: State) -> None:
        with tracer.start_as_current_span("request"):
            inject(sent)

    async def forward_async(state: State) -> None:
        forward(state)

    node = forward_async if colour == "asyncio" else forward
    graph = StateGraph(State).add_node("forward", node).add_edge(START, "forward").compile()
    with attached(
        extract({"traceparent": f"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0{sampled}"})
    ):
        drive(graph, driver_of(colour), {}, telemetry=kept.options)
    assert (4 if sampled else 0) == len(kept.spans)
    assert sent["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert sampled == int(sent["traceparent"][-2:], 16) & 1


def test_unsampled_spans_are_told_to_libraries() -> None:
    """In a run that is not sampled, libraries see a valid current span that says so, and open none of their own."""
    kept = Kept(sampler=ParentBased(ALWAYS_OFF))
    seen: list[Any] = []

    def look(state: State) -> None:
        seen.append(trace.get_current_span().get_span_context())
        with kept.provider.get_tracer("library").start_as_current_span("request") as span:
            seen.append(span.is_recording())

    StateGraph(State).add_node("look", look).add_edge(START, "look").compile().invoke(
        {}, telemetry=kept.options
    )
    assert (True, False, False) == (seen[0].is_valid, seen[0].trace_flags.sampled, seen[1])


@pytest.mark.parametrize("colour", COLOURS)
def test_baggage_and_context_reach_nodes(colour: str) -> None:
    """What the caller has put into its OpenTelemetry context is there in every node; what a node puts is not."""
    kept = Kept()
    seen: list[Any] = []

    def look(state: State) -> None:
        seen.append((baggage.get_baggage("tenant"), baggage.get_baggage("node")))
        otel_context.attach(baggage.set_baggage("node", "x"))

    async def look_async(state: State) -> None:
        look(state)

    node = look_async if colour == "asyncio" else look
    graph = StateGraph(State).add_node("a", node).add_node("b", node).add_edge(START, "a").add_edge("a", "b")
    with attached(baggage.set_baggage("tenant", "acme")):
        drive(graph.compile(), driver_of(colour), {}, telemetry=kept.options)
        assert baggage.get_baggage("node") is None
    assert [("acme", None)] * 2 == seen


def test_otgraph_spans_are_not_foreign(caplog: pytest.LogCaptureFixture) -> None:
    """Each own span appears once in the stream of spans, although the provider tells the looking processor too."""
    kept = Kept()
    graph = StateGraph(State).add_node("a", lambda state: {"log": [1]}).add_edge(START, "a").compile()
    for _ in range(2):
        chunks = list(graph.stream({}, stream_mode="spans", telemetry=kept.options))
        started = [chunk["span_id"] for chunk in chunks if chunk["type"] == "start"]
        assert 3 == len(started) == len(set(started))
    assert names.SEQ in kept.spans[0].attributes
    assert not caplog.records


def conversations(colour: str, look: Callable[[], Any]) -> list[Any]:
    """Return what is found in a node, and in one of a graph inside, with a thread and without."""
    kept = Kept()
    seen: list[Any] = []

    def node(state: Any) -> Any:
        seen.append(look())

    inner = StateGraph(State).add_node("inner", node).add_edge(START, "inner").compile()
    graph = StateGraph(State).add_sequence([("n", node), ("graph", inner)]).add_edge(START, "n").compile()
    for config in ({"configurable": {"thread_id": 7}}, {}):
        if colour == "sync":
            graph.invoke({"n": 0}, config, telemetry=kept.options)
        else:
            asyncio.run(graph.ainvoke({"n": 0}, config, telemetry=kept.options))
    return seen


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_the_conversation_is_on_the_context(colour: str) -> None:
    """Code in nodes, in graphs inside them too, finds the thread's id on the OpenTelemetry context."""
    assert conversations(colour, conversation_id) == ["7", "7", None, None]
    assert conversation_id() is None


@pytest.mark.slow
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_instrumentations_find_the_conversation(colour: str) -> None:
    """The id is where OpenTelemetry's instrumentations of model clients look for it."""
    theirs = pytest.importorskip("opentelemetry.util.genai._conversation_context", reason="not installed")
    assert conversations(colour, theirs.get_ambient_conversation_id) == ["7", "7", None, None]
