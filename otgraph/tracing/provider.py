"""
Whose spans these are: what otgraph takes from the user's `TracerProvider`.

Rule: the provider is only read. It is looked up anew for each root run, so one that is set late is found, and
without one (or with a disabled one) the same spans exist, feed streams, and are exported nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from random import getrandbits
from typing import Any, ClassVar, Final, TypeAlias
from weakref import WeakKeyDictionary

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    StaticSampler,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

from otgraph.tracing import names
from otgraph.tracing.foreign import foreign_processor
from otgraph.tracing.guarded import GuardedSampler, guarded_ids
from otgraph.tracing.limits import SpanLimits
from otgraph.tracing.mirror import MirrorPipeline, tracer_of
from otgraph.tracing.place import Place
from otgraph.tracing.processor import processor
from otgraph.tracing.span import Span, SpanSource
from otgraph.version import __version__

__all__ = ["AnyPipeline", "Pipeline", "pipeline_for"]

SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
UNSAMPLED: Final = TraceFlags(TraceFlags.DEFAULT)
RANDOM: Final = 0x02
"""The flag for random trace ids (W3C Trace Context, level 2)."""
SAMPLED_RANDOM: Final = TraceFlags(SAMPLED | RANDOM)


class Pipeline:
    """
    Makes spans for one provider, or for none.

    Args:
        provider: an SDK provider that is not disabled, or None.
    """

    place_type: ClassVar[type[Place]] = Place
    """What the runs whose spans it makes have for a place."""

    __slots__ = (
        "_id_generator",
        "_inherits",
        "_keeps_roots",
        "_new_context",
        "_new_span_id",
        "_random",
        "_sampler",
        "_watched",
        "exports",
        "source",
    )

    def __init__(self, provider: Any = None) -> None:
        self.exports = provider is not None
        """Whether spans go anywhere but into streams, and so may be seen by other instrumentation."""
        self.source = SpanSource(
            resource=provider.resource if provider is not None else Resource.get_empty(),
            scope=InstrumentationScope(names.SCOPE, __version__),
            limits=SpanLimits.of(provider),
            processor=getattr(provider, "_active_span_processor", None),
            stream=processor,
        )
        self._id_generator = guarded_ids(getattr(provider, "id_generator", None))
        self._new_span_id = self._id_generator.generate_span_id
        self._new_context: Callable[[SpanContext], SpanContext] = self._context_below
        if type(self._id_generator) is RandomIdGenerator:
            self._new_span_id = _random_span_id
            if FAST_CONTEXTS:
                self._new_context = _random_context_below
        sampler: Sampler = getattr(provider, "sampler", None) or ALWAYS_ON
        self._sampler = GuardedSampler(sampler)
        self._inherits = _inherits(sampler)
        on = sampler._root if type(sampler) is ParentBased else sampler
        self._keeps_roots = on is ALWAYS_ON
        """Whether every span without a parent is sampled, so that nobody need be asked."""
        says_random = getattr(self._id_generator, "is_trace_id_random", None)
        self._random = says_random is not None and bool(says_random())
        """Whether the trace ids it makes are random, as far as the installed SDK asks."""
        self._watched = False

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
        if not parent.is_valid:
            trace_id = self._id_generator.generate_trace_id()
            if not self._keeps_roots:
                return self._sampled(name, context, attributes, links, (trace_id, None), kind)
            own = SpanContext(
                trace_id, self._new_span_id(), False, SAMPLED_RANDOM if self._random else SAMPLED
            )
            span = Span(self.source, name, own, None, attributes, links, kind)
            span.exported = self.exports
            return span
        return self._sampled(name, context, attributes, links, (parent.trace_id, parent), kind)

    def child(
        self,
        name: str,
        parent: Span,
        context: Context,
        attributes: dict[str, Any],
        links: Any = (),
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Span:
        """Make a span under one of otgraph's own; `context` is what a sampler that looks for itself is shown."""
        above = parent._context
        if not self._inherits:
            context = trace.set_span_in_context(parent, context)
            return self._sampled(name, context, attributes, links, (above.trace_id, above), kind)
        span = Span(self.source, name, self._new_context(above), above, attributes, links, kind)
        span.exported = parent.exported
        return span

    def _context_below(self, above: SpanContext) -> SpanContext:
        return SpanContext(above.trace_id, self._new_span_id(), False, above.trace_flags, above.trace_state)

    def _sampled(
        self,
        name: str,
        context: Context,
        attributes: dict[str, Any],
        links: Any,
        lineage: tuple[int, SpanContext | None],
        kind: SpanKind,
    ) -> Span:
        trace_id, parent = lineage
        result = self._sampler.should_sample(
            context, trace_id, name, kind, attributes, [trace.Link(*link) for link in links]
        )
        flags = SAMPLED if result.decision is Decision.RECORD_AND_SAMPLE else UNSAMPLED
        if self._random if parent is None else parent.trace_flags & RANDOM:
            flags = TraceFlags(flags | RANDOM)
        own = SpanContext(trace_id, self._new_span_id(), False, flags, result.trace_state)
        added = result.attributes
        if added:
            attributes = {**attributes, **added}
        span = Span(self.source, name, own, parent, attributes, links, kind)
        span.exported = self.exports and result.decision is not Decision.DROP
        return span

    def watch_foreign(self) -> None:
        """Hear of the spans that others make with the same provider, from now on."""
        if self.exports and not self._watched:
            self._watched = True
            self.source.processor.add_span_processor(foreign_processor)


def _random_span_id() -> int:
    # What `RandomIdGenerator` does, without the detour; zero is the one invalid id.
    return getrandbits(64) or 1


def _random_context_below(above: SpanContext) -> SpanContext:
    # What the constructor makes of a valid parent and id, without asking again whether they are valid.
    return tuple.__new__(SpanContext, (above[0], getrandbits(64) or 1, False, above[3], above[4], True))


_EXAMPLE = SpanContext(1, 2, True, SAMPLED, None)

_made = _random_context_below(_EXAMPLE)
FAST_CONTEXTS: Final = tuple(_made) == tuple(SpanContext(1, _made[1], False, SAMPLED, _EXAMPLE.trace_state))
"""Whether the installed release stores in a context what the shortcut puts there."""


def _inherits(sampler: Sampler) -> bool:
    """Say whether a span's decision always equals that of its local parent, so that it need not be asked for."""
    if isinstance(sampler, StaticSampler):
        return True
    if type(sampler) is not ParentBased:
        return False
    on, off = sampler._local_parent_sampled, sampler._local_parent_not_sampled
    return on is ALWAYS_ON and off is ALWAYS_OFF


AnyPipeline: TypeAlias = Pipeline | MirrorPipeline

_none: Pipeline | None = None
_pipelines: WeakKeyDictionary[TracerProvider, Pipeline] = WeakKeyDictionary()


def pipeline_for(provider: Any = None) -> AnyPipeline:
    """
    Return the pipeline of `provider`, or of the global provider as it is now.

    A no-op, the proxy of a provider that was not set yet, and the SDK's where `OTEL_SDK_DISABLED` is true count as
    none.
    """
    global _none  # noqa: PLW0603 (the pipeline to nowhere is made once)
    if provider is None:
        provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        pipeline = _pipelines.get(provider)
        if pipeline is not None:
            # It is another one in a forked process.
            pipeline.source.resource = provider.resource
            return pipeline
        if not getattr(provider, "_disabled", False):
            pipeline = _pipelines[provider] = Pipeline(provider)
            return pipeline
    else:
        tracer = tracer_of(provider)
        if tracer is not None:
            return MirrorPipeline(tracer)
    if _none is None:
        _none = Pipeline()
    return _none
