"""
LangChain's messages: found in values, made of what stands for them.

Rule: looking for messages never imports LangChain: where nobody has imported it, there are none. What must make
messages imports it, if it is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from types import ModuleType
from typing import Any
from uuid import uuid4

from otgraph.command import Command

__all__ = ["identified", "installed", "messages_in"]


def installed() -> ModuleType | None:
    """Return `langchain_core.messages`, or None where LangChain is not installed."""
    try:
        from langchain_core import messages
    except ImportError:
        return None
    module: ModuleType = messages
    return module


def messages_in(value: Any) -> list[Any]:
    """
    Return the messages in what a node returned or was given.

    Those are the value itself, the items of a list, the values of a dict or of an object's fields, and the items of
    lists among these; of a `Command` its update, also in a list. Dicts and tuples that stand for messages do not count.
    """
    base = sys.modules.get("langchain_core.messages.base")
    kind = getattr(base, "BaseMessage", None)
    if value is None or kind is None:
        return []
    if isinstance(value, kind):
        return [value]
    if isinstance(value, Command):
        return messages_in(value.update)
    if isinstance(value, (list, tuple)):
        if any(isinstance(item, Command) for item in value):
            return [message for item in value for message in messages_in(item)]
        return [item for item in value if isinstance(item, kind)]
    found = []
    for item in _values(value):
        if isinstance(item, kind):
            found.append(item)
        elif isinstance(item, (list, tuple)):
            found += [each for each in item if isinstance(each, kind)]
    return found


def identified(message: Any) -> Any:
    """Return a message that has an id, if need be after giving it one."""
    if message.id is None:
        message.id = str(uuid4())
    return message


def _values(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name, None) for field in fields(value)]
    if hasattr(type(value), "model_fields"):
        return list(vars(value).values())
    return ()


class LangChainMessages:
    """
    Makes and reads messages that are objects of LangChain.

    Args:
        module: `langchain_core.messages`.
    """

    def __init__(self, module: Any) -> None:
        self._base = module.BaseMessage
        self._chunk = module.BaseMessageChunk
        self._removal = module.RemoveMessage
        self._convert = module.convert_to_messages
        self._complete = module.message_chunk_to_message
        self._openai = module.convert_to_openai_messages

    def made(self, value: Any) -> list[Any]:
        """Return what a list of messages, or a single one, stands for; chunks become messages."""
        base, chunk = self._base, self._chunk
        items = value if isinstance(value, list) else [value]
        if not all(isinstance(item, base) for item in items):
            items = self._convert(items)
        return [self._complete(item) if isinstance(item, chunk) else item for item in items]

    @staticmethod
    def identified(message: Any) -> Any:
        """Return a message that has an id, if need be after giving it one."""
        return identified(message)

    @staticmethod
    def id_of(message: Any) -> Any:
        """Return the id of a message, or None."""
        return message.id

    def removes(self, message: Any) -> bool:
        """Say whether a message stands for the removal of the one with its id."""
        return isinstance(message, self._removal)

    def formatted(self, messages: list[Any]) -> list[Any]:
        """Return messages with their content in the form of OpenAI's API."""
        found: list[Any] = self._convert(self._openai(messages))
        return found
