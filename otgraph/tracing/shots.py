"""
A span as plain data, at the moment something happens to it: what the stream mode `spans` hands out.

Rule: copies only; what a reader does to a shot changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode, format_trace_id

__all__ = ["end_shot", "event_shot", "start_shot"]


KINDS: Final = {kind: kind.name.lower() for kind in SpanKind}
STATUSES: Final = {code: code.name.lower() for code in StatusCode}

_trace: tuple[int, str] = (0, "")


def _trace_text(trace_id: int) -> str:
    """Return a trace id as text; that of the last call is remembered, as shots come trace by trace."""
    global _trace  # noqa: PLW0603
    known, text = _trace
    if known != trace_id:
        text = format_trace_id(trace_id)
        _trace = (trace_id, text)
    return text


def _shot(kind: str, span: ReadableSpan, time_ns: int | None) -> dict[str, Any]:
    context, parent = span.context, span.parent
    return {
        "type": kind,
        "name": span.name,
        "trace_id": _trace_text(context.trace_id) if context else None,
        "span_id": f"{context.span_id:016x}" if context else None,
        "parent_id": f"{parent.span_id:016x}" if parent else None,
        "time_ns": time_ns,
    }


def start_shot(span: ReadableSpan) -> dict[str, Any]:
    """Return the start of a span as plain data."""
    shot = _shot("start", span, span.start_time)
    shot["kind"] = KINDS[span.kind]
    shot["scope"] = span.instrumentation_scope.name if span.instrumentation_scope else None
    shot["attributes"] = _attributes(span)
    return shot


def event_shot(
    span: ReadableSpan, name: str, time_ns: int, attributes: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return an event of a span as plain data."""
    shot = _shot("event", span, time_ns)
    shot["event"] = name
    shot["attributes"] = dict(attributes) if attributes else {}
    return shot


def end_shot(span: ReadableSpan) -> dict[str, Any]:
    """Return the end of a span as plain data, with all attributes it has by then."""
    shot = _shot("end", span, span.end_time)
    shot["start_ns"] = span.start_time
    shot["status"] = STATUSES[span.status.status_code]
    shot["attributes"] = _attributes(span)
    return shot


def _attributes(span: ReadableSpan) -> dict[str, Any]:
    own: Any = span._attributes
    return own.copy() if type(own) is dict else dict(span.attributes or {})
