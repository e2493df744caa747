"""
Content in the attributes that the GenAI conventions have for it: messages, instructions, tools, arguments, results.

Rule: redacted first, then capped; on spans it is JSON text, in log records it is data. What cannot be told is left out,
and counted as a fault.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from otgraph.langchain.messages import messages_in
from otgraph.messages.convention import field_of, shown_answer, shown_messages
from otgraph.tracing import names
from otgraph.tracing.faults import faults
from otgraph.tracing.options import TelemetryOptions
from otgraph.tracing.payload import dumps_within
from otgraph.tracing.redaction import redacted
from otgraph.tracing.span import Span

__all__ = ["as_attributes", "as_data", "show_asked", "show_given", "show_said"]

TOLD: Final = frozenset({"user", "system", "developer"})
"""The roles of messages that a run is given."""
WHERE: Final = "content capture"


def as_attributes(options: TelemetryOptions, attribute: str, value: Any) -> dict[str, Any]:
    """Return the attributes by which a span tells `value`; none where content is not captured on spans."""
    if not options.captures:
        return {}
    told = _told(options, attribute, value)
    if told is None:
        return {}
    text, cut = told
    return {attribute: text, names.TRUNCATED: True} if cut else {attribute: text}


def as_data(options: TelemetryOptions, attribute: str, value: Any) -> dict[str, Any]:
    """Return the attributes by which a log record tells `value`; none where content is not captured in them."""
    if not options.captures_events:
        return {}
    told = _told(options, attribute, value)
    if told is None:
        return {}
    text, cut = told
    data = json.loads(text)
    return {attribute: data, names.TRUNCATED: True} if cut else {attribute: data}


def show_asked(options: TelemetryOptions, span: Span, asked: Mapping[str, Any]) -> None:
    """Have an agent's span tell the instructions and the tools of its model: those of the first call."""
    if names.TOOL_DEFINITIONS in asked and names.TOOL_DEFINITIONS not in span._attributes:
        span.annotate(as_attributes(options, names.TOOL_DEFINITIONS, asked[names.TOOL_DEFINITIONS]))
    if names.SYSTEM_INSTRUCTIONS in span._attributes:
        return
    instructions = list(asked.get(names.SYSTEM_INSTRUCTIONS, ()))
    for message in asked.get(names.INPUT_MESSAGES, ()):
        if message["role"] in ("system", "developer"):
            # Of the model's messages; the agent was given it apart from its own.
            instructions += message["parts"]
    if instructions:
        span.annotate(as_attributes(options, names.SYSTEM_INSTRUCTIONS, instructions))


def show_given(options: TelemetryOptions, span: Span, given: Any) -> None:
    """Have the span of a run tell which messages the run was given."""
    try:
        messages = shown_messages(_messages_in(given))
    except Exception as error:
        faults.count(error, WHERE)
        return
    if messages:
        span.annotate(as_attributes(options, names.INPUT_MESSAGES, messages))


def show_said(options: TelemetryOptions, span: Span, output: Callable[[], Any]) -> None:
    """Have the span of a run tell the message that the run ended with."""
    try:
        answers = [shown_answer(message) for message in _messages_in(output())[-1:]]
        # A run that has said nothing ends with what it was told.
        answers = [answer for answer in answers if answer["role"] not in TOLD]
    except Exception as error:
        faults.count(error, WHERE)
        return
    if answers:
        span.annotate(as_attributes(options, names.OUTPUT_MESSAGES, answers))


def _messages_in(value: Any) -> list[Any]:
    """Return the messages in a state or an input: those under `messages`, or the objects that are some."""
    held = field_of(value, "messages")
    if isinstance(held, (list, tuple)) and held:
        several = isinstance(held, list) or not isinstance(held[0], str)
        return list(held) if several else [held]
    return [held] if isinstance(held, str) else messages_in(value)


def _told(options: TelemetryOptions, attribute: str, value: Any) -> tuple[str, bool] | None:
    try:
        return dumps_within(redacted(options, attribute, value), options.max_payload)
    except Exception as error:
        faults.count(error, WHERE)
        return None
