"""
Messages as dicts, in the form of chat APIs: `{"role": "user", "content": "…", "id": "…"}`.

Rule: these are what state holds where LangChain is not installed, so nothing here knows LangChain.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

__all__ = ["PlainMessages"]

HINT = "or install LangChain's messages: pip install 'otgraph[langchain]'"


class PlainMessages:
    """Makes and reads messages that are dicts; the methods are those of `LangChainMessages`."""

    @staticmethod
    def made(value: Any) -> list[Any]:
        """
        Return what a list of messages, or a single one, stands for.

        Raises:
            TypeError: something in it is no dict, no text and no pair of role and text.
            ValueError: a dict lacks its role.
        """
        return [_made(item) for item in (value if isinstance(value, list) else [value])]

    @staticmethod
    def identified(message: Any) -> Any:
        """Return a message that has an id; the one that was given stays as it is."""
        return message if message.get("id") is not None else {**message, "id": str(uuid4())}

    @staticmethod
    def id_of(message: Any) -> Any:
        """Return the id of a message, or None."""
        return message.get("id")

    @staticmethod
    def removes(message: Any) -> bool:
        """Say whether a message stands for the removal of the one with its id."""
        return bool(message.get("role") == "remove")

    @staticmethod
    def formatted(messages: list[Any]) -> list[Any]:
        """
        Return messages in the form of `format="langchain-openai"`.

        Raises:
            ImportError: always.
        """
        raise ImportError(f"format='langchain-openai' is LangChain's: leave it out, {HINT}")


def _made(item: Any) -> dict[str, Any]:
    if isinstance(item, str):
        return {"role": "user", "content": item}
    if isinstance(item, tuple) and len(item) == 2:
        return {"role": item[0], "content": item[1]}
    if not isinstance(item, dict):
        raise TypeError(
            f"a message is a dict such as {{'role': 'user', 'content': '…'}}, a text, or a pair of role and text, "
            f"not {item!r}; give one of these, {HINT}"
        )
    if "role" not in item:
        raise ValueError(
            f"a message needs a role, such as {{'role': 'user', 'content': '…'}}, and {item!r} has none"
        )
    return item
