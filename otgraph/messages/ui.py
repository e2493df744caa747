"""
UI messages: components that a node asks the application to show, in the stream `custom` and in the state.

Rule: a message is a dict, known by its id; the same id is the same component.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Literal, TypeAlias
from uuid import uuid4

from typing_extensions import TypedDict

from otgraph.messages.add import merged_by_id
from otgraph.runtime import SCOPE, get_config

__all__ = [
    "AnyUIMessage",
    "RemoveUIMessage",
    "UIMessage",
    "delete_ui_message",
    "push_ui_message",
    "ui_message_reducer",
]


class UIMessage(TypedDict):
    """A component to show."""

    type: Literal["ui"]
    id: str
    name: str
    """Which component."""
    props: dict[str, Any]
    """What it shows."""
    metadata: dict[str, Any]


class RemoveUIMessage(TypedDict):
    """A component to take away."""

    type: Literal["remove-ui"]
    id: str


AnyUIMessage: TypeAlias = UIMessage | RemoveUIMessage


def push_ui_message(
    name: str,
    props: dict[str, Any],
    *,
    id: str | None = None,
    metadata: dict[str, Any] | None = None,
    message: Any = None,
    state_key: str | None = "ui",
    merge: bool = False,
) -> UIMessage:
    """
    Hand a component to whoever streams `custom`, and write it to the state.

    Args:
        name: which component.
        props: what it shows.
        id: of the component that it replaces; a new one by default.
        metadata: more to say of it.
        message: the message that it belongs to.
        state_key: where it is written; None only to show it.
        merge: whether the props are added to those of the component with the same id.

    Raises:
        RuntimeError: outside of a run.
    """
    config = get_config()
    told = {
        "merge": merge,
        "run_id": config.get("run_id"),
        "tags": config.get("tags"),
        "name": config.get("run_name"),
        **(metadata or {}),
    }
    of = message.get("id") if isinstance(message, dict) else getattr(message, "id", None)
    if of:
        told["message_id"] = of
    shown = UIMessage(type="ui", id=id or str(uuid4()), name=name, props=props, metadata=told)
    _push(shown, state_key)
    return shown


def delete_ui_message(id: str, *, state_key: str = "ui") -> RemoveUIMessage:
    """Take a component away, in the stream `custom` and in the state; raise `RuntimeError` outside of a run."""
    get_config()
    removal = RemoveUIMessage(type="remove-ui", id=id)
    _push(removal, state_key)
    return removal


def _push(message: Any, state_key: str | None) -> None:
    scope = SCOPE.get()
    assert scope is not None
    scope.write(message)
    if state_key:
        scope.push(state_key, message)


def ui_message_reducer(
    left: list[AnyUIMessage] | AnyUIMessage, right: list[AnyUIMessage] | AnyUIMessage
) -> list[AnyUIMessage]:
    """
    Merge two lists of UI messages; the reducer to annotate a key with: `Annotated[list, ui_message_reducer]`.

    Raises:
        ValueError: a component that is to be taken away is not there.
    """
    return merged_by_id(
        left if isinstance(left, list) else [left],
        right if isinstance(right, list) else [right],
        itemgetter("id"),
        lambda message: message["type"] == "remove-ui",
        "an UI message",
        _replaced,
    )


def _replaced(before: Any, after: Any) -> Any:
    if after["metadata"].get("merge", False) and before["type"] == "ui":
        return {**after, "props": {**before["props"], **after["props"]}}
    return after
