"""Providers that are known by their API only: what otgraph records is shown through them."""

from __future__ import annotations

import asyncio
import itertools
import operator
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.propagate import inject
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from typing_extensions import TypedDict

from otgraph.config import get_stream_writer
from otgraph.graph import START, StateGraph
from otgraph.messages import model_call
from otgraph.telemetry import TelemetryOptions
from otgraph.tracing import names
from otgraph.tracing.provider import pipeline_for
from otgraph.types import interrupt

from .kept import drive, streamed

COLOURS = ["threads", "asyncio"]


class OwnSpan(trace.Span):
    """A span of nobody's SDK."""

    def __init__(self, provider: OwnProvider, name: str, parent: Any, **given: Any) -> None:
        number = next(provider.numbers)
        trace_id = parent.get_span_context().trace_id if parent is not None else 1000 + number
        self.provider, self.name, self.parent = provider, name, parent
        self.context = SpanContext(trace_id, number, False, TraceFlags(TraceFlags.SAMPLED))
        self.attributes: dict[str, Any] = dict(given.get("attributes") or {})
        self.kind = given.get("kind")
        self.links: Sequence[Link] = given.get("links") or ()
        self.start_time, self.end_time = given.get("start_time"), None
        self.events: list[tuple[str, Any, Any]] = []
        self.status: Any = StatusCode.UNSET

    def end(self, end_time: int | None = None) -> None:
        assert self.end_time is None
        self.end_time = end_time or -1
        self.provider.ended.append(self)

    def get_span_context(self) -> SpanContext:
        return self.context

    def is_recording(self) -> bool:
        return self.end_time is None

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        self.attributes.update(attributes)

    def set_attribute(self, key: str, value: Any) -> None:
        self.attributes[key] = value

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        self.events.append((name, dict(attributes or {}), timestamp))

    def update_name(self, name: str) -> None:
        self.name = name

    def set_status(self, status: Any, description: str | None = None) -> None:
        self.status = status.status_code if isinstance(status, Status) else status

    def record_exception(self, exception: BaseException, *args: Any, **kwargs: Any) -> None:
        self.add_event("exception", {"exception.message": str(exception)})


class OwnTracer(trace.Tracer):
    """Makes them: a parent counts only if it is one of its own."""

    def __init__(self, provider: OwnProvider) -> None:
        self.provider = provider

    def start_span(
        self, name: str, context: Any = None, kind: Any = SpanKind.INTERNAL, *args: Any, **given: Any
    ) -> Any:
        if self.provider.broken:
            raise RuntimeError("no spans today")
        current = trace.get_current_span(context)
        return OwnSpan(
            self.provider, name, current if isinstance(current, OwnSpan) else None, kind=kind, **given
        )

    @contextmanager
    def start_as_current_span(self, name: str, *args: Any, **given: Any) -> Iterator[Any]:
        span = self.start_span(name)
        with trace.use_span(span, end_on_exit=True):
            yield span


class OwnProvider(trace.TracerProvider):
    """A provider that shares nothing with the SDK; it cannot even be referred to weakly."""

    __slots__ = ("broken", "ended", "numbers", "scopes")

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.ended: list[OwnSpan] = []
        self.scopes: list[str] = []
        self.broken = False

    def get_tracer(self, name: str, *args: Any, **kwargs: Any) -> OwnTracer:
        self.scopes.append(name)
        return OwnTracer(self)

    def tree(self) -> list[str]:
        lines = []
        for span in sorted(self.ended, key=lambda span: span.context.span_id):
            depth, above = 0, span.parent
            while above is not None:
                depth, above = depth + 1, above.parent
            lines.append("  " * depth + span.name)
        return lines

    def named(self, name: str) -> OwnSpan:
        (found,) = [span for span in self.ended if span.name.split()[-1] == name]
        return found


class State(TypedDict, total=False):
    n: int
    log: Annotated[list[Any], operator.add]


def node(colour: str, function: Any) -> Any:
    if colour == "threads":
        return function

    async def body(state: Any) -> Any:
        await asyncio.sleep(0)
        return function(state)

    return body


def chain(colour: str, *nodes: Any, **options: Any) -> Any:
    graph = StateGraph(State)
    before = START
    for number, function in enumerate(nodes):
        name = "abcdefgh"[number]
        graph.add_node(name, function if hasattr(function, "invoke") else node(colour, function))
        graph.add_edge(before, name)
        before = name
    return graph.compile(**options)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("mode", [None, "custom"])
def test_the_tree_is_mirrored(colour: str, mode: Any) -> None:
    """Every span of a run is started and ended through the provider's tracer, below the right parent."""
    provider = OwnProvider()
    tracer = provider.get_tracer("library")

    def call(state: State) -> Any:
        with tracer.start_as_current_span("request"):
            get_stream_writer()("item")
            return {"log": [1]}

    inner = chain(colour, call, name="inner")
    graph = chain(colour, call, inner, name="outer")
    options = TelemetryOptions(provider=provider)
    if mode is None:
        drive(graph, colour, {"n": 1}, telemetry=options)
    else:
        assert ["item"] == list(streamed(graph, colour, {"n": 1}, stream_mode=mode, telemetry=options))
    assert [
        "invoke_workflow outer",
        "  otgraph.superstep",
        "    invoke_node a",
        "      request",
        "  otgraph.superstep",
        "    invoke_node b",
        "      invoke_workflow inner",
        "        otgraph.superstep",
        "          invoke_node a",
        "            request",
    ] == provider.tree()
    assert "otgraph" in provider.scopes


@pytest.mark.parametrize("colour", COLOURS)
def test_everything_is_copied(colour: str) -> None:
    """Attributes, events with their times, links, times and status arrive; those that user code sets are kept."""
    provider = OwnProvider()
    carrier: dict[str, str] = {}

    def look(state: State) -> Any:
        span = trace.get_current_span()
        span.set_attribute("mine", 1)
        span.add_event("looked")
        get_stream_writer()("item")
        inject(carrier)
        return {"log": [1]}

    def fail(state: State) -> Any:
        raise ValueError("no")

    graph = chain(colour, look, fail)
    chunks: list[Any] = []
    with pytest.raises(ValueError, match="no"):
        chunks.extend(
            streamed(
                graph, colour, {"n": 1}, stream_mode="updates", telemetry=TelemetryOptions(provider=provider)
            )
        )
    first, second, root = provider.named("a"), provider.named("b"), provider.named("LangGraph")
    assert (1, "a", "success") == tuple(first.attributes[key] for key in ("mine", names.NODE, names.OUTCOME))
    assert {"looked", "otgraph.custom", "otgraph.task.committed"} == {name for name, _, _ in first.events}
    assert all(time is None or first.start_time <= time <= first.end_time for _, _, time in first.events)
    assert f"{first.context.trace_id:032x}-{first.context.span_id:016x}" in carrier["traceparent"]
    assert [first.context] == [link.context for link in second.links]
    assert (StatusCode.ERROR, StatusCode.UNSET) == (second.status, first.status)
    (exception,) = [attributes for name, attributes, _ in second.events if name == "exception"]
    assert ("ValueError", "no") == (exception["exception.type"], exception["exception.message"])
    assert (StatusCode.ERROR, "ValueError") == (root.status, root.attributes[names.ERROR_TYPE])


@pytest.mark.parametrize("colour", COLOURS)
def test_ids_are_the_mirrors(colour: str) -> None:
    """The stream of spans shows the ids that the provider has given."""
    provider = OwnProvider()
    graph = chain(colour, lambda state: {"log": [interrupt("?")]})
    shots = streamed(
        graph, colour, {"n": 1}, stream_mode="spans", telemetry=TelemetryOptions(provider=provider)
    )
    exported = {f"{span.context.span_id:016x}": f"{span.context.trace_id:032x}" for span in provider.ended}
    assert exported == {shot["span_id"]: shot["trace_id"] for shot in shots}
    assert {"interrupted"} == {span.attributes[names.OUTCOME] for span in provider.ended}


def test_a_run_below_a_span_of_the_provider() -> None:
    """A run that is begun inside one of the provider's spans is below it."""
    provider = OwnProvider()
    graph = chain("threads", lambda state: {"log": [1]})
    with provider.get_tracer("app").start_as_current_span("request"):
        graph.invoke({"n": 1}, telemetry=TelemetryOptions(provider=provider))
    assert ["request", "  invoke_workflow LangGraph"] == provider.tree()[:2]


@pytest.mark.parametrize("colour", COLOURS)
def test_a_tracer_that_fails(colour: str) -> None:
    """A provider whose tracer raises changes nothing for the run, whose stream has spans with ids all the same."""
    provider = OwnProvider()
    provider.broken = True
    graph = chain(colour, lambda state: {"log": [1]})
    chunks = streamed(
        graph,
        colour,
        {"n": 1},
        stream_mode=["values", "spans"],
        telemetry=TelemetryOptions(provider=provider),
    )
    assert {"n": 1, "log": [1]} == [payload for mode, payload in chunks if mode == "values"][-1]
    shots = [payload for mode, payload in chunks if mode == "spans"]
    assert 3 == len({shot["span_id"] for shot in shots})
    assert 1 == len({shot["trace_id"] for shot in shots})


class Sampling(OwnProvider):
    """A provider that samples nothing, and says so with a span that is no span."""

    def get_tracer(self, name: str, *args: Any, **kwargs: Any) -> Any:
        class Tracer(OwnTracer):
            def start_span(self, *args: Any, **kwargs: Any) -> Any:
                return trace.INVALID_SPAN

        return Tracer(self)


def test_spans_that_are_none() -> None:
    """Where the provider gives an invalid span, the caller's span stays current in nodes."""
    seen: list[Any] = []
    request = NonRecordingSpan(SpanContext(5, 6, True, TraceFlags(1)))
    token = otel_context.attach(trace.set_span_in_context(request))
    try:
        graph = chain("threads", lambda state: seen.append(trace.get_current_span()))
        graph.invoke({"n": 1}, telemetry=TelemetryOptions(provider=Sampling()))
    finally:
        otel_context.detach(token)
    assert [request] == seen


def test_the_global_provider_may_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without options the global provider counts, whatever it is, at the time when the run starts."""
    provider = OwnProvider()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    chain("threads", lambda state: {"log": [1]}).invoke({"n": 1})
    assert 3 == len(provider.ended)
    assert pipeline_for().exports


class Useless(OwnProvider):
    """A provider that has no tracer."""

    def get_tracer(self, name: str, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("no tracer")


@pytest.mark.parametrize("provider", [Useless(), trace.NoOpTracerProvider()], ids=["raising", "no-op"])
def test_a_provider_without_a_tracer_counts_as_none(provider: Any) -> None:
    """A provider that gives no tracer, or one that does nothing, is as good as none."""
    assert not pipeline_for(provider).exports
    graph = chain("threads", lambda state: {"log": [1]})
    assert [{"a": {"log": [1]}}] == list(
        graph.stream({"n": 1}, telemetry=TelemetryOptions(provider=provider))
    )


@pytest.mark.parametrize("colour", COLOURS)
def test_a_call_of_a_model_is_of_kind_client(colour: str) -> None:
    """The provider is told that another service does the work, and what it took."""

    def n(state: State) -> None:
        with model_call("m", provider="p") as call:
            call.response({"usage": {"prompt_tokens": 3, "completion_tokens": 1}})

    provider = OwnProvider()
    builder: Any = StateGraph(State)
    graph = builder.add_node("n", n).add_edge(START, "n").compile()
    drive(graph, colour, {}, telemetry=TelemetryOptions(provider=provider))
    call = provider.named("m")
    assert ("chat m", SpanKind.CLIENT, 3) == (
        call.name,
        call.kind,
        call.attributes["gen_ai.usage.input_tokens"],
    )
    assert SpanKind.INTERNAL is provider.named("n").kind
