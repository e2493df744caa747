"""
What all spans of one provider share: whose they are, how much they keep, and who hears of them.

Rule: the stream hears first and its faults reach the caller; a fault of a processor is swallowed and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, SynchronousMultiSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otgraph.tracing.faults import faults
from otgraph.tracing.limits import SpanLimits

if TYPE_CHECKING:
    from otgraph.tracing.span import Span

__all__ = ["SpanSource", "SpanStream"]

TELLS_ENDING: Final = hasattr(SpanProcessor, "_on_ending")
"""Whether the installed SDK knows the hook; its spans of earlier releases never call it."""


class SpanStream(Protocol):
    """Who hears of every span at once; what it raises reaches the caller."""

    def on_start(self, span: Span) -> None: ...

    def on_event(
        self, span: Span, name: str, time_ns: int, attributes: Mapping[str, Any] | None, fact: Any
    ) -> Mapping[str, Any] | int | None:
        """Hear of an event; what is returned is stored with it: its place in the record, or further attributes."""

    def on_live(self, span: Span, time_ns: int, fact: Any) -> None:
        """Hear of an event that is not kept on the span."""

    def on_end(self, span: Span) -> None:
        """Hear of the end, while `span.annotate` still works and `span.fact` is still there."""


class SpanSource:
    """What all spans of one provider share."""

    __slots__ = (
        "_endings",
        "_ends",
        "_known",
        "_queues",
        "_starts",
        "events",
        "limits",
        "lives",
        "on_fault",
        "processor",
        "resource",
        "scope",
        "scope_name",
        "stream",
    )

    def __init__(
        self,
        resource: Resource,
        scope: InstrumentationScope,
        limits: SpanLimits,
        processor: Any,
        stream: SpanStream,
        on_fault: Callable[[Exception, str], None] = faults.count,
    ) -> None:
        self.resource = resource
        self.scope = scope
        self.scope_name = scope.name
        self.limits = limits
        self.processor = processor
        """The provider's span processor, or None if nothing is exported."""
        self.stream = stream
        self.on_fault = on_fault
        self._known: tuple[Any, ...] = ()
        self._starts: tuple[Any, ...] = ()
        self._endings: tuple[Any, ...] = ()
        self._ends: tuple[Any, ...] = ()
        self._queues: tuple[Any, ...] = ()
        self.events: tuple[Any, ...] = ()
        """The hooks `on_span_event` of processors that have one, which is not of the SDK's."""
        self.lives: tuple[Any, ...] = ()
        """The hooks `on_live_event`: of those that want tokens, which spans do not keep."""

    def tell_start(self, span: Span, parent_context: Context | None) -> None:
        """Call `on_start` of each processor; one that fails does not keep the span from the next."""
        processor = self.processor
        processors = (
            processor._span_processors
            if type(processor) is SynchronousMultiSpanProcessor
            else self._processors(processor)
        )
        if processors is not self._known:
            self._learn(processors)
        for processor in self._starts:
            try:
                processor.on_start(span, parent_context=parent_context)
            except Exception as error:
                self.on_fault(error, "span processor on_start")

    def tell_event(self, span: Span, name: str, time_ns: int, attributes: Mapping[str, Any]) -> None:
        """Call `on_span_event` of each processor that has it, with an event that was just added to a span."""
        for hook in self.events:
            try:
                hook(span, name, time_ns, attributes)
            except Exception as error:
                self.on_fault(error, "span processor on_span_event")

    def tell_live(self, span: Span, name: str, time_ns: int, attributes: Mapping[str, Any]) -> None:
        """Call `on_live_event` of each processor that has it."""
        for hook in self.lives:
            try:
                hook(span, name, time_ns, attributes)
            except Exception as error:
                self.on_fault(error, "span processor on_live_event")

    def tell_end(self, span: Span) -> None:
        """Call `_on_ending` of each processor, if the SDK does, then `on_end` of each."""
        processor = self.processor
        processors = (
            processor._span_processors
            if type(processor) is SynchronousMultiSpanProcessor
            else self._processors(processor)
        )
        if processors is not self._known:
            self._learn(processors)
        for ending in self._endings:
            try:
                ending(span)
            except Exception as error:
                self.on_fault(error, "span processor _on_ending")
        for end in self._queues if span._context.trace_flags & 1 else self._ends:
            try:
                end(span)
            except Exception as error:
                self.on_fault(error, "span processor on_end")

    def _processors(self, processor: Any) -> tuple[Any, ...]:
        """Return what stands in for the SDK's collection of processors, which is looked into where it is used."""
        if processor is None:
            return ()
        known = self._known
        return known if len(known) == 1 and known[0] is processor else (processor,)

    def _learn(self, processors: tuple[Any, ...]) -> None:
        """Look once at which processors do something at a start or before an end: most do not."""
        own = [item for item in processors if not getattr(item, "only_foreign", False)]
        self._starts = tuple(item for item in own if _does(item, "on_start"))
        self._endings = tuple(item._on_ending for item in own if TELLS_ENDING and _does(item, "_on_ending"))
        self._ends = tuple(partial(_end_late, item) for item in own)
        self._queues = tuple(_queue_of(item) or end for item, end in zip(own, self._ends, strict=True))
        self.events = tuple(item.on_span_event for item in own if _does(item, "on_span_event"))
        self.lives = tuple(item.on_live_event for item in own if _does(item, "on_live_event"))
        self._known = processors


@lru_cache(maxsize=1)
def _empty() -> frozenset[Any]:
    """Return the hooks of the SDK's own processors that do nothing."""
    # Imported when there is a processor: whoever has none need not wait for the SDK's exporters.
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

    return frozenset(
        getattr(kind, hook)
        for kind in (SpanProcessor, SimpleSpanProcessor, BatchSpanProcessor)
        for hook in ("on_start", "_on_ending")
        if hasattr(kind, hook)
    )


def _end_late(processor: Any, span: Span) -> None:
    # What `on_end` is then: it may be replaced.
    processor.on_end(span)


@lru_cache(maxsize=1)
def _only_queues() -> Any:
    """Return `on_end` of the SDK's batch processor, where it does no more than to queue a span that is sampled."""
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    end = BatchSpanProcessor.on_end
    names = ("context", "trace_flags", "sampled", "_batch_processor", "emit")
    return end if end.__code__.co_names == names else None


def _queue_of(processor: Any) -> Callable[[Span], None] | None:
    """Return what puts a sampled span into the queue of the SDK's batch processor; None for other processors."""
    end = getattr(type(processor), "on_end", None)
    if end is None or end is not _only_queues() or "on_end" in vars(processor):
        return None
    queue: Callable[[Span], None] = processor._batch_processor.emit
    return queue


def _does(processor: Any, hook: str) -> bool:
    """Say whether a processor has a hook of its own, and not just an empty one."""
    own = getattr(type(processor), hook, None)
    return hasattr(processor, hook) if own is None else own not in _empty()
