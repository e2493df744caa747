"""
A span as plain data, at the moment something happens to it: what the stream mode `spans` hands out.

Rule: copies only; what a reader does to a shot changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode, format_trace_id

from otgraph.tracing.readable import RecordedSpan

__all__ = ["end_shot", "event_shot", "start_shot"]


KINDS: Final = {kind: kind.name.lower() for kind in SpanKind}
STATUSES: Final = {code: code.name.lower() for code in StatusCode}

_trace_text: Final = lru_cache(maxsize=64)(format_trace_id)
_span_text: Final = lru_cache(maxsize=1024)("%016x".__mod__)
"""Ids as text; each is needed several times within a short while."""


def _identity(span: ReadableSpan) -> tuple[str, str | None, str | None, str | None]:
    """Return a span's name, the id of its trace, its own and that of its parent."""
    if isinstance(span, RecordedSpan):
        # Without the properties in front of them, which would take most of the time.
        name, context, parent = span._name, span._context, span._parent
    else:
        name, context, parent = span.name, span.context, span.parent
    above = None if parent is None else _span_text(parent.span_id)
    if context is None:
        return name, None, None, above
    return name, _trace_text(context.trace_id), _span_text(context.span_id), above


def start_shot(span: ReadableSpan, time_ns: int | None) -> dict[str, Any]:
    """Return the start of a span as plain data."""
    name, trace_id, span_id, parent_id = _identity(span)
    kind, scope = span.kind, span.instrumentation_scope
    return {
        "type": "start",
        "name": name,
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_id": parent_id,
        "time_ns": time_ns,
        # Most are internal, and an enum takes long to find in a dict.
        "kind": "internal" if kind is SpanKind.INTERNAL else KINDS[kind],
        "scope": scope.name if scope else None,
        "attributes": _attributes(span),
    }


def event_shot(
    span: ReadableSpan, event: str, time_ns: int | None, attributes: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return an event of a span as plain data."""
    name, trace_id, span_id, parent_id = _identity(span)
    return {
        "type": "event",
        "name": name,
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_id": parent_id,
        "time_ns": time_ns,
        "event": event,
        "attributes": dict(attributes) if attributes else {},
    }


def end_shot(span: ReadableSpan, time_ns: int | None) -> dict[str, Any]:
    """Return the end of a span as plain data, with all attributes it has by then."""
    name, trace_id, span_id, parent_id = _identity(span)
    code = span.status.status_code
    return {
        "type": "end",
        "name": name,
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_id": parent_id,
        "time_ns": time_ns,
        "start_ns": span.start_time,
        "status": "unset" if code is StatusCode.UNSET else STATUSES[code],
        "attributes": _attributes(span),
    }


def _attributes(span: ReadableSpan) -> dict[str, Any]:
    own: Any = span._attributes
    return own.copy() if type(own) is dict else dict(span.attributes or {})
