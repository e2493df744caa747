"""
RecordProcessor: the span processor through which everything that a stream shows has come.

Rule: it appends to the record and returns. It never blocks, does no I/O, and what it raises is a fault of the
record's own path: that is never swallowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanProcessor

from otgraph.events import Fact, SpanNoted
from otgraph.tracing import names
from otgraph.tracing.record import Record
from otgraph.tracing.shots import end_shot, event_shot, start_shot
from otgraph.tracing.span import Span

__all__ = ["RecordProcessor", "processor"]


class RecordProcessor(SpanProcessor):
    """Hears of otgraph's own spans, each from the span itself."""

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        """Put the start of a span into its record."""
        place: Any = span.place
        if place is None:
            return
        record: Record = place.record
        fact: Fact | None = span.fact
        if fact is None:
            span._attributes[names.SEQ] = next(record.numbers)
            return
        fact.time_ns = span._start_time
        if record.spans:
            fact.shot = start_shot(span, fact.time_ns)
        span._attributes[names.SEQ] = record.append(fact)

    def on_event(
        self, span: Span, name: str, time_ns: int, attributes: Mapping[str, Any] | None, fact: Any
    ) -> int | None:
        """Put an event of a span into its record; return its place there."""
        place: Any = span.place
        if place is None:
            return None
        record: Record = place.record
        if fact is None:
            if record.closed or not record.mask & SpanNoted.kind:
                return next(record.numbers)
            fact = SpanNoted(place.run)
        fact.time_ns = time_ns
        if record.spans:
            fact.shot = event_shot(span, name, time_ns, attributes)
        return record.append(fact)

    def on_live(self, span: Span, time_ns: int, fact: Fact) -> None:
        """Put into the record what is no event of the span."""
        place: Any = span.place
        if place is not None:
            fact.time_ns = time_ns
            place.record.append(fact)

    def on_end(self, span: Any) -> None:
        """Put the end of a span into its record."""
        place: Any = span.place
        if place is None:
            return
        record: Record = place.record
        fact: Fact | None = span.fact
        if fact is None:
            number = next(record.numbers)
        else:
            fact.time_ns = span._end_time or 0
            if record.spans:
                fact.shot = end_shot(span, fact.time_ns)
            number = record.append(fact)
        span.put(names.END_SEQ, number)

    def shutdown(self) -> None:
        """Nothing is held open."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing is held back."""
        return True


processor: Final = RecordProcessor()
"""The one processor of this process."""
