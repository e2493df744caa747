"""
What a span has recorded, as exporters read it.

Rule: events and links are kept as tuples and become SDK objects only when somebody reads them.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from threading import RLock
from types import MappingProxyType
from typing import Any, Final, TypeAlias, cast

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationInfo, InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status

from otgraph.tracing import names
from otgraph.tracing.attributes import NO_ATTRIBUTES, bounded, with_more
from otgraph.tracing.source import SpanSource

__all__ = ["EAGER_LOCK", "UNSET", "RawEvent", "RawLink", "RecordedSpan"]

EAGER_LOCK: Final[bool] = (
    sys.implementation.name != "cpython" or not getattr(sys, "_is_gil_enabled", lambda: True)()
)
"""Whether threads may be switched anywhere, or run at once."""

UNSET: Final = Status()

RawEvent: TypeAlias = "tuple[str, int, Mapping[str, Any] | None, Mapping[str, Any] | int | None, bool]"
"""
Name, time, attributes, further attributes from the stream or the bare number in the record, and whether others make
way for it.
"""

RawLink: TypeAlias = "tuple[SpanContext, Mapping[str, Any] | None]"


class RecordedSpan(ReadableSpan):
    """The fields of a span and `ReadableSpan`'s view of them."""

    # What most spans never change is kept on the class.
    _source: SpanSource
    _name: str
    _context: SpanContext
    _parent: SpanContext | None
    _kind: SpanKind = SpanKind.INTERNAL
    _start_time: int
    _end_time: int | None = None
    _status: Status = UNSET
    _attributes: Any
    """The engine's dict, until a value comes that is not plain or does not fit; then `BoundedAttributes`."""
    _raw_events: list[RawEvent]
    _raw_links: Sequence[RawLink] = ()
    _dropped_events: int = 0
    _dropped_links: int = 0
    _lock: AbstractContextManager[Any] | None = None
    """Reentrant: the garbage collector may close a run, and so end a span, in the middle of any call."""
    exported: bool = True
    """Whether the processors see it: set by whoever makes the span, before it starts."""
    fact: Any = None
    """What started, as a live object, for the stream; dropped at the end."""
    place: Any = None
    """Where in which record its run is; never exported."""
    shown_ids: Any = None
    """Its ids as text, once somebody has been shown the span."""

    _own_resource: Resource | None = None
    _own_scope: InstrumentationScope | None = None

    # Both are the source's unless a processor gives the span others, as it can with the SDK's spans.

    @property
    def _resource(self) -> Resource:
        return self._own_resource or self._source.resource

    @_resource.setter
    def _resource(self, resource: Resource) -> None:
        self._own_resource = resource

    @property
    def _instrumentation_scope(self) -> InstrumentationScope:
        return self._own_scope or self._source.scope

    @_instrumentation_scope.setter
    def _instrumentation_scope(self, scope: InstrumentationScope) -> None:
        self._own_scope = scope

    @property
    def scope_name(self) -> str:
        """The name of its instrumentation scope."""
        return self._source.scope_name if self._own_scope is None else self._own_scope.name

    def _cut_events(self) -> None:
        """Drop the oldest events beyond the limit, the reserved ones last."""
        most = self._source.limits.max_events
        events = self._raw_events
        if most is None or len(events) <= most:
            return
        with self._user_lock():
            over = len(events) - most
            if over <= 0:
                # Another thread was here.
                return
            drop = list(islice((i for i, event in enumerate(events) if not event[4]), over))
            if len(drop) < over:
                drop += [i for i, event in enumerate(events) if event[4]][: over - len(drop)]
            drop.sort(reverse=True)
            if drop[0] - drop[-1] == over - 1:
                # They follow one another, as the items of a writer do.
                del events[drop[-1] : drop[0] + 1]
            else:
                for i in drop:
                    del events[i]
            self._dropped_events += len(drop)

    def _cut_links(self, links: list[RawLink]) -> None:
        """Keep the newest links."""
        most = self._source.limits.max_links
        over = 0 if most is None else len(links) - most
        if over > 0:
            del links[:over]
            self._dropped_links += over
        self._raw_links = links

    def _user_lock(self) -> AbstractContextManager[Any]:
        """Return the lock, made by whoever needs it first; from then on everyone takes it."""
        lock = self._lock
        if lock is None:
            # setdefault is one step: two threads get the same lock.
            self._lock = lock = self.__dict__.setdefault("_made_lock", RLock())
        return lock

    @property
    def name(self) -> str:
        return self._name

    @property
    def context(self) -> SpanContext:
        return self._context

    @property
    def parent(self) -> SpanContext | None:
        return self._parent

    @property
    def kind(self) -> SpanKind:
        return self._kind

    @property
    def start_time(self) -> int | None:
        return self._start_time

    @property
    def end_time(self) -> int | None:
        return self._end_time

    @property
    def status(self) -> Status:
        return self._status

    @property
    def attributes(self) -> Mapping[str, Any]:
        return MappingProxyType(self._attributes or {})

    @property
    def events(self) -> Sequence[Event]:
        return tuple(self._events)

    @property
    def links(self) -> Sequence[Link]:
        return tuple(self._links)

    @property
    def resource(self) -> Resource:
        return self._resource

    @property
    def instrumentation_scope(self) -> InstrumentationScope | None:
        return self._instrumentation_scope

    @property
    def instrumentation_info(self) -> InstrumentationInfo | None:
        scope = self._instrumentation_scope
        return None if scope is None else InstrumentationInfo(scope.name, scope.version, scope.schema_url)

    @property
    def dropped_attributes(self) -> int:
        attributes = self._attributes
        return attributes.dropped if isinstance(attributes, BoundedAttributes) else 0

    @property
    def dropped_events(self) -> int:
        self._cut_events()
        return self._dropped_events

    @property
    def dropped_links(self) -> int:
        return self._dropped_links

    def to_json(self, indent: int | None = 4) -> str:
        return cast(str, self._readable_span().to_json(indent))

    # Processors that redact reach for the SDK span's own fields: they find, and may replace, the same here.

    @property
    def _events(self) -> list[Event]:
        self._cut_events()
        return [
            Event(name, self._shown(attributes, more), time)
            for name, time, attributes, more, _ in self._raw_events[:]
        ]

    @_events.setter
    def _events(self, events: Sequence[Event]) -> None:
        self._raw_events = [(event.name, event.timestamp, event.attributes, None, False) for event in events]
        self._dropped_events = getattr(events, "dropped", 0)

    def _shown(
        self, attributes: Mapping[str, Any] | None, more: Mapping[str, Any] | int | None
    ) -> Mapping[str, Any]:
        """Return the attributes of an event within the provider's limits, with its place in the record."""
        limits = self._source.limits
        shown: Mapping[str, Any] = NO_ATTRIBUTES if attributes is None else attributes
        if type(shown) is dict:
            if len(shown) > limits.event_attribute_room:
                shown = bounded(shown, limits.max_event_attributes, limits.event_attribute_length)
            else:
                shown = shown.copy()
        added = {names.SEQ: more} if isinstance(more, int) else more
        return with_more(shown, added) if added else shown

    def _plain(
        self, attributes: Mapping[str, Any] | None, more: Mapping[str, Any] | int | None
    ) -> Mapping[str, Any]:
        """Do the same for whoever hears of an event at once, at less cost."""
        if isinstance(more, int):
            if attributes is None:
                return {names.SEQ: more}
            if type(attributes) is dict and len(attributes) <= self._source.limits.event_attribute_room:
                return {**attributes, names.SEQ: more}
        return self._shown(attributes, more)

    @property
    def _links(self) -> list[Link]:
        limits = self._source.limits
        made = []
        for context, attributes in tuple(self._raw_links):
            shown: Mapping[str, Any] = NO_ATTRIBUTES if attributes is None else attributes
            if type(shown) is dict:
                shown = bounded(shown, limits.max_link_attributes, limits.event_attribute_length)
            made.append(Link(context, shown))
        return made

    @_links.setter
    def _links(self, links: Sequence[Link]) -> None:
        self._raw_links = [(link.context, link.attributes) for link in links]
        self._dropped_links = getattr(links, "dropped", 0)

    def _readable_span(self) -> ReadableSpan:
        """Return a snapshot that later changes do not reach."""
        events, links = BoundedList.from_seq(None, self._events), BoundedList.from_seq(None, self._links)
        events.dropped, links.dropped = self._dropped_events, self._dropped_links
        return ReadableSpan(
            name=self._name,
            context=self._context,
            parent=self._parent,
            resource=self._resource,
            attributes=self._attributes,
            events=events,
            links=links,
            kind=self._kind,
            status=self._status,
            start_time=self._start_time,
            end_time=self._end_time,
            instrumentation_scope=self._instrumentation_scope,
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> ReadableSpan:
        return copy.deepcopy(self._readable_span(), memo)

    def __repr__(self) -> str:
        return f"Span(name={self._name!r}, context={self._context!r})"
