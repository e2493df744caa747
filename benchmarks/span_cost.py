"""
What a span costs: otgraph's against the SDK's, with the same attributes and the same processors.

Run it with `python -m benchmarks.span_cost`; it takes about ten seconds and prints nanoseconds per operation, the
best of several rounds.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, Tracer, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, TraceFlags

from otgraph.tracing.limits import SpanLimits
from otgraph.tracing.span import Span, SpanSource

ROUNDS, TIMES = 7, 3000
FIVE, TWO = dict.fromkeys("abcde", 1), {"a": "x", "b": 1}
SAMPLED = TraceFlags(1)

Start = Callable[[dict[str, Any]], Any]
"""Makes and starts a span with these attributes."""


class Discard(SpanExporter):
    """Takes spans and forgets them."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


class Silent:
    """A stream that nobody reads."""

    def on_start(self, span: Span) -> None: ...

    def on_event(self, span: Span, name: str, time_ns: int, attributes: Any, fact: Any) -> None: ...

    def on_end(self, span: Span) -> None: ...


def six() -> dict[str, Any]:
    """Return what a task span starts with."""
    return {
        "gen_ai.operation.name": "invoke_node",
        "otgraph.node": "n",
        "otgraph.step": 3,
        "otgraph.task.id": "0123456789abcdef",
        "otgraph.attempt": 1,
        "otgraph.cached": False,
    }


def makers(*processors: SpanProcessor) -> tuple[Start, Start]:
    """Return how a span is started by the SDK, and by otgraph for the same provider."""
    provider = TracerProvider(shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    tracer = provider.get_tracer("otgraph")
    assert isinstance(tracer, Tracer)
    source = SpanSource(
        provider.resource,
        tracer._instrumentation_scope,
        SpanLimits.of(provider),
        provider._active_span_processor if processors else None,
        Silent(),
    )
    generate = provider.id_generator.generate_span_id

    def sdk(attributes: dict[str, Any]) -> Any:
        return tracer.start_span("invoke_node n", attributes=attributes)

    def lean(attributes: dict[str, Any]) -> Span:
        span = Span(source, "invoke_node n", SpanContext(1, generate(), False, SAMPLED), None, attributes)
        span.start(None)
        return span

    return sdk, lean


def tell(span: Any, name: str, attributes: dict[str, Any]) -> None:
    """Add an event as an engine would: ours has its own way."""
    if type(span) is Span:
        span.emit(name, attributes, None, reserved=True)
    else:
        span.add_event(name, attributes)


def on_new(start: Start, act: Callable[[Any], object]) -> Callable[[int], float]:
    """Time `act` alone, each time on a new span."""

    def round_(times: int) -> float:
        spans = [start(six()) for _ in range(times)]
        begin = time.perf_counter()
        for span in spans:
            act(span)
        return time.perf_counter() - begin

    return round_


def whole(start: Start, act: Callable[[Any], object]) -> Callable[[int], float]:
    """Time a span's whole life, with `act` in it."""

    def round_(times: int) -> float:
        begin = time.perf_counter()
        for _ in range(times):
            span = start(six())
            act(span)
            span.end()
        return time.perf_counter() - begin

    return round_


def best(round_: Callable[[int], float]) -> float:
    """Return nanoseconds per time, of the best round."""
    round_(TIMES // 10)
    return min(round_(TIMES) for _ in range(ROUNDS)) / TIMES * 1e9


def export(span: Any) -> None:
    """End a span and encode it for OTLP."""
    span.end()
    encode_spans([span])


def memory(start: Start) -> float:
    """Return the bytes that one live span with one event holds."""
    tracemalloc.start()
    spans = []
    for _ in range(1000):
        spans.append(start(six()))
        tell(spans[-1], "otgraph.commit", {"otgraph.writes": 2})
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / len(spans)


def rows() -> Iterator[tuple[str, float, float]]:
    """Yield what is done, and what it costs with the SDK's span and with ours."""

    def event(span: Any) -> None:
        tell(span, "otgraph.commit", {"otgraph.writes": 2})

    def both(
        timed: Callable[[Start, Callable[[Any], object]], Callable[[int], float]],
        act: Callable[[Any], object],
        pair: tuple[Start, Start],
    ) -> tuple[float, float]:
        return best(timed(pair[0], act)), best(timed(pair[1], act))

    error = ValueError("bad")
    bare, queue = makers(), BatchSpanProcessor(Discard(), max_queue_size=100_000)
    batch = makers(queue)
    yield "start, end", *both(whole, lambda span: None, bare)
    yield "start, one event of the engine, end", *both(whole, event, bare)
    yield "the same, batch processor", *both(whole, event, batch)
    yield "set_attribute, the first", *both(on_new, lambda span: span.set_attribute("k", 1), bare)
    yield "set_attribute of a list", *both(on_new, lambda span: span.set_attribute("k", ["a", "b"]), bare)
    yield "set_attributes, five", *both(on_new, lambda span: span.set_attributes(FIVE), bare)
    yield "add_event, two attributes", *both(on_new, lambda span: span.add_event("e", TWO), bare)
    yield "record_exception", *both(on_new, lambda span: span.record_exception(error), bare)
    yield "end, then encode for OTLP", *both(on_new, export, bare)
    yield "bytes of a live span", memory(bare[0]), memory(bare[1])
    queue.shutdown()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    print(f"{'':38}{'SDK':>9}{'otgraph':>9}{'ratio':>8}")
    for name, theirs, ours in rows():
        print(f"{name:38}{theirs:9.0f}{ours:9.0f}{ours / theirs:8.2f}")
