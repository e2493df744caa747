"""
Messages, instructions and tools in the JSON of the GenAI conventions, whatever client they are for.

Rule: LangChain's objects, those of model clients and dicts are told apart by their fields, never by their classes. What
has no form in the conventions is shown as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

__all__ = [
    "THOUGHTS",
    "field_of",
    "shown_answer",
    "shown_instructions",
    "shown_messages",
    "shown_output",
    "shown_tools",
]

ROLES: Final = {"human": "user", "ai": "assistant", "AIMessageChunk": "assistant"}
"""LangChain's type of a message -> the role, where that is another."""
ITEMS: Final = {"function_call": "assistant", "function_call_output": "tool", "reasoning": "assistant"}
"""Type of an item that OpenAI's Responses API is given, and that is no message -> the role."""
THOUGHTS: Final = ("reasoning_content", "reasoning")
"""Where an answer has the reasoning beside the content; providers call it by one name or the other."""
TEXTS: Final = frozenset({"text", "input_text", "output_text"})


def field_of(value: Any, key: str) -> Any:
    """Return an entry of a mapping or a field of an object; None where there is none."""
    return value.get(key) if isinstance(value, Mapping) else getattr(value, key, None)


def shown_messages(messages: Any) -> list[dict[str, Any]]:
    """Return messages, or a single one, as `gen_ai.input.messages` has them."""
    several = isinstance(messages, Iterable) and not isinstance(messages, (str, tuple, Mapping))
    if several and field_of(messages, "content") is None:
        return [_message(each) for each in messages]
    return [_message(messages)]


def shown_answer(message: Any, reason: Any = None) -> dict[str, Any]:
    """
    Return an answer as `gen_ai.output.messages` has it.

    Args:
        reason: why the model stopped; where nobody says so, it is what the answer looks like.
    """
    shown = _message(message)
    shown["finish_reason"] = str(reason or _looks_like(shown))
    return shown


def shown_output(items: Iterable[Any]) -> dict[str, Any]:
    """Return the items of an answer of OpenAI's Responses API, which are one answer, as `shown_answer` does."""
    shown: dict[str, Any] = {"role": "assistant", "parts": [part for item in items for part in _item(item)]}
    shown["finish_reason"] = _looks_like(shown)
    return shown


def _looks_like(shown: Mapping[str, Any]) -> str:
    return "tool_call" if any(part.get("type") == "tool_call" for part in shown["parts"]) else "stop"


def _item(item: Any) -> Iterator[dict[str, Any]]:
    """Yield the parts of an item of the Responses API."""
    kind = field_of(item, "type")
    if kind == "function_call":
        yield _called(field_of(item, "call_id"), field_of(item, "name"), field_of(item, "arguments"))
    elif kind == "function_call_output":
        yield _result(field_of(item, "call_id"), field_of(item, "output"))
    elif kind == "reasoning":
        told = [field_of(each, "text") or "" for each in field_of(item, "summary") or ()]
        yield {"type": "reasoning", "content": "\n".join(told)}
    else:
        yield from _parts(field_of(item, "content"))


def shown_instructions(value: Any) -> list[dict[str, Any]]:
    """Return a text, a message or parts of one as `gen_ai.system_instructions` has them."""
    content = field_of(value, "content")
    return list(_parts(value if content is None else content))


def shown_tools(tools: Iterable[Any]) -> list[Any]:
    """Return tools as `gen_ai.tool.definitions` has them."""
    return [_tool(tool) for tool in tools]


def _tool(tool: Any) -> Any:
    function = field_of(tool, "function")
    about = tool if function is None else function
    parameters = field_of(about, "parameters") or field_of(about, "input_schema")
    kind = field_of(tool, "type")
    if function is None and kind not in (None, "function", "custom"):
        # One that the provider runs.
        return tool
    told = {"name": field_of(about, "name"), "description": field_of(about, "description")}
    shown = {"type": "function", **{key: value for key, value in told.items() if value is not None}}
    return shown if parameters is None else {**shown, "parameters": parameters}


def _message(message: Any) -> dict[str, Any]:
    if isinstance(message, str):
        message = {"role": "user", "content": message}
    elif isinstance(message, tuple) and len(message) == 2:
        message = {"role": message[0], "content": message[1]}
    role = field_of(message, "role") or field_of(message, "type") or "user"
    content = field_of(message, "content")
    if role in ITEMS:
        role, parts = ITEMS[role], list(_item(message))
    elif role == "tool":
        parts = [_result(field_of(message, "tool_call_id"), content)]
    else:
        calls = field_of(message, "tool_calls") or ()
        # LangChain tells of calls beside the content, which may have them in the form of the provider, too.
        parts = [part for part in _parts(content) if not (calls and part.get("type") == "tool_call")]
        parts = [*_beside(message), *parts, *map(_call, calls)]
    return {"role": ROLES.get(role, str(role)), "parts": parts}


def _beside(message: Any) -> Iterator[dict[str, Any]]:
    """Yield what providers that speak OpenAI's protocol tell beside the content: reasoning, and a refusal."""
    for key in THOUGHTS:
        thought = field_of(message, key)
        if isinstance(thought, str) and thought:
            yield {"type": "reasoning", "content": thought}
            break
    refusal = field_of(message, "refusal")
    if isinstance(refusal, str) and refusal:
        yield {"type": "refusal", "refusal": refusal}


def _parts(content: Any) -> Iterator[dict[str, Any]]:
    for part in [content] if isinstance(content, (str, Mapping)) else content or ():
        if part == "":
            continue
        kind = field_of(part, "type")
        if isinstance(part, str):
            yield {"type": "text", "content": part}
        elif kind in TEXTS:
            yield {"type": "text", "content": field_of(part, "text")}
        elif kind in ("thinking", "reasoning"):
            yield {"type": "reasoning", "content": field_of(part, kind) or ""}
        elif kind == "image_url":
            url = field_of(part, "image_url")
            yield {
                "type": "uri",
                "modality": "image",
                "uri": url if isinstance(url, str) else field_of(url, "url"),
            }
        elif kind == "tool_use":
            yield _called(field_of(part, "id"), field_of(part, "name"), field_of(part, "input"))
        elif kind == "tool_result":
            yield _result(field_of(part, "tool_use_id"), field_of(part, "content"))
        elif isinstance(part, Mapping):
            yield {"type": "unknown", **part}
        else:
            yield {"type": str(kind or "unknown"), "content": part}


def _call(call: Any) -> dict[str, Any]:
    function = field_of(call, "function")
    if function is None:
        return _called(field_of(call, "id"), field_of(call, "name"), field_of(call, "args"))
    return _called(field_of(call, "id"), field_of(function, "name"), field_of(function, "arguments"))


def _called(key: Any, name: Any, arguments: Any) -> dict[str, Any]:
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            # A model may write no JSON, which is what somebody will want to see.
            pass
    return {"type": "tool_call", "id": key, "name": name, "arguments": arguments}


def _result(key: Any, response: Any) -> dict[str, Any]:
    return {"type": "tool_call_response", "id": key, "response": response}
