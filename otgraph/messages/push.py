"""
`push_message`: a message into the stream, and into the state, before its node returns.

Rule: the message is shown at once; it becomes state with what its node returns, before that.
"""

from __future__ import annotations

from typing import Any

from otgraph.messages.kind import kind_of_messages
from otgraph.runtime import SCOPE, get_config

__all__ = ["push_message"]


def push_message(message: Any, *, state_key: str | None = "messages") -> Any:
    """
    Hand a whole message to whoever streams `messages`, and write it to the state.

    Args:
        message: a message with an id, or what stands for one.
        state_key: where it is written; None only to show it.

    Raises:
        RuntimeError: outside of a run.
        ValueError: the message has no id.
    """
    config = get_config()
    kind = kind_of_messages()
    (made,) = kind.made([message])
    if kind.id_of(made) is None:
        raise ValueError(f"Message ID is required: give {made!r} an id")
    scope = SCOPE.get()
    assert scope is not None
    scope.tell(made, config["metadata"])
    if state_key:
        scope.push(state_key, made)
    return made
