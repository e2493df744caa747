"""
The span of a run, superstep or task: an OpenTelemetry span that costs little and tells its events at once.

User code sees a `trace.Span` that behaves as the SDK's does; exporters see a `ReadableSpan`. Unlike the
SDK's, a stream hears of every start, event and end first, sampled or not, and what the engine sets is taken
as it is.

Rule: a span ends once, goes to the stream and then to the processors, and does not change from then on.

Threads: events are appended without a lock. The lock for the rest is made by the first user call that changes
the span; until then the engine takes none. That is exact where threads are switched at calls of Python code
and jumps back only, as in CPython with its GIL; elsewhere (`EAGER_LOCK`) the lock is always there.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from time import time_ns
from types import TracebackType
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.semconv.attributes import exception_attributes as exc
from opentelemetry.trace import Span as ApiSpan
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode

from otgraph.events import Outcome
from otgraph.tracing import names
from otgraph.tracing.attributes import NO_ATTRIBUTES, PLAIN, bounded, plain_copy, put_all
from otgraph.tracing.readable import EAGER_LOCK, RawEvent, RawLink, RecordedSpan
from otgraph.tracing.source import SpanSource, SpanStream

__all__ = ["Span", "SpanSource", "SpanStream"]

logger = logging.getLogger(__name__)


class Span(ApiSpan, RecordedSpan):
    """
    One span; see `opentelemetry.trace.Span` for what user code may do with it.

    Args:
        source: what it shares with the other spans of its provider.
        attributes: the engine's, taken as they are; the dict belongs to the span from now on.
        links: pairs of a span context and attributes or None, taken as they are.
        start_time: nanoseconds since the epoch; now, if None.
    """

    def __init__(
        self,
        source: SpanSource,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        attributes: dict[str, Any],
        links: Sequence[RawLink] = (),
        kind: SpanKind = SpanKind.INTERNAL,
        start_time: int | None = None,
    ) -> None:
        self._source = source
        self._name = name
        self._context = context
        self._parent = parent
        if kind is not SpanKind.INTERNAL:
            self._kind = kind
        self._raw_events = []
        if EAGER_LOCK:
            self._user_lock()
        self._attributes = attributes
        if len(attributes) > source.limits.attribute_room:
            self._bound()
        if links:
            if source.limits.max_links is None or len(links) <= source.limits.max_links:
                self._raw_links = links
            else:
                self._cut_links(list(links))
        self._start_time = time_ns() if start_time is None else start_time

    # ---- the engine's side

    def begin(self, place: Any, fact: Any) -> None:
        """Start as a part of the run whose `place` it is; `fact` is None where nobody listens."""
        self.place = place
        if fact is not None:
            self.fact = fact
            self.start(place.context)
            return
        # The start only takes its number in the record.
        self._attributes[names.SEQ] = next(place.record.numbers)
        if self.exported:
            self._source.tell_start(self, place.context)

    def start(self, parent_context: Context | None) -> None:
        """Tell the stream, then the processors, that the span is there."""
        source = self._source
        try:
            source.stream.on_start(self)
        finally:
            if self.exported:
                source.tell_start(self, parent_context)

    def emit(
        self, name: str, attributes: dict[str, Any] | None, fact: Any, *, reserved: bool = False
    ) -> None:
        """
        Add an event of the engine, with `fact` as its live payload for the stream; None where nobody listens.

        Args:
            reserved: where events are too many, others make way for this one first.
        """
        if self._end_time is not None:
            logger.warning("Event %r ignored: span %r has ended.", name, self._name)
            return
        source, place, now = self._source, self.place, time_ns()
        if fact is None and place is not None:
            more: Any = next(place.record.numbers)
        else:
            more = source.stream.on_event(self, name, now, attributes, fact)
        # What `_keep` does, without the call: every superstep comes here several times.
        events = self._raw_events
        events.append((name, now, attributes, more, reserved))
        if len(events) > source.limits.event_room:
            self._cut_events()
        if source.events and self.exported:
            source.tell_event(self, name, now, self._plain(attributes, more))

    def mark(self, name: str, number: int) -> None:
        """Add an event of the engine that has its place in the record already, and that no stream shows."""
        self._keep((name, time_ns(), None, number, True))

    def _keep(self, event: RawEvent) -> None:
        """Keep an event, and tell it to the processors that want to hear of it at once."""
        source = self._source
        self._raw_events.append(event)
        if len(self._raw_events) > source.limits.event_room:
            self._cut_events()
        if source.events and self.exported:
            name, time, attributes, more, _ = event
            source.tell_event(self, name, time, self._plain(attributes, more))

    def tell(self, fact: Any, content: Callable[[Any], tuple[str, dict[str, Any]]] | None = None) -> None:
        """
        Tell the stream a live event: one that is not kept, and that no exporter sees.

        Args:
            content: returns a name and attributes for processors that want it; None where content is not captured.
        """
        source, now = self._source, time_ns()
        source.stream.on_live(self, now, fact)
        if content is not None and source.lives and self.exported:
            name, attributes = content(fact)
            source.tell_live(self, name, now, {**attributes, names.SEQ: fact.seq})

    def annotate(self, attributes: dict[str, Any]) -> None:
        """Set attributes of the engine, taken as they are; works until the processors see the end."""
        if self._lock is None:
            # No Python code is called between the test and the end of the update, so no other thread runs.
            self._attributes.update(attributes)
            if len(self._attributes) <= self._source.limits.attribute_room:
                return
            attributes = {}
        with self._user_lock():
            mine = self._attributes
            if type(mine) is not dict:
                put_all(mine, attributes)
                return
            mine.update(attributes)
            if len(mine) > self._source.limits.attribute_room:
                self._bound()

    def put(self, key: str, value: Any) -> None:
        """Set one attribute of the engine; see `annotate`."""
        attributes = self._attributes
        if self._lock is None and len(attributes) < self._source.limits.attribute_room:
            attributes[key] = value
        else:
            self.annotate({key: value})

    def end(self, end_time: int | None = None) -> None:
        """End the span and hand it over; only the first call counts."""
        now = time_ns() if end_time is None else end_time
        lock = self._lock
        if lock is None:
            ends = self._end_time is None
            if ends:
                self._end_time = now
        else:
            with lock:
                ends = self._end_time is None
                if ends:
                    self._end_time = now
        if not ends:
            logger.warning("Second end of span %r ignored.", self._name)
            return
        source = self._source
        try:
            source.stream.on_end(self)
        finally:
            self.fact = self.place = None
            if self.exported:
                source.tell_end(self)

    def conclude(self, outcome: Outcome, fact: Any, error: BaseException | None = None) -> None:
        """
        End a span of the engine; what has ended it before is left as it is.

        Args:
            fact: what to tell the stream; None where nobody listens.
            error: what has ended it, if that is no outcome of its own.
        """
        place = self.place
        if self._end_time is not None:
            return
        if outcome.is_error:
            kind = outcome.text if error is None else type(error).__qualname__
            self.annotate({names.OUTCOME: outcome.text, names.ERROR_TYPE: kind})
            self.set_status(Status(StatusCode.ERROR))
        elif place is not None and self._lock is None:
            source, attributes = self._source, self._attributes
            attributes[names.OUTCOME] = outcome.text
            if fact is None:
                attributes[names.END_SEQ] = next(place.record.numbers)
            if len(attributes) > source.limits.attribute_room:
                self._bound()
            self._end_time = time_ns()
            try:
                if fact is not None:
                    self.fact = fact
                    source.stream.on_end(self)
            finally:
                self.fact = self.place = None
                if self.exported:
                    source.tell_end(self)
            return
        else:
            self.annotate({names.OUTCOME: outcome.text})
        self.fact = fact
        self.end()

    def _bound(self) -> BoundedAttributes:
        limits = self._source.limits
        mine = bounded(self._attributes, limits.max_attributes, limits.attribute_length, frozen=False)
        self._attributes = mine
        return mine

    # ---- trace.Span: the user's side

    def get_span_context(self) -> SpanContext:
        return self._context

    def is_recording(self) -> bool:
        # Also where the sampler said no: the stream records every span.
        return self._end_time is None

    def set_attribute(self, key: str, value: Any) -> None:
        with self._user_lock():
            if self._ended("attribute"):
                return
            attributes = self._attributes
            if type(attributes) is dict:
                if (
                    type(value) in PLAIN
                    and type(key) is str
                    and key
                    and len(attributes) < self._source.limits.attribute_room
                ):
                    attributes.pop(key, None)  # a key set again moves to the end, as in the SDK
                    attributes[key] = value
                    return
                attributes = self._bound()
            attributes[key] = value

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        with self._user_lock():
            if self._ended("attributes"):
                return
            mine = self._attributes
            if type(mine) is dict:
                new = plain_copy(attributes, self._source.limits.attribute_room - len(mine))
                if new is not None:
                    for key in new:
                        mine.pop(key, None)
                    mine.update(new)
                    return
                mine = self._bound()
            put_all(mine, attributes)

    def add_event(
        self, name: str, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None
    ) -> None:
        limits = self._source.limits
        clean: Any = plain_copy(attributes, limits.event_attribute_room) if attributes else NO_ATTRIBUTES
        if clean is None:
            clean = bounded(attributes, limits.max_event_attributes, limits.event_attribute_length)
        time = time_ns() if timestamp is None else timestamp
        if self._ended("event"):
            return
        more = self._source.stream.on_event(self, name, time, clean, None)
        self._keep((name, time, clean, more, False))

    def add_link(self, context: SpanContext, attributes: Mapping[str, Any] | None = None) -> None:
        if not (context and (context.is_valid or attributes or context.trace_state)):
            return
        limits = self._source.limits
        clean = bounded(attributes, limits.max_link_attributes, limits.event_attribute_length)
        with self._user_lock():
            if not self._ended("link"):
                self._cut_links([*self._raw_links, (context, clean)])

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        kind = type(exception)
        name = kind.__qualname__
        if kind.__module__ and kind.__module__ != "builtins":
            name = f"{kind.__module__}.{name}"
        told: dict[str, Any] = {
            exc.EXCEPTION_TYPE: name,
            exc.EXCEPTION_MESSAGE: str(exception),
            exc.EXCEPTION_STACKTRACE: "".join(traceback.format_exception(exception)),
            exc.EXCEPTION_ESCAPED: str(escaped),
        }
        if attributes:
            told.update(attributes)
        self.add_event("exception", told, timestamp)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        with self._user_lock():
            if self._ended("status"):
                return
            code = status.status_code if isinstance(status, Status) else status
            if not isinstance(code, StatusCode) or code is StatusCode.UNSET:
                return
            if self._status.status_code is StatusCode.OK:
                return
            if not isinstance(status, Status):
                status = Status(code, description)
            elif description is not None:
                logger.warning("Description %r ignored: the Status brings its own.", description)
            self._status = status

    def update_name(self, name: str) -> None:
        with self._user_lock():
            if not self._ended("name"):
                self._name = name

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        if exc_val is not None and self.is_recording():
            self.record_exception(exc_val, escaped=True)
            self.set_status(Status(StatusCode.ERROR, f"{type(exc_val).__name__}: {exc_val}"))
        self.end()

    def _ended(self, what: str) -> bool:
        if self._end_time is None:
            return False
        logger.warning("New %s ignored: span %r has ended.", what, self._name)
        return True
