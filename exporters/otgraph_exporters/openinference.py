"""
OpenInference: otgraph's spans as Phoenix and Arize read them.

Rule: attributes are added, none is changed or taken away, and only to otgraph's own spans. Content appears under
other names exactly where it is captured already. The span itself stays as it is: other exporters do not see them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otgraph.tracing import names

__all__ = ["OpenInferenceExporter", "OpenInferenceProcessor", "openinference_attributes"]

KIND: Final = "openinference.span.kind"
NODE_ID, NODE_NAME, NODE_PARENT = "graph.node.id", "graph.node.name", "graph.node.parent_id"
SESSION: Final = "session.id"

KINDS: Final = {
    names.RUN_SPAN: "CHAIN",
    names.AGENT_SPAN: "AGENT",
    names.TASK_SPAN: "CHAIN",
    names.TOOL_SPAN: "TOOL",
    "chat": "LLM",
    "text_completion": "LLM",
    "generate_content": "LLM",
    "embeddings": "EMBEDDING",
}
"""`gen_ai.operation.name` -> kind of span."""

RENAMED: Final = {
    names.CONVERSATION: SESSION,
    names.AGENT: "agent.name",
    names.TOOL: "tool.name",
    names.TOOL_DESCRIPTION: "tool.description",
    names.TOOL_CALL_ID: "tool.id",
    names.REQUEST_MODEL: "llm.model_name",
    names.RESPONSE_MODEL: "llm.model_name",
    names.PROVIDER: "llm.provider",
}
"""Attribute of otgraph's -> the same as OpenInference calls it; where two are the same, the later one."""

TOKENS: Final = {
    names.INPUT_TOKENS: "llm.token_count.prompt",
    names.OUTPUT_TOKENS: "llm.token_count.completion",
    names.CACHE_READ_TOKENS: "llm.token_count.prompt_details.cache_read",
    names.CACHE_WRITE_TOKENS: "llm.token_count.prompt_details.cache_write",
    names.REASONING_TOKENS: "llm.token_count.completion_details.reasoning",
    names.AUDIO_INPUT_TOKENS: "llm.token_count.prompt_details.audio",
    names.AUDIO_OUTPUT_TOKENS: "llm.token_count.completion_details.audio",
}
"""The same on calls of models."""

CONTENT: Final = {
    "TOOL": (names.TOOL_ARGUMENTS, names.TOOL_RESULT),
    "LLM": (names.INPUT_MESSAGES, names.OUTPUT_MESSAGES),
}
"""Kind -> what holds the input and the output, where content is captured."""

JSON: Final = "application/json"


def openinference_attributes(span: ReadableSpan, nodes: Nodes | None = None) -> dict[str, Any]:
    """
    Return what OpenInference says of a span of otgraph's; nothing for any other.

    Args:
        nodes: the tasks that were seen before, to find those that made this one due.
    """
    scope = span.instrumentation_scope
    told: Mapping[str, Any] = span.attributes or {}
    if scope is None or scope.name != names.SCOPE:
        return {}
    kind = KINDS.get(told.get(names.OPERATION, ""), "CHAIN")
    made: dict[str, Any] = {KIND: kind, **_node(span, told, nodes)}
    for ours, theirs in RENAMED.items():
        if ours in told:
            made[theirs] = told[ours]
    tags = told.get(names.TAGS)
    if tags:
        made["tag.tags"] = list(tags)
    if kind == "LLM":
        made.update(_tokens(told))
    made.update(_content(span, kind, told))
    return made


class Nodes:
    """Which node a span is of, for the newest few thousand."""

    def __init__(self) -> None:
        self._names: dict[tuple[int, int], str] = {}

    def add(self, span: ReadableSpan, node: str) -> None:
        """Remember a task."""
        self._names[span.context.trace_id, span.context.span_id] = node
        if len(self._names) > REMEMBERED:
            del self._names[next(iter(self._names))]

    def before(self, span: ReadableSpan) -> str | None:
        """Return the node that made a task due, if it was seen; one of them, if there are several."""
        for link in span.links:
            found = self._names.get((link.context.trace_id, link.context.span_id))
            if found is not None:
                return found
        return None


REMEMBERED: Final = 8192


def _node(span: ReadableSpan, told: Mapping[str, Any], nodes: Nodes | None) -> dict[str, Any]:
    """Return which node of the execution graph a task is, and which one comes before it."""
    node = told.get(names.NODE)
    if node is None or names.TASK_ID not in told:
        return {}
    made = {NODE_ID: node, NODE_NAME: node}
    ns = told.get(names.NS) or told.get(names.TASK_NS)
    # `node:task_id` for each level: the innermost is the node that a graph inside is a part of.
    parent = ns.rpartition("|")[2].partition(":")[0] if ns else None
    if nodes is not None:
        parent = nodes.before(span) or parent
        nodes.add(span, node)
    if parent is not None:
        made[NODE_PARENT] = parent
    return made


def _tokens(told: Mapping[str, Any]) -> dict[str, Any]:
    made = {theirs: told[ours] for ours, theirs in TOKENS.items() if ours in told}
    if names.INPUT_TOKENS in told and names.OUTPUT_TOKENS in told:
        made["llm.token_count.total"] = told[names.INPUT_TOKENS] + told[names.OUTPUT_TOKENS]
    if names.USED_COST in told:
        made["llm.cost.total"] = told[names.USED_COST]
    reasons = told.get(names.FINISH_REASONS)
    if reasons:
        made["llm.finish_reason"] = reasons[0]
    return made


def _content(span: ReadableSpan, kind: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the input and the output of a span, of which only captured content tells."""
    if kind in CONTENT:
        given, answered = (told.get(key) for key in CONTENT[kind])
    else:
        # Of a run that was given messages, these say more than its state.
        given = told.get(names.INPUT_MESSAGES, told.get(names.PAYLOAD))
        answered = told.get(names.OUTPUT_MESSAGES, _written(span))
    made: dict[str, Any] = {}
    for what, value in (("input", given), ("output", answered)):
        if value is not None:
            made[f"{what}.value"] = value
            made[f"{what}.mime_type"] = JSON
    if kind == "LLM":
        for what, value in (("input", given), ("output", answered)):
            made.update(_messages(f"llm.{what}_messages", value))
    return made


def _written(span: ReadableSpan) -> Any:
    """Return what a task wrote or a superstep changed, as it was captured."""
    for event in reversed(span.events):
        if event.name in ("otgraph.task.committed", "otgraph.superstep.applied"):
            return (event.attributes or {}).get(names.PAYLOAD)
    return None


def _messages(prefix: str, text: Any) -> dict[str, Any]:
    """Return messages in the form of the GenAI conventions, flat as OpenInference has them."""
    try:
        messages = json.loads(text) if isinstance(text, str) else []
    except ValueError:
        return {}
    made: dict[str, Any] = {}
    for number, message in enumerate(messages if isinstance(messages, list) else []):
        if isinstance(message, dict):
            at = f"{prefix}.{number}.message"
            made[f"{at}.role"] = str(message.get("role", ""))
            made.update(_parts(at, [part for part in message.get("parts") or () if isinstance(part, dict)]))
    return made


def _parts(at: str, parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a message consists of: texts, calls of tools, the answer to one."""
    made: dict[str, Any] = {}
    words = [part["content"] for part in parts if isinstance(part.get("content"), str)]
    for part in parts:
        if part.get("type") == "tool_call_response":
            response = part.get("response")
            words.append(response if isinstance(response, str) else json.dumps(response))
            made[f"{at}.tool_call_id"] = str(part.get("id", ""))
    if words:
        made[f"{at}.content"] = "\n".join(words)
    for number, call in enumerate(part for part in parts if part.get("type") == "tool_call"):
        called = f"{at}.tool_calls.{number}.tool_call"
        made[f"{called}.id"] = str(call.get("id", ""))
        made[f"{called}.function.name"] = str(call.get("name", ""))
        made[f"{called}.function.arguments"] = json.dumps(call.get("arguments"))
    return made


def _with_more(span: ReadableSpan, nodes: Nodes) -> ReadableSpan:
    more = openinference_attributes(span, nodes)
    if not more:
        return span
    told = span.attributes or {}
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={**{key: value for key, value in more.items() if key not in told}, **told},
        events=span.events,
        links=span.links,
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


class OpenInferenceExporter(SpanExporter):
    """
    Adds what OpenInference calls things, and hands spans on.

    Args:
        exporter: who exports them; by default OTLP over HTTP, as the variables `OTEL_EXPORTER_OTLP_…` say.
    """

    def __init__(self, exporter: SpanExporter | None = None) -> None:
        if exporter is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            exporter = OTLPSpanExporter()
        self._exporter = exporter
        self._nodes = Nodes()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export spans with more attributes."""
        return self._exporter.export([_with_more(span, self._nodes) for span in spans])

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Ask who exports to do so now."""
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """Shut down who exports."""
        self._exporter.shutdown()


class OpenInferenceProcessor(SpanProcessor):
    """
    The same in front of a span processor.

    Args:
        processor: who is handed the spans, such as a `BatchSpanProcessor`.
    """

    def __init__(self, processor: SpanProcessor) -> None:
        self._processor = processor
        self._nodes = Nodes()

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        """Hand the start on."""
        self._processor.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Hand the span on with more attributes."""
        self._processor.on_end(_with_more(span, self._nodes))

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flush who is behind it."""
        return self._processor.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """Shut down who is behind it."""
        self._processor.shutdown()
