"""
manager_for: the callbacks of one call of a node.

Rule: each graph tells of its own nodes, so the handlers of calls around are taken out; the user's own stay.
"""

from __future__ import annotations

from typing import Any, Final

from langchain_core.callbacks import BaseCallbackManager, CallbackManager

from otgraph.langchain.handler import LifeHandler, TokenHandler
from otgraph.langchain.model_calls import ModelHandler
from otgraph.langchain.tools import ToolHandler
from otgraph.langchain.wanted import Wanted
from otgraph.runtime import Scope

__all__ = ["manager_for", "without_own"]

OWN: Final = (LifeHandler, ModelHandler, ToolHandler)
"""The handlers of ours; LangChain itself adds one of models where there is none."""


def _heard(scope: Scope, wanted: Wanted) -> LifeHandler:
    if not wanted.tokens:
        return LifeHandler(scope)
    if not wanted.blocks:
        return TokenHandler(scope, wanted.life)
    # Imported where it is wanted: not every release of LangChain has it.
    from otgraph.langchain.blocks import BlockHandler

    return BlockHandler(scope, wanted.life)


def manager_for(scope: Scope, given: Any, metadata: dict[str, Any], tags: list[str], wanted: Wanted) -> Any:
    """
    Return the callbacks of one call of a node: those that its run was given, and handlers of ours.

    Args:
        given: handlers, a manager, or None.
        metadata: what LangChain is to say of all that is below, in this order.
    """
    own: list[Any] = []
    if wanted.tokens or wanted.life:
        own.append(_heard(scope, wanted))
    if wanted.tools:
        own.append(ToolHandler(scope))
    given = without_own(given)
    if isinstance(given, BaseCallbackManager):
        for handler in own:
            given.add_handler(handler, inherit=True)
        given.add_tags([tag for tag in tags if tag not in given.inheritable_tags])
        given.add_metadata(metadata)
        return given
    handlers = [*(given or ()), *own]
    return CallbackManager(
        handlers=handlers,
        inheritable_handlers=list(handlers),
        tags=list(tags),
        inheritable_tags=list(tags),
        metadata=dict(metadata),
        inheritable_metadata=dict(metadata),
    )


def without_own(given: Any) -> Any:
    """Return callbacks without the handlers of calls around this one: each graph tells of its own nodes."""
    if isinstance(given, BaseCallbackManager):
        manager = given.copy()
        manager.handlers = _others(manager.handlers)
        manager.inheritable_handlers = _others(manager.inheritable_handlers)
        return manager
    return None if given is None else _others(given)


def _others(handlers: list[Any]) -> list[Any]:
    return [handler for handler in handlers if not isinstance(handler, OWN)]
