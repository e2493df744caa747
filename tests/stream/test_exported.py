"""Exported spans as plain data: the same from OTLP bytes, from OTLP-JSON lines and from the SDK's own objects."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, Status, StatusCode

from otgraph.graph import START, StateGraph
from otgraph.telemetry import TelemetryOptions, read_otlp, read_otlp_json, read_spans, replay


def exported() -> InMemorySpanExporter:
    """Return an exporter with spans of a run and of others, with attributes of every kind."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    def node(state: Any) -> Any:
        with provider.get_tracer("library").start_as_current_span("call") as span:
            span.set_attributes(
                {"text": "ä", "int": -(2**62), "float": 1.5, "bool": True, "list": ["a", "b"]}
            )
            span.add_link(SpanContext(1, 2, is_remote=True), {"why": "because"})
            span.add_event("sent", {"ints": [1, 2], "empty": ""})
            span.set_status(Status(StatusCode.OK))
        return {"n": 2}

    graph = StateGraph(dict).add_node("a", node).add_edge(START, "a").compile()
    graph.invoke({"n": 1}, telemetry=TelemetryOptions(provider=provider, capture=True))
    return exporter


def hexed(value: Any) -> Any:
    """Return protobuf's JSON as OTLP wants it: ids in hex."""
    if isinstance(value, dict):
        return {
            key: base64.b64decode(item).hex() if key in ("traceId", "spanId", "parentSpanId") else hexed(item)
            for key, item in value.items()
        }
    return [hexed(item) for item in value] if isinstance(value, list) else value


def plain(spans: Any) -> Any:
    """Return spans with their tuples as lists: OTLP has but one kind of sequence."""
    return json.loads(json.dumps(list(spans)))


@pytest.mark.parametrize("enums", ["numbers", "names"])
def test_all_sources_tell_the_same(enums: str) -> None:
    """Bytes, JSON lines and SDK objects give equal spans, whether JSON names statuses or numbers them."""
    exporter = exported()
    request = encode_spans(exporter.get_finished_spans())
    expected = plain(read_spans(exporter.get_finished_spans()))
    assert 4 == len(expected)
    assert {"unset", "ok"} == {span["status"] for span in expected}
    linked = {"trace_id": f"{1:032x}", "span_id": f"{2:016x}", "attributes": {"why": "because"}}
    assert [linked] == [link for span in expected for link in span["links"]]
    by_id = {span["span_id"]: span for span in expected}
    assert by_id == {span["span_id"]: span for span in plain(read_otlp(request.SerializeToString()))}
    data = hexed(MessageToDict(request, use_integers_for_enums=enums == "numbers"))
    lines = json.dumps(data) + "\n\n" + json.dumps({"resourceSpans": []}) + "\n"
    assert by_id == {span["span_id"]: span for span in plain(read_otlp_json(lines))}
    assert by_id == {span["span_id"]: span for span in plain(read_otlp_json(lines.splitlines()))}


def test_several_messages() -> None:
    """Requests may be read one after another, or glued together as protobuf allows."""
    spans = exported().get_finished_spans()
    messages = [encode_spans([span]).SerializeToString() for span in spans]
    assert 4 == len(list(read_otlp(messages))) == len(list(read_otlp(b"".join(messages))))
    assert [{"n": 1}, {"n": 2}] == list(replay(read_otlp(messages), "values"))


def test_values_that_no_span_of_otgraph_has() -> None:
    """Bytes, nested lists and mappings, and attributes without a value are read too."""
    attributes = [
        {"key": "bytes", "value": {"bytesValue": base64.b64encode(b"\x00\x01").decode()}},
        {"key": "map", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"intValue": "7"}}]}}},
        {
            "key": "nested",
            "value": {"arrayValue": {"values": [{"arrayValue": {"values": []}}, {"doubleValue": 1}]}},
        },
        {"key": "none", "value": {}},
        {"key": "odd", "value": {"newValue": 1}},
    ]
    span = {"traceId": "0A" * 16, "spanId": "0B" * 8, "attributes": attributes}
    (read,) = read_otlp_json(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}))
    assert ("0a" * 16, "0b" * 8, None) == (read["trace_id"], read["span_id"], read["parent_id"])
    assert {"bytes": b"\x00\x01", "map": {"k": 7}, "nested": [[], 1.0], "none": None, "odd": None} == read[
        "attributes"
    ]
