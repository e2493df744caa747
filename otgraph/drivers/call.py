"""
One call of user code: its arguments, its context variables, its current span.

Rule: a call runs in a fresh copy of the context in which the run was begun. A span is current here, around the
call, and nowhere else; nothing that the user's code sets leaks out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Any

from otgraph.command import Command
from otgraph.drivers.scope import CallScope
from otgraph.engine.effects import CallNode
from otgraph.langchain.bridge import enter as enter_langchain
from otgraph.plan.model import Injected
from otgraph.runtime import SCOPE

__all__ = ["arguments", "call_sync", "open_coroutine", "runnable_result"]

_PLAIN = frozenset({dict, type(None), list, tuple, str, int, Command})
"""Types of results that are certainly no Runnable."""


def call_sync(effect: CallNode, scope: CallScope) -> Any:
    """
    Call the sync colour of a callable and return its result; to be called in a fresh copy of the run's context.

    Raises:
        TypeError: it has none.
        BaseException: whatever it raises.
    """
    callee = effect.callee
    function = callee.sync
    if function is None:
        raise TypeError(
            f'No synchronous function provided to "{callee.name}".\n'
            "Either initialize with a synchronous function or invoke via the async API (ainvoke, astream, etc.)"
        )
    SCOPE.set(scope)
    task = effect.task
    place = task.run.place
    place.enter(task.span)
    if place.record.bridged or scope.clocks:
        enter_langchain(scope)
    if callee.inject:  # noqa: SIM108 (the longest line of the hot path would be no clearer)
        result = function(effect.input, **arguments(callee.inject, scope))
    else:
        result = function(effect.input)
    if not callee.bare and runnable_result(result):
        result = result.invoke(effect.input, scope.config)
    return result


def open_coroutine(effect: CallNode, scope: CallScope, context: Context) -> tuple[Awaitable[Any], Context]:
    """Call the async colour of a callable; return what to await, and the context in which to step it."""
    function = effect.callee.coro
    assert function is not None
    own = context.copy()
    return own.run(_open, function, effect, scope), own


def _open(function: Callable[..., Awaitable[Any]], effect: CallNode, scope: CallScope) -> Awaitable[Any]:
    SCOPE.set(scope)
    task = effect.task
    place = task.run.place
    place.enter(task.span)
    if place.record.bridged or scope.clocks:
        enter_langchain(scope)
    callee = effect.callee
    if callee.inject:
        return function(effect.input, **arguments(callee.inject, scope))
    return function(effect.input)


def runnable_result(result: Any) -> bool:
    """Say whether what a node returned is a Runnable: then the node's result is what that makes of the input."""
    return type(result) not in _PLAIN and _is_runnable(result)


def arguments(wanted: Sequence[Injected], scope: CallScope) -> dict[str, Any]:
    """Return the arguments that a callable asks for by name."""
    values: dict[str, Any] = {}
    for name in wanted:
        if name == "writer":
            values[name] = scope.write
        elif name == "config":
            values[name] = scope.config
        elif name == "runtime":
            values[name] = scope.runtime
        elif name == "store":
            values[name] = scope.store
        elif name == "previous":
            values[name] = scope.runtime.previous
        elif name == "error":
            values[name] = scope.task.failure
    return values


def _is_runnable(value: Any) -> bool:
    kind = type(value)
    return hasattr(kind, "invoke") and hasattr(kind, "ainvoke")
