"""
How an agent's interrupt and its answer look, where a user interface expects a certain shape.

Rule: shapes only; `interrupt` takes any value.
"""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

__all__ = ["ActionRequest", "HumanInterrupt", "HumanInterruptConfig", "HumanResponse"]


class HumanInterruptConfig(TypedDict):
    """What a human may do."""

    allow_ignore: bool
    allow_respond: bool
    allow_edit: bool
    allow_accept: bool


class ActionRequest(TypedDict):
    """What the agent wants to do."""

    action: str
    args: dict[str, Any]


class HumanInterrupt(TypedDict):
    """What a human is asked."""

    action_request: ActionRequest
    config: HumanInterruptConfig
    description: str | None


class HumanResponse(TypedDict):
    """What a human answers."""

    type: Literal["accept", "ignore", "response", "edit"]
    args: str | ActionRequest | None
