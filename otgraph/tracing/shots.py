"""
A span as plain data, at the moment something happens to it: what the stream mode `spans` hands out.

Rule: copies only; what a reader does to a shot changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import format_span_id, format_trace_id

__all__ = ["end_shot", "event_shot", "start_shot"]


def _shot(kind: str, span: ReadableSpan, time_ns: int | None) -> dict[str, Any]:
    context, parent = span.context, span.parent
    return {
        "type": kind,
        "name": span.name,
        "trace_id": format_trace_id(context.trace_id) if context else None,
        "span_id": format_span_id(context.span_id) if context else None,
        "parent_id": format_span_id(parent.span_id) if parent else None,
        "time_ns": time_ns,
    }


def start_shot(span: ReadableSpan) -> dict[str, Any]:
    """Return the start of a span as plain data."""
    shot = _shot("start", span, span.start_time)
    shot["kind"] = span.kind.name.lower()
    shot["scope"] = span.instrumentation_scope.name if span.instrumentation_scope else None
    shot["attributes"] = dict(span.attributes or {})
    return shot


def event_shot(
    span: ReadableSpan, name: str, time_ns: int, attributes: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return an event of a span as plain data."""
    shot = _shot("event", span, time_ns)
    shot["event"] = name
    shot["attributes"] = dict(attributes or {})
    return shot


def end_shot(span: ReadableSpan) -> dict[str, Any]:
    """Return the end of a span as plain data, with all attributes it has by then."""
    shot = _shot("end", span, span.end_time)
    shot["start_ns"] = span.start_time
    shot["status"] = span.status.status_code.name.lower()
    shot["attributes"] = dict(span.attributes or {})
    return shot
