"""
What LangChain's Runnable does for a compiled graph.

Rule: a graph is registered as a Runnable, not derived from it; what it borrows are LangChain's own functions, which
call the graph's methods. Nothing of them is written again here.
"""

from __future__ import annotations

import sys
from functools import cache
from inspect import getattr_static
from typing import Any

from otgraph.langchain.extra import extra

__all__ = ["events", "method", "register", "sequence"]


@cache
def register(kind: type) -> None:
    """Make the graphs of a class Runnables; LangChain must be imported, and not be halfway through it."""
    runnable = getattr(sys.modules["langchain_core.runnables.base"], "Runnable", None)
    if runnable is not None:
        runnable.register(kind)


def method(graph: Any, name: str) -> Any:
    """
    Return a method or property of LangChain's Runnable with a graph as its `self`.

    Raises:
        AttributeError: LangChain is not installed, or its Runnable has no such thing.
    """
    try:
        with extra(f"{name!r} of a graph"):
            from langchain_core.runnables import Runnable
    except ImportError as error:
        raise AttributeError(str(error)) from error
    kind: Any = type(graph)
    register(kind)
    found = getattr_static(Runnable, name, None)
    if found is None:
        raise AttributeError(
            f"{kind.__name__!r} object has no attribute {name!r}, nor has this LangChain's Runnable"
        )
    return found.__get__(graph, kind) if hasattr(found, "__get__") else found


def events(graph: Any, *args: Any, **kwargs: Any) -> Any:
    """
    Return the events of a run.

    Raises:
        ImportError: LangChain is not installed.
    """
    with extra("the events of a graph"):
        from langchain_core.runnables import Runnable
    return Runnable.astream_events(graph, *args, **kwargs)


def sequence(first: Any, then: Any) -> Any:
    """
    Return a sequence of two Runnables, or what can be made one.

    Raises:
        ImportError: LangChain is not installed.
        TypeError: one of them is no Runnable, function or dict.
    """
    with extra("`|` with a graph"):
        from langchain_core.runnables.base import RunnableSequence, coerce_to_runnable
    return RunnableSequence(coerce_to_runnable(first), coerce_to_runnable(then))
