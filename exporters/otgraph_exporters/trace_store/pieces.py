"""
Spans in pieces: what is written of a span when it starts, while it goes on and when it ends, and the sum of that.

Rule: pieces may come twice, out of order and from several processes; their sum is the same span.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import TypedDict

from otgraph.tracing import names

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Event, ReadableSpan

__all__ = ["StoredSpan", "add_piece", "as_text", "ending", "event", "from_text", "new_span", "start"]


class StoredSpan(TypedDict):
    """A span as the store knows it; what `otgraph.telemetry.replay` reads."""

    trace_id: str
    span_id: str
    parent_id: str | None
    run_id: str | None
    """The id of the root run that it is part of; None for spans that are not otgraph's."""
    name: str
    kind: str
    """`internal`, `client`, `server`, `producer` or `consumer`."""
    scope: str
    """Who made it: the name of the instrumentation scope."""
    start_ns: int
    end_ns: int
    """0 as long as it goes on."""
    status: str
    """`unset`, `ok` or `error`."""
    status_description: str | None
    attributes: dict[str, Any]
    events: list[Any]
    """In their order, each with `name`, `time_ns` and `attributes`."""
    links: list[Any]
    """Each with `trace_id`, `span_id` and `attributes`."""
    live: list[Any] | None
    """Tokens and messages, in the form of events; None where the store does not keep them."""
    dropped_events: int
    """Events that neither the span nor the store has kept."""


def start(span: ReadableSpan, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a span that has just started."""
    parent, scope = span.parent, span.instrumentation_scope
    piece: dict[str, Any] = {"name": span.name, "start_ns": span.start_time or 0, "attributes": attributes}
    if parent is not None:
        piece["parent_id"] = f"{parent.span_id:016x}"
    if span.kind.value:
        piece["kind"] = span.kind.name.lower()
    if scope is not None and scope.name != names.SCOPE:
        piece["scope"] = scope.name
    links = span.links
    if links:
        piece["links"] = [_link(link) for link in links]
    return piece


def ending(span: ReadableSpan, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what there is at the end of a span, of its attributes those that were not there before."""
    attributes = span.attributes or {}
    piece: dict[str, Any] = {
        "name": span.name,
        "end_ns": span.end_time or 0,
        "attributes": {
            key: value for key, value in attributes.items() if key not in before or before[key] is not value
        },
    }
    status = span.status
    if status.status_code.value:
        piece["status"] = status.status_code.name.lower()
        if status.description:
            piece["status_description"] = status.description
    return piece


def event(name: str, time_ns: int, attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return an event of a span as plain data."""
    return {"name": name, "time_ns": time_ns, "attributes": {} if attributes is None else attributes}


def events(span: ReadableSpan) -> list[dict[str, Any]]:
    """Return the events that a span has kept."""
    kept: Iterable[Event] = span.events
    return [event(each.name, each.timestamp, each.attributes) for each in kept]


def _link(link: Any) -> dict[str, Any]:
    context = link.context
    return {
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
        "attributes": link.attributes or {},
    }


# ---- the sum


def new_span(trace_id: str, span_id: str) -> StoredSpan:
    """Return a span of which nothing is known yet."""
    return {
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_id": None,
        "run_id": None,
        "name": "",
        "kind": "internal",
        "scope": names.SCOPE,
        "start_ns": 0,
        "end_ns": 0,
        "status": "unset",
        "status_description": None,
        "attributes": {},
        "events": [],
        "links": [],
        "live": None,
        "dropped_events": 0,
    }


def add_piece(span: StoredSpan, piece: Mapping[str, Any]) -> None:
    """Add a piece to what is known of a span."""
    for key, value in piece.items():
        if key == "attributes":
            span["attributes"].update(value)
            span["run_id"] = span["attributes"].get(names.RUN_ID)
        elif key in ("events", "live"):
            known = span[key] or []  # type: ignore[literal-required]
            span[key] = _with_events(known, value)  # type: ignore[literal-required]
        else:
            span[key] = value  # type: ignore[literal-required]


def _with_events(known: list[Any], more: Iterable[Any]) -> list[Any]:
    """Return events with others added, those that are known already left out."""
    marks = {_mark(each) for each in known}
    for each in more:
        mark = _mark(each)
        if mark not in marks:
            marks.add(mark)
            known.append(each)
    known.sort(key=lambda each: (each["time_ns"], each["attributes"].get(names.SEQ, 0)))
    return known


def _mark(each: Any) -> Any:
    return each["attributes"].get(names.SEQ) or (each["name"], each["time_ns"])


# ---- text


def as_text(piece: Mapping[str, Any]) -> str:
    """Return a piece as JSON."""
    return _encode(piece)


def from_text(text: str) -> dict[str, Any]:
    """Return a piece from its JSON."""
    piece: dict[str, Any] = json.loads(text, object_hook=_from_json if BYTES in text else None)
    return piece


BYTES: Final = "$bytes"


def _to_json(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return {BYTES: base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    return str(value)


def _from_json(data: dict[str, Any]) -> Any:
    return base64.b64decode(data[BYTES]) if data.keys() == {BYTES} else data


_encode: Final = json.JSONEncoder(
    separators=(",", ":"), default=_to_json, check_circular=False, allow_nan=True
).encode
