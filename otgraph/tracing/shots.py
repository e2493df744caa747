"""
A span as plain data, at the moment something happens to it: what the stream mode `spans` hands out.

Rule: copies only; what a reader does to a shot changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, StatusCode, format_trace_id

from otgraph.tracing.readable import UNSET, RecordedSpan

__all__ = ["Sight", "end_shot", "event_shot", "start_shot"]


Ids: TypeAlias = "tuple[str | None, str | None, str | None]"
"""Of the trace, of the span, and of its parent, as text."""

KINDS: Final = {kind: kind.name.lower() for kind in SpanKind}
STATUSES: Final = {code: code.name.lower() for code in StatusCode}
INTERNAL: Final = SpanKind.INTERNAL
"""What most spans are; a member takes long to reach through its enum, and to find in a dict."""

_trace_text: Final = lru_cache(maxsize=64)(format_trace_id)
_span_text: Final = lru_cache(maxsize=1024)("%016x".__mod__)
"""Ids as text; each is needed several times within a short while."""


class Sight:
    """
    A foreign span, seen as otgraph's own are: by the fields that those have.

    Args:
        span: anybody's; only what is public of it is looked at.
    """

    __slots__ = ("_attributes", "_kind", "_name", "_start_time", "_status", "scope_name", "shown_ids")

    def __init__(self, span: ReadableSpan) -> None:
        scope = span.instrumentation_scope
        self._name = span.name
        self._kind = span.kind
        self._status = span.status
        self._start_time = span.start_time
        self._attributes = span.attributes or {}
        self.scope_name = scope.name if scope else None
        self.shown_ids = _ids_of(span.context, span.parent)


Shown: TypeAlias = RecordedSpan | Sight


def _ids_of(context: SpanContext | None, parent: SpanContext | None) -> Ids:
    above = None if parent is None else _span_text(parent.span_id)
    if context is None:
        return None, None, above
    return _trace_text(context.trace_id), _span_text(context.span_id), above


def _show_ids(span: Shown) -> Ids:
    """Take note of the ids of one of otgraph's own spans, which is shown several times."""
    assert isinstance(span, RecordedSpan)
    ids = span.shown_ids = _ids_of(span._context, span._parent)
    return ids


def start_shot(span: Shown, time_ns: int | None) -> dict[str, Any]:
    """Return the start of a span as plain data."""
    trace_id, span_id, parent_id = span.shown_ids or _show_ids(span)
    kind, attributes = span._kind, span._attributes
    return {
        "type": "start",
        "name": span._name,
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_id": parent_id,
        "time_ns": time_ns,
        "kind": "internal" if kind is INTERNAL else KINDS[kind],
        "scope": span.scope_name,
        "attributes": attributes.copy() if type(attributes) is dict else dict(attributes),
    }


def event_shot(
    span: Shown, event: str, time_ns: int | None, attributes: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return an event of a span as plain data."""
    trace_id, span_id, parent_id = span.shown_ids or _show_ids(span)
    return {
        "type": "event",
        "name": span._name,
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_id": parent_id,
        "time_ns": time_ns,
        "event": event,
        "attributes": dict(attributes) if attributes else {},
    }


def end_shot(span: Shown, time_ns: int | None) -> dict[str, Any]:
    """Return the end of a span as plain data, with all attributes it has by then."""
    trace_id, span_id, parent_id = span.shown_ids or _show_ids(span)
    status, attributes = span._status, span._attributes
    return {
        "type": "end",
        "name": span._name,
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_id": parent_id,
        "time_ns": time_ns,
        "start_ns": span._start_time,
        "status": "unset" if status is UNSET else STATUSES[status.status_code],
        "attributes": attributes.copy() if type(attributes) is dict else dict(attributes),
    }
