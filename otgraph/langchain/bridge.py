"""
How LangChain finds the run: through the config that it keeps in a context variable of its own.

Rule: nothing here imports LangChain before somebody else has, unless messages are streamed. Nothing happens unless they
are, the run was given callbacks, or a node may not be silent for too long.
"""

from __future__ import annotations

import sys
from typing import Any

from otgraph.constants import CONF
from otgraph.langchain.extra import extra
from otgraph.langchain.wanted import Wanted
from otgraph.run_config import TASK_ID
from otgraph.runtime import Scope

__all__ = [
    "ambient_config",
    "callbacks_of",
    "chain_config",
    "enter",
    "expect_models",
    "hear_models",
    "observer_for",
]

_heard = False


def expect_models() -> None:
    """Import LangChain, if it is installed: models of a node that imports it later would not find the run."""
    try:
        import langchain_core.callbacks
        import langchain_core.runnables.config  # noqa: F401
    except ImportError:
        pass


def enter(scope: Scope) -> None:
    """Let what is called from here on find `scope`: to be called in the context of one call of user code."""
    module = sys.modules.get("langchain_core.runnables.config")
    if module is not None:
        module.var_child_runnable_config.set(scope.config)


def chain_config() -> Any:
    """Return the config of the chain of LangChain's that we are in, or None."""
    module = sys.modules.get("langchain_core.runnables.config")
    return None if module is None else module.var_child_runnable_config.get()


def ambient_config() -> dict[str, Any] | None:
    """Return what a graph inherits that is called inside a chain of LangChain's, outside of any run of otgraph's."""
    config = chain_config()
    if not config or TASK_ID in (config.get(CONF) or {}):
        # A node's own config outlives its run in what the node has left behind.
        return None
    return {key: config[key] for key in ("tags", "metadata", "callbacks", CONF) if config.get(key)}


def callbacks_of(scope: Scope, given: Any, metadata: dict[str, Any], tags: list[str], wanted: Wanted) -> Any:
    """Return what a call's config has as callbacks where LangChain is to find the run."""
    if "langchain_core.callbacks" not in sys.modules:
        return given
    # Imported where it is wanted: it imports LangChain.
    from otgraph.langchain.managers import manager_for

    return manager_for(scope, given, metadata, tags, wanted)


def hear_models() -> None:
    """Have LangChain tell of its model calls, once it is there; to be called when a run begins."""
    global _heard  # noqa: PLW0603 (one process, one handler)
    if not _heard and "langchain_core.language_models" in sys.modules:
        _heard = True
        from otgraph.langchain.model_calls import listen

        listen()


def observer_for(observer: Any) -> Any:
    """
    Return an observer that tells LangChain's callbacks what `observer` tells streams.

    Raises:
        ImportError: LangChain is not installed, so that nothing can be a callback of its.
    """
    with extra("callbacks in a config"):
        from otgraph.langchain.observer import CallbackObserver
    return observer if isinstance(observer, CallbackObserver) else CallbackObserver(observer)
