"""
What tools return, made into an update of the state.

Rule: every call of the model's is answered by one message of its id, or the history that follows is refused by the
model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from langchain_core.messages import RemoveMessage, ToolCall, ToolMessage, convert_to_messages
from langchain_core.tools.base import TOOL_MESSAGE_BLOCK_TYPES

from otgraph.command import Command, Send

__all__ = ["Form", "combined", "content_of", "result_of"]

REMOVE_ALL = "__remove_all__"


class Form(NamedTuple):
    """How the node's update looks."""

    key: str
    """Where the messages of the state are."""
    plain: bool
    """Whether the state is a list of messages."""


def result_of(result: Any, call: ToolCall, form: Form) -> Any:
    """
    Return a tool's result, if it answers the call.

    Raises:
        ValueError: a `Command` or a list that does not.
        TypeError: something that is no result of a tool.
    """
    if isinstance(result, Command):
        return _checked(result, call, form)
    if isinstance(result, ToolMessage):
        result.content = content_of(result.content)
        return result
    if isinstance(result, list) and all(isinstance(item, (Command, ToolMessage)) for item in result):
        return _checked_list(result, call, form)
    raise TypeError(f"Tool {call['name']} returned unexpected type: {type(result)}")


def content_of(content: Any) -> Any:
    """Return what a model is shown: text and blocks as they are, anything else as JSON."""
    if isinstance(content, str) or (
        isinstance(content, list)
        and all(
            isinstance(item, Mapping) and item.get("type") in TOOL_MESSAGE_BLOCK_TYPES for item in content
        )
    ):
        return content
    try:
        return json.dumps(content, ensure_ascii=False)
    except TypeError:
        return str(content)


def _checked_list(results: list[Any], call: ToolCall, form: Form) -> list[Any]:
    answers = sum(_answers(_messages_in(item, call, form), call) for item in results)
    if answers != 1:
        raise ValueError(
            f"Tool {call['name']} returned a list with {answers} messages bound to tool_call_id {call['id']!r}; "
            "expected exactly one terminating ToolMessage."
        )
    for command in results:
        if isinstance(command, Command):
            _name(_messages_in(command, call, form), call)
    return results


def _checked(command: Command[Any], call: ToolCall, form: Form) -> Command[Any]:
    if command.update is None:
        return command
    if command.graph == Command.PARENT:
        if isinstance(command.update, Mapping):
            _name(_messages_in(command, call, Form(form.key, plain=False)), call)
        return command
    messages = _messages_in(command, call, form)
    clears = any(isinstance(message, RemoveMessage) and message.id == REMOVE_ALL for message in messages)
    if not clears and not _answers(messages, call):
        example = (
            '`Command(update={"messages": [ToolMessage("Success", tool_call_id=tool_call_id), ...]}, ...)`'
            if not form.plain
            else '`Command(update=[ToolMessage("Success", tool_call_id=tool_call_id), ...], ...)`'
        )
        raise ValueError(
            f"Expected to have a matching ToolMessage in Command.update for tool {call['name']!r}, got: {messages}. "
            "Every tool call (LLM requesting to call a tool) in the message history MUST have a corresponding "
            f"ToolMessage. You can fix it by modifying the tool to return {example}."
        )
    _name(messages, call)
    return command


def _messages_in(item: Any, call: ToolCall, form: Form) -> list[Any]:
    if isinstance(item, ToolMessage):
        return [item]
    update = item.update
    if isinstance(update, Mapping):
        if form.plain:
            raise ValueError(
                "Tools can provide a dict in Command.update only when using dict with 'messages' key as ToolNode "
                f"input, got: {update} for tool '{call['name']}'"
            )
        given = update.get(form.key, [])
    elif isinstance(update, list):
        if not form.plain:
            raise ValueError(
                "Tools can provide a list of messages in Command.update only when using list of messages as ToolNode "
                f"input, got: {update} for tool '{call['name']}'"
            )
        given = update
    else:
        return []
    return list(convert_to_messages(given if isinstance(given, Sequence) else [given]))


def _answers(messages: Sequence[Any], call: ToolCall) -> int:
    return sum(
        isinstance(message, ToolMessage) and message.tool_call_id == call["id"] for message in messages
    )


def _name(messages: Sequence[Any], call: ToolCall) -> None:
    """Have the answer bear the name of the tool."""
    for message in messages:
        if isinstance(message, ToolMessage) and message.tool_call_id == call["id"]:
            message.name = message.name or call["name"]


def combined(results: Sequence[Any], form: Form) -> Any:
    """Return the results of all calls as what the node returns."""
    flat = [item for result in results for item in (result if isinstance(result, list) else [result])]
    if not any(isinstance(item, Command) for item in flat):
        return flat if form.plain else {form.key: flat}
    updates: list[Any] = []
    sends: list[Send] = []
    for item in flat:
        if not isinstance(item, Command):
            updates.append([item] if form.plain else {form.key: [item]})
        elif item.graph == Command.PARENT and _only_sends(item.goto):
            sends.extend(_targets(item.goto))
        else:
            updates.append(item)
    if sends:
        # A graph is left once: the routes of all calls that leave it go together, and only they.
        updates.append(Command(graph=Command.PARENT, goto=sends))
    return updates


def _targets(goto: Any) -> list[Any]:
    return list(goto) if isinstance(goto, (list, tuple)) else [goto]


def _only_sends(goto: Any) -> bool:
    targets = _targets(goto)
    return bool(targets) and all(isinstance(target, Send) for target in targets)
