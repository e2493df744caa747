"""
How LangChain finds the run: through the config that it keeps in a context variable of its own.

Rule: nothing here imports LangChain before somebody else has, and nothing happens unless somebody streams messages,
the run was given callbacks, or a node may not be silent for too long.
"""

from __future__ import annotations

import sys
from typing import Any

from otgraph.runtime import Scope

__all__ = ["callbacks_of", "enter", "observer_for"]


def enter(scope: Scope) -> None:
    """Let what is called from here on find `scope`: to be called in the context of one call of user code."""
    module = sys.modules.get("langchain_core.runnables.config")
    if module is not None:
        module.var_child_runnable_config.set(scope.config)


def callbacks_of(
    scope: Scope, given: Any, metadata: dict[str, Any], tags: list[str], *, streamed: bool
) -> Any:
    """
    Return what a call's config has as callbacks where LangChain is to find the run.

    Args:
        streamed: whether somebody streams messages; else it is for the signs of life.
    """
    if "langchain_core.callbacks" not in sys.modules:
        return given
    # Imported where it is wanted: it imports LangChain.
    from otgraph.langchain.handler import manager_for

    return manager_for(scope, given, metadata, tags, streamed=streamed)


def observer_for(observer: Any) -> Any:
    """
    Return an observer that tells LangChain's callbacks what `observer` tells streams.

    Raises:
        ImportError: LangChain is not installed, so that nothing can be a callback of its.
    """
    try:
        from otgraph.langchain.observer import CallbackObserver
    except ImportError as error:
        raise ImportError(
            "callbacks in a config are LangChain's: leave them out, or pip install 'otgraph[langchain]'"
        ) from error
    return observer if isinstance(observer, CallbackObserver) else CallbackObserver(observer)
