"""
Exported spans as plain data: what OTLP bytes, OTLP-JSON lines and SDK spans have in common.

Rule: one shape for all sources, with ids in hex and times in nanoseconds; nothing of a span is interpreted here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from typing_extensions import TypedDict

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

__all__ = ["ExportedEvent", "ExportedLink", "ExportedSpan", "read_otlp", "read_otlp_json", "read_spans"]


class ExportedEvent(TypedDict):
    """An event of a span."""

    name: str
    time_ns: int
    attributes: dict[str, Any]


class ExportedLink(TypedDict):
    """What a span refers to: another span, perhaps of another trace."""

    trace_id: str
    span_id: str
    attributes: dict[str, Any]


class ExportedSpan(TypedDict):
    """A span that has ended."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    start_ns: int
    end_ns: int
    status: str
    """`unset`, `ok` or `error`."""
    attributes: dict[str, Any]
    events: list[ExportedEvent]
    links: list[ExportedLink]


STATUSES = ("unset", "ok", "error")


def read_otlp(data: bytes | Iterable[bytes]) -> Iterator[ExportedSpan]:
    """Yield the spans of serialised `ExportTraceServiceRequest` messages, one or several."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    for message in (data,) if isinstance(data, bytes) else data:
        for resource in ExportTraceServiceRequest.FromString(message).resource_spans:
            for scope in resource.scope_spans:
                yield from map(_from_proto, scope.spans)


def _from_proto(span: Any) -> ExportedSpan:
    return {
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent_id": span.parent_span_id.hex() or None,
        "name": span.name,
        "start_ns": span.start_time_unix_nano,
        "end_ns": span.end_time_unix_nano,
        "status": STATUSES[span.status.code],
        "attributes": _proto_attributes(span.attributes),
        "events": [
            {
                "name": event.name,
                "time_ns": event.time_unix_nano,
                "attributes": _proto_attributes(event.attributes),
            }
            for event in span.events
        ],
        "links": [
            {
                "trace_id": link.trace_id.hex(),
                "span_id": link.span_id.hex(),
                "attributes": _proto_attributes(link.attributes),
            }
            for link in span.links
        ],
    }


def _proto_attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    return {pair.key: _proto_value(pair.value) for pair in pairs}


def _proto_value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_proto_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _proto_attributes(value.kvlist_value.values)
    return getattr(value, kind)


def read_otlp_json(lines: str | Iterable[str]) -> Iterator[ExportedSpan]:
    """Yield the spans of OTLP-JSON, one `ExportTraceServiceRequest` per line, as file exporters write it."""
    for line in lines.splitlines() if isinstance(lines, str) else lines:
        if line.strip():
            for resource in json.loads(line).get("resourceSpans", ()):
                for scope in resource.get("scopeSpans", ()):
                    yield from map(_from_json, scope.get("spans", ()))


def _from_json(span: Mapping[str, Any]) -> ExportedSpan:
    return {
        "trace_id": span["traceId"].lower(),
        "span_id": span["spanId"].lower(),
        "parent_id": span.get("parentSpanId", "").lower() or None,
        "name": span.get("name", ""),
        "start_ns": int(span.get("startTimeUnixNano", 0)),
        "end_ns": int(span.get("endTimeUnixNano", 0)),
        "status": _json_status(span.get("status", {}).get("code", 0)),
        "attributes": _json_attributes(span.get("attributes", ())),
        "events": [
            {
                "name": event.get("name", ""),
                "time_ns": int(event.get("timeUnixNano", 0)),
                "attributes": _json_attributes(event.get("attributes", ())),
            }
            for event in span.get("events", ())
        ],
        "links": [
            {
                "trace_id": link["traceId"].lower(),
                "span_id": link["spanId"].lower(),
                "attributes": _json_attributes(link.get("attributes", ())),
            }
            for link in span.get("links", ())
        ],
    }


def _json_status(code: int | str) -> str:
    return STATUSES[code] if isinstance(code, int) else code.removeprefix("STATUS_CODE_").lower()


def _json_attributes(pairs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {pair["key"]: _json_value(pair.get("value", {})) for pair in pairs}


_JSON_KINDS: dict[str, Callable[[Any], Any]] = {
    "stringValue": str,
    "boolValue": bool,
    "intValue": int,
    "doubleValue": float,
    "bytesValue": base64.b64decode,
    "arrayValue": lambda value: [_json_value(item) for item in value.get("values", ())],
    "kvlistValue": lambda value: _json_attributes(value.get("values", ())),
}


def _json_value(value: Mapping[str, Any]) -> Any:
    for kind, item in value.items():
        if kind in _JSON_KINDS:
            return _JSON_KINDS[kind](item)
    return None


def read_spans(spans: Iterable[ReadableSpan]) -> Iterator[ExportedSpan]:
    """Yield spans as an exporter inside this process is handed them."""
    from opentelemetry.trace import format_span_id, format_trace_id

    for span in spans:
        context, parent = span.context, span.parent
        if context is None:
            continue
        yield {
            "trace_id": format_trace_id(context.trace_id),
            "span_id": format_span_id(context.span_id),
            "parent_id": format_span_id(parent.span_id) if parent else None,
            "name": span.name,
            "start_ns": span.start_time or 0,
            "end_ns": span.end_time or 0,
            "status": span.status.status_code.name.lower(),
            "attributes": dict(span.attributes or {}),
            "events": [
                {"name": event.name, "time_ns": event.timestamp, "attributes": dict(event.attributes or {})}
                for event in span.events
            ],
            "links": [
                {
                    "trace_id": format_trace_id(link.context.trace_id),
                    "span_id": format_span_id(link.context.span_id),
                    "attributes": dict(link.attributes or {}),
                }
                for link in span.links
            ],
        }
