"""
Foreign spans: those that model clients, HTTP libraries and user code open inside nodes with the same provider.

Rule: a foreign span belongs to the run found in its parent context, never to whoever shares its trace id.
"""

from __future__ import annotations

from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from otgraph.events import SpanNoted
from otgraph.tracing.place import PLACE, Place
from otgraph.tracing.shots import Sight, end_shot, event_shot, start_shot
from otgraph.tracing.span import Span

__all__ = ["ForeignProcessor", "foreign_processor"]

MOST_OPEN = 10_000
"""How many foreign spans may be open at once before the oldest are forgotten."""


class ForeignProcessor(SpanProcessor):
    """Registered with a user's provider when somebody first watches spans there; appends and returns."""

    only_foreign = True
    """Spans of otgraph's own need not be shown to it."""

    def __init__(self) -> None:
        self._open: dict[int, Place] = {}

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        """Tell the run's record that a span started inside it."""
        if type(span) is Span:
            return
        place = otel_context.get_value(PLACE, parent_context)
        if not isinstance(place, Place) or not place.record.spans or place.record.closed:
            return
        open_spans = self._open
        if len(open_spans) >= MOST_OPEN:
            open_spans.pop(next(iter(open_spans)), None)
        open_spans[span.context.span_id] = place
        fact = SpanNoted(place.run)
        fact.time_ns = span.start_time
        fact.shot = start_shot(Sight(span), span.start_time)
        place.record.note(fact)

    def on_end(self, span: ReadableSpan) -> None:
        """Tell of the span's events, which the SDK tells nobody before, and of its end."""
        context = span.context
        place = None if context is None or type(span) is Span else self._open.pop(context.span_id, None)
        if place is None or place.record.closed:
            return
        sight = Sight(span)
        for event in span.events:
            fact = SpanNoted(place.run)
            fact.time_ns = event.timestamp
            fact.shot = event_shot(sight, event.name, event.timestamp, event.attributes)
            place.record.note(fact)
        fact = SpanNoted(place.run)
        fact.time_ns = span.end_time or 0
        fact.shot = end_shot(sight, span.end_time)
        place.record.note(fact)

    def shutdown(self) -> None:
        """One provider is over; spans of others are open still, and how many there may be is bounded."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing is held back."""
        return True


foreign_processor: Final = ForeignProcessor()
"""The one processor of this process; a provider hears of it once."""
