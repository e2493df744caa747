"""Messages, instructions and tools of any client, in the form that the GenAI conventions have for them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from otgraph.messages.convention import shown_answer, shown_instructions, shown_messages, shown_tools

HI = {"type": "text", "content": "hi"}
CALL = {"type": "tool_call", "id": "1", "name": "add", "arguments": {"a": 1}}


@pytest.mark.parametrize(
    ("given", "role", "parts"),
    [
        ("hi", "user", [HI]),
        (("ai", "hi"), "assistant", [HI]),
        ({"role": "user", "content": "hi"}, "user", [HI]),
        (SimpleNamespace(role="developer", content="hi"), "developer", [HI]),
        ({"role": "user", "content": [{"type": "input_text", "text": "hi"}]}, "user", [HI]),
        ({"role": "assistant", "content": None}, "assistant", []),
        ({"role": "assistant", "content": ""}, "assistant", []),
        (
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "1", "function": {"name": "add", "arguments": '{"a": 1}'}}],
            },
            "assistant",
            [CALL],
        ),
        (
            {
                "role": "assistant",
                "tool_calls": [{"id": "1", "function": {"name": "add", "arguments": "{a"}}],
            },
            "assistant",
            [{**CALL, "arguments": "{a"}],
        ),
        (
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "so"},
                    {"type": "tool_use", "id": "1", "name": "add", "input": {"a": 1}},
                ],
            },
            "assistant",
            [{"type": "reasoning", "content": "so"}, CALL],
        ),
        (
            {"role": "tool", "tool_call_id": "1", "content": "2"},
            "tool",
            [{"type": "tool_call_response", "id": "1", "response": "2"}],
        ),
        (
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "2"}]},
            "user",
            [{"type": "tool_call_response", "id": "1", "response": "2"}],
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://cat"}}]},
            "user",
            [{"type": "uri", "modality": "image", "uri": "http://cat"}],
        ),
        (
            {"role": "user", "content": [{"type": "audio", "data": "AAAA"}, {"odd": 1}]},
            "user",
            [{"type": "audio", "data": "AAAA"}, {"type": "unknown", "odd": 1}],
        ),
    ],
)
def test_messages(given: Any, role: str, parts: list[Any]) -> None:
    """A message of any client has a role and parts; what has no form there is shown as it is."""
    assert [{"role": role, "parts": parts}] == shown_messages([given])
    assert [{"role": role, "parts": parts}] == shown_messages(given)


def test_messages_of_langchain() -> None:
    """LangChain's have the same form; a call that the content repeats in the provider's form is shown once."""
    messages = pytest.importorskip("langchain_core.messages")
    calls = [{"id": "1", "name": "add", "args": {"a": 1}}]
    repeated = [
        {"type": "text", "text": "hi"},
        {"type": "tool_use", "id": "1", "name": "add", "input": {"a": 1}},
    ]
    assert [
        {"role": "system", "parts": [HI]},
        {"role": "user", "parts": [HI]},
        {"role": "assistant", "parts": [HI, CALL]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": "2"}]},
        {"role": "assistant", "parts": [HI]},
    ] == shown_messages(
        [
            messages.SystemMessage("hi"),
            messages.HumanMessage("hi"),
            messages.AIMessage(repeated, tool_calls=calls),
            messages.ToolMessage("2", tool_call_id="1"),
            messages.AIMessageChunk("hi"),
        ]
    )


@pytest.mark.parametrize(
    ("given", "told", "reason"),
    [
        ({"role": "assistant", "content": "hi"}, "length", "length"),
        ({"role": "assistant", "content": "hi"}, None, "stop"),
        (
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "add"}]},
            None,
            "tool_call",
        ),
    ],
)
def test_answers(given: Any, told: str | None, reason: str) -> None:
    """An answer always says why it ended, as the conventions want it."""
    assert reason == shown_answer(given, told)["finish_reason"]


@pytest.mark.parametrize(
    "given", ["hi", ["hi"], {"role": "system", "content": "hi"}, [{"type": "text", "text": "hi"}]]
)
def test_instructions(given: Any) -> None:
    """A text, a message and the parts of one are the same instructions."""
    assert [HI] == shown_instructions(given)


@pytest.mark.parametrize(
    "given",
    [
        {
            "type": "function",
            "function": {"name": "add", "description": "Add.", "parameters": {"type": "object"}},
        },
        {"type": "function", "name": "add", "description": "Add.", "parameters": {"type": "object"}},
        {"name": "add", "description": "Add.", "input_schema": {"type": "object"}},
        SimpleNamespace(name="add", description="Add.", input_schema={"type": "object"}),
    ],
)
def test_tools(given: Any) -> None:
    """A tool has one form, whoever's client it was made for."""
    told = {"type": "function", "name": "add", "description": "Add.", "parameters": {"type": "object"}}
    assert [told] == shown_tools([given])


def test_tools_of_the_provider() -> None:
    """One that the provider runs keeps its own type and fields."""
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 5}
    assert [search, {"type": "function", "name": "bare"}] == shown_tools([search, {"name": "bare"}])
