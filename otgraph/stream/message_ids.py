"""
The ids of messages: of live ones, and of those that come from a trace.

Rule: a message that was recorded has the id that it had.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from otgraph.langchain.messages import messages_in
from otgraph.missing import MISSING
from otgraph.tracing.payload import Captured

__all__ = ["id_of", "ids_in"]


def id_of(message: Any) -> str | None:
    """Return the id of a message, if it has one."""
    # Most are live, and are asked for with every token.
    found: Any = getattr(message, "id", MISSING)
    if found is MISSING:
        fields = message.value if isinstance(message, Captured) else message
        found = fields.get("id") if isinstance(fields, dict) else None
    return found  # type: ignore[no-any-return]


def ids_in(value: Any) -> Iterator[str]:
    """Yield the ids of the messages in what a node was given."""
    for message in (*messages_in(value), *_recorded(value)):
        found = id_of(message)
        if found is not None:
            yield found


def _recorded(value: Any) -> Iterator[Captured]:
    """Yield recorded messages where `messages_in` finds live ones."""
    for item in _parts(value):
        if isinstance(item, (list, tuple)):
            yield from (each for each in item if _is_message(each))
        elif _is_message(item):
            yield item


def _parts(value: Any) -> Iterable[Any]:
    if _is_message(value) or isinstance(value, (list, tuple)):
        return (value,)
    if isinstance(value, Captured):
        value = value.value
    return value.values() if isinstance(value, dict) else ()


def _is_message(value: Any) -> bool:
    return (
        isinstance(value, Captured)
        and isinstance(value.value, dict)
        and {"content", "id"} <= value.value.keys()
    )
