"""
OTLP-JSON lines: spans in a file, as the OpenTelemetry protocol writes them down.

Rule: one line is one `ExportTraceServiceRequest` in the protocol's JSON, so that whatever reads OTLP-JSON reads the
file: `otgraph.telemetry.read_otlp_json`, the Collector's `otlpjsonfilereceiver`, and others. A line is written by one
call and the file is open for no longer, so that several processes, forked ones too, may write to the same file.
"""

from __future__ import annotations

import base64
import json
import logging
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext

__all__ = ["OtlpJsonExporter", "request_of"]

logger = logging.getLogger(__name__)

VARIABLE: Final = "OTGRAPH_OTLP_JSON"
"""The environment variable that says where the file is."""

HAS_REMOTE, IS_REMOTE = 0x100, 0x200
"""Flags of the protocol: whether it is known that a parent is elsewhere, and whether it is."""


class OtlpJsonExporter(SpanExporter):
    """
    Appends spans to a file, a line for each batch.

    Args:
        path: of the file; by default what `OTGRAPH_OTLP_JSON` says, or `.otgraph/traces.jsonl`.
        max_bytes: the size at which the file gets the suffix `.1` and a new one is begun; None for no limit.
        keep: how many such files are kept.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, max_bytes: int | None = 1 << 28, keep: int = 1
    ) -> None:
        self.path = Path(path or os.environ.get(VARIABLE) or Path(".otgraph") / "traces.jsonl")
        self._max_bytes = max_bytes
        self._keep = keep
        self._lock = Lock()
        self._failed = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._lock = Lock()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write spans; where the file cannot be written, say so once, and go on."""
        line = _encode(request_of(spans)).encode() + b"\n"
        try:
            with self._lock:
                self._append(line)
        except OSError as error:
            if not self._failed:
                logger.error("spans cannot be written to %s and are lost (%s); runs go on", self.path, error)
            self._failed = True
            return SpanExportResult.FAILURE
        self._failed = False
        return SpanExportResult.SUCCESS

    def _append(self, line: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            size = os.fstat(file).st_size
            if self._max_bytes is not None and size and size + len(line) > self._max_bytes:
                os.close(file)
                file = -1
                self._rotate()
                file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
                size = os.fstat(file).st_size
            _write(file, line, size)
        finally:
            if file >= 0:
                os.close(file)

    def _rotate(self) -> None:
        for number in range(self._keep - 1, 0, -1):
            older = Path(f"{self.path}.{number}")
            if older.exists():
                older.replace(f"{self.path}.{number + 1}")
        if self._keep:
            self.path.replace(f"{self.path}.1")
        else:
            self.path.unlink()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing is held back."""
        return True

    def shutdown(self) -> None:
        """Nothing is held open."""


def _write(file: int, line: bytes, size: int) -> None:
    """Write a line, or nothing of it: half a line would spoil the next one too."""
    written = 0
    try:
        while written < len(line):
            written += os.write(file, line[written:])
    except OSError:
        if written:
            os.ftruncate(file, size)
        raise


def request_of(spans: Iterable[ReadableSpan]) -> dict[str, Any]:
    """Return spans as an `ExportTraceServiceRequest` in the protocol's JSON."""
    resources: dict[Any, dict[Any, list[dict[str, Any]]]] = {}
    for span in spans:
        scopes = resources.setdefault(span.resource, {})
        scopes.setdefault(span.instrumentation_scope, []).append(_span(span))
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(resource.attributes)},
                "scopeSpans": [{**_scope(scope), "spans": found} for scope, found in scopes.items()],
                **({"schemaUrl": resource.schema_url} if resource.schema_url else {}),
            }
            for resource, scopes in resources.items()
        ]
    }


def _scope(scope: Any) -> dict[str, Any]:
    if scope is None:
        return {}
    told: dict[str, Any] = {"name": scope.name}
    if scope.version:
        told["version"] = scope.version
    if scope.attributes:
        told["attributes"] = _attributes(scope.attributes)
    return {"scope": told, **({"schemaUrl": scope.schema_url} if scope.schema_url else {})}


def _span(span: ReadableSpan) -> dict[str, Any]:
    context, parent, status = span.context, span.parent, span.status
    told: dict[str, Any] = {
        **_ids(context),
        "flags": _flags(context, parent),
        "name": span.name,
        # The protocol counts from 1: 0 is a kind that nobody named.
        "kind": span.kind.value + 1,
        "startTimeUnixNano": str(span.start_time or 0),
        "endTimeUnixNano": str(span.end_time or 0),
        "attributes": _attributes(span.attributes),
        "events": [
            {
                "timeUnixNano": str(event.timestamp),
                "name": event.name,
                "attributes": _attributes(event.attributes),
                **_dropped("Attributes", event.dropped_attributes),
            }
            for event in span.events
        ],
        "links": [
            {
                **_ids(link.context),
                "flags": _flags(link.context, link.context),
                "attributes": _attributes(link.attributes),
                **_dropped("Attributes", link.dropped_attributes),
            }
            for link in span.links
        ],
        "status": {
            **({"message": status.description} if status.description else {}),
            **({"code": status.status_code.value} if status.status_code.value else {}),
        },
        **_dropped("Attributes", span.dropped_attributes),
        **_dropped("Events", span.dropped_events),
        **_dropped("Links", span.dropped_links),
    }
    if parent is not None:
        told["parentSpanId"] = f"{parent.span_id:016x}"
    return told


def _ids(context: SpanContext) -> dict[str, Any]:
    told = {"traceId": f"{context.trace_id:032x}", "spanId": f"{context.span_id:016x}"}
    if context.trace_state:
        told["traceState"] = ",".join(f"{key}={value}" for key, value in context.trace_state.items())
    return told


def _flags(context: SpanContext, parent: SpanContext | None) -> int:
    return context.trace_flags | HAS_REMOTE | (IS_REMOTE if parent is not None and parent.is_remote else 0)


def _dropped(what: str, count: int) -> dict[str, int]:
    return {f"dropped{what}Count": count} if count else {}


def _attributes(attributes: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    return [{"key": str(key), "value": _value(value)} for key, value in (attributes or {}).items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        # JSON has no such numbers.
        if math.isfinite(value):
            return {"doubleValue": value}
        return {"doubleValue": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": _attributes(value)}}
    if isinstance(value, Sequence):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    return {} if value is None else {"stringValue": str(value)}


_encode: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
