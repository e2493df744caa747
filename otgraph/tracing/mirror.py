"""
Providers that are not the SDK's and export all the same (Logfire's, ddtrace's): their spans mirror otgraph's.

Rule: such a provider is spoken to through the OpenTelemetry API and nothing else. Its span is the one with ids, the
one that is current in nodes, and the one that is exported; otgraph's own span feeds streams and is copied onto it
when it ends.
"""

from __future__ import annotations

from functools import lru_cache
from time import time_ns
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, Tracer

from otgraph.tracing import names
from otgraph.tracing.faults import faults
from otgraph.tracing.limits import SpanLimits
from otgraph.tracing.place import Place
from otgraph.tracing.processor import processor
from otgraph.tracing.span import Span, SpanSource
from otgraph.version import __version__

__all__ = ["MirrorPipeline", "tracer_of"]

ids = RandomIdGenerator()


class MirroredSpan(Span):
    """A span of otgraph's, and the one that shows it elsewhere."""

    mirror: trace.Span = trace.INVALID_SPAN


class MirrorPlace(Place):
    """A place in which the mirror is the current span."""

    def enter(self, span: Any) -> None:
        """Make the mirror of `span` current in the context variables of the caller, for good."""
        mirror: trace.Span = span.mirror
        valid = mirror.get_span_context().is_valid
        otel_context.attach(trace.set_span_in_context(mirror, self.context) if valid else self.context)


class MirrorProcessor(SpanProcessor):
    """Copies what a span has become onto its mirror, and ends that."""

    def on_end(self, span: ReadableSpan) -> None:
        """Set what has been added since the start; what fails is counted by the caller, and the mirror still ends."""
        mirror: trace.Span = span.mirror  # type: ignore[attr-defined]
        try:
            mirror.set_attributes(dict(span.attributes or {}))
            for event in span.events:
                mirror.add_event(event.name, event.attributes, event.timestamp)
            if span.status.status_code is not StatusCode.UNSET:
                mirror.set_status(span.status)
        finally:
            mirror.end(span.end_time)


class MirrorPipeline:
    """
    Makes spans for a provider that is known by its API only; the methods are those of `Pipeline`.

    Args:
        tracer: the provider's, for the scope `otgraph`.
    """

    exports = True
    place_type = MirrorPlace

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self.source = _source()

    def root(
        self,
        name: str,
        context: Context,
        attributes: dict[str, Any],
        links: Any = (),
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Span:
        """Make a span whose parent is the current span of `context`, if there is one."""
        parent = trace.get_current_span(context).get_span_context()
        return self._mirrored(name, context, attributes, links, parent if parent.is_valid else None, kind)

    def child(
        self,
        name: str,
        parent: Any,
        context: Context,
        attributes: dict[str, Any],
        links: Any = (),
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Span:
        """Make a span under one of otgraph's own."""
        context = trace.set_span_in_context(parent.mirror, context)
        return self._mirrored(name, context, attributes, links, parent._context, kind)

    def _mirrored(
        self,
        name: str,
        context: Context,
        attributes: dict[str, Any],
        links: Any,
        parent: SpanContext | None,
        kind: SpanKind,
    ) -> Span:
        now = time_ns()
        mirror: trace.Span = trace.INVALID_SPAN
        own = mirror.get_span_context()
        try:
            mirror = self._tracer.start_span(
                name,
                context=context,
                kind=kind,
                attributes=dict(attributes),
                links=[Link(*link) for link in links],
                start_time=now,
                record_exception=False,
                set_status_on_exception=False,
            )
            own = mirror.get_span_context()
        except Exception as error:
            faults.count(error, "tracer start_span")
        if not own.is_valid:
            trace_id = ids.generate_trace_id() if parent is None else parent.trace_id
            own = SpanContext(trace_id, ids.generate_span_id(), False)
        span = MirroredSpan(self.source, name, own, parent, attributes, links, kind, start_time=now)
        span.mirror = mirror
        span.exported = True
        return span

    def watch_foreign(self) -> None:
        """There is no way to hear of spans that others make with this provider."""


@lru_cache(1)
def _source() -> SpanSource:
    """Return what all mirrored spans of this process share: nothing of it is the provider's."""
    return SpanSource(
        resource=Resource.get_empty(),
        scope=InstrumentationScope(names.SCOPE, __version__),
        limits=SpanLimits.of(),
        processor=MirrorProcessor(),
        stream=processor,
    )


def tracer_of(provider: Any) -> Tracer | None:
    """Return the tracer through which `provider` is spoken to; None if it exports nothing."""
    if isinstance(provider, (trace.ProxyTracerProvider, trace.NoOpTracerProvider)):
        return None
    try:
        tracer: Tracer = provider.get_tracer(names.SCOPE, __version__)
    except Exception as error:
        faults.count(error, "provider get_tracer")
        return None
    return None if isinstance(tracer, trace.NoOpTracer) else tracer
