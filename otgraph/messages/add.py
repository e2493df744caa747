"""
`add_messages`, the reducer of message lists, and `MessagesState`, the state made of one.

Rule: a message is known by its id; one without gets one. The same id is the same message, at its old place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Annotated, Any, Final, Literal, TypeAlias

from typing_extensions import TypedDict

from otgraph.messages.kind import Kind, kind_of_messages

__all__ = [
    "REMOVE_ALL_MESSAGES",
    "MessagesState",
    "add_messages",
    "merged_as",
    "merged_by_id",
    "merges_messages",
]

REMOVE_ALL_MESSAGES: Final = "__remove_all__"
"""The id with which a `RemoveMessage` removes whatever was there before it."""

Messages: TypeAlias = Any
"""A message, what stands for one, or a list of them."""
AnyMessage: TypeAlias = Any
"""A message of LangChain, or a dict where LangChain is not installed."""

Format: TypeAlias = Literal["langchain-openai"] | None


def add_messages(
    left: Messages | None = None,
    right: Messages | None = None,
    *,
    format: Format = None,
) -> list[Any] | Callable[[Messages, Messages], list[Any]]:
    """
    Merge two lists of messages; the reducer to annotate a key with: `Annotated[list, add_messages]`.

    A message of `right` replaces the one of `left` with its id, and is appended if there is none. A `RemoveMessage`
    removes the one with its id; with the id `REMOVE_ALL_MESSAGES`, all that was there before it. Texts, pairs of role
    and text, and dicts stand for messages; without LangChain, messages are dicts, and removals have the role `remove`.

    Args:
        format: `"langchain-openai"` for contents in the form of OpenAI's API; given alone, the result is the reducer.

    Raises:
        ValueError: only one of `left` and `right` is given, the format is unknown, or a message to be removed is
            not there.
    """
    if left is None and right is None:
        return partial(_add, format=format)
    if left is None or right is None:
        only = "right" if left is None else "left"
        raise ValueError(
            f"Must specify non-null arguments for both 'left' and 'right'. Only received: '{only}'."
        )
    return _add(left, right, format=format)


def _add(left: Messages, right: Messages, *, format: Format) -> list[Any]:
    if format not in ("langchain-openai", None):
        raise ValueError(f"Unrecognized format={format!r}. Expected one of 'langchain-openai', None.")
    kind = kind_of_messages()
    merged = merged_as(kind, left, right)
    return merged if format is None else kind.formatted(merged)


def merged_as(kind: Kind, left: Messages, right: Messages) -> list[Any]:
    """Merge two lists of messages of one kind."""
    return _merged(_identified(kind, left), _identified(kind, right), kind)


def merges_messages(reducer: Any) -> bool:
    """Say whether a reducer is `add_messages`, be it with a format."""
    return reducer is add_messages or (isinstance(reducer, partial) and reducer.func is _add)


def _identified(kind: Kind, value: Messages) -> list[Any]:
    id_of, identified = kind.id_of, kind.identified
    return [message if id_of(message) is not None else identified(message) for message in kind.made(value)]


def _merged(left: list[Any], right: list[Any], kind: Kind) -> list[Any]:
    for index in range(len(right) - 1, -1, -1):
        if kind.removes(right[index]) and kind.id_of(right[index]) == REMOVE_ALL_MESSAGES:
            return right[index + 1 :]
    return merged_by_id(left, right, kind.id_of, kind.removes, "a message")


def merged_by_id(
    left: list[Any],
    right: Iterable[Any],
    id_of: Callable[[Any], Any],
    removes: Callable[[Any], bool],
    what: str,
    replaced: Callable[[Any, Any], Any] = lambda before, after: after,
) -> list[Any]:
    """
    Merge lists of what is known by an id: the same id keeps its place, a new one is appended, a removal takes it away.

    Args:
        what: how an error calls one of them.
        replaced: `(before, after)` -> what stands where `before` stood.

    Raises:
        ValueError: what is to be removed is not there.
    """
    places = {id_of(message): index for index, message in enumerate(left)}
    merged = list(left)
    removed = set()
    for message in right:
        known = id_of(message)
        place = places.get(known)
        if removes(message):
            if place is None:
                raise ValueError(f"Attempting to delete {what} with an ID that doesn't exist ('{known}')")
            removed.add(known)
        elif place is None:
            places[known] = len(merged)
            merged.append(message)
        else:
            removed.discard(known)
            merged[place] = replaced(merged[place], message)
    return [message for message in merged if id_of(message) not in removed] if removed else merged


class MessagesState(TypedDict):
    """A state of messages; derive from it to add keys."""

    messages: Annotated[list[AnyMessage], add_messages]
    """The conversation so far."""
