"""
A user's callable, made callable in one way.

Rule: looked at once, when it is declared. What the engine calls later is the user's own function wherever
that is possible, so that neither a frame nor a question stands between them.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any

from otgraph.missing import MISSING
from otgraph.plan.model import Callee, Plan
from otgraph.plan.signature import INJECTED, described, injected_arguments, misplaced_argument
from otgraph.tracebacks import hinted

__all__ = ["BothColours", "add_chunks", "infer_name", "inspect_callee", "is_graph", "is_runnable"]


def is_graph(action: Any) -> bool:
    """Say whether `action` is a compiled graph of otgraph, which the engine runs by its plan."""
    return isinstance(getattr(action, "plan", None), Plan)


def is_runnable(action: Any) -> bool:
    """
    Say whether `action` has the two colours of a LangChain Runnable.

    A node may also return one: it is then called with the node's input, and its result is the node's.
    """
    return (
        not inspect.isclass(action)
        and callable(getattr(action, "invoke", None))
        and callable(getattr(action, "ainvoke", None))
    )


class BothColours:
    """
    A function that exists in two colours, as one node.

    Args:
        func: the sync one, if there is one.
        afunc: the async one, if there is one.
    """

    def __init__(
        self, func: Callable[..., Any] | None, afunc: Callable[..., Awaitable[Any]] | None, name: str
    ) -> None:
        self.func = func
        self.afunc = afunc
        self.name = name


def infer_name(action: Any) -> str:
    """Return what a node is called whose user gave no name."""
    if is_runnable(action) and callable(getattr(action, "get_name", None)):
        return str(action.get_name())
    return str(getattr(action, "__name__", type(action).__name__))


def inspect_callee(action: Any, name: str | None = None) -> Callee:
    """
    Look at a callable and say how it is called.

    Args:
        action: a function of either colour, a generator function, an object with `__call__`, a
            `functools.partial`, a Runnable, a compiled graph, or a dict of these (each is called with
            the input; the results make a dict with the same keys).
        name: for error messages.

    Raises:
        TypeError: if it is none of these, or has an argument of the engine's where the input goes.
    """
    name = infer_name(action) if name is None else name
    if is_graph(action):
        return Callee(name, action.invoke, action.ainvoke, ("config",), graph=action, origin=action)
    if isinstance(action, BothColours):
        inject = injected_arguments(action.func or action.afunc)
        return Callee(name, action.func, action.afunc, inject, origin=action)
    if is_runnable(action):
        return Callee(name, action.invoke, action.ainvoke, ("config",), origin=action)
    if isinstance(action, dict):
        return _inspect_dict(action, name)
    if not callable(action):
        wrong = f"Expected a Runnable, callable or dict. Instead got an unsupported type: {type(action)}"
        raise hinted(TypeError(wrong), _instead(action, name))
    if misplaced := misplaced_argument(action):
        raise TypeError(
            f"The first parameter of {name!r} is {misplaced!r}, but a function gets its input there. "
            f"Put a parameter for the input in front: def {name}(state, {misplaced})"
        )
    sync, coro = _colours(action)
    return Callee(name, sync, coro, injected_arguments(action), origin=action)


def _instead(action: Any, name: str) -> str:
    """Return what to do about a frequent mistake, or where it was made."""
    if callable(getattr(action, "compile", None)):
        return f"Compile it first: add_node({name!r}, builder.compile())"
    if inspect.iscoroutine(action):
        action.close()
        return f"Give the async function itself: add_node({name!r}, {action.__name__})"
    return f"It was given as {name!r}: give a function itself, not what a call of it returns"


def _colours(action: Any) -> tuple[Callable[..., Any] | None, Callable[..., Awaitable[Any]] | None]:
    function = described(action)
    if inspect.isclass(function):
        return function, None
    if inspect.isasyncgenfunction(function):
        return None, _join_async(function)
    if inspect.isgeneratorfunction(function):
        return _join(function), None
    if inspect.iscoroutinefunction(function):
        return None, function
    return action, None


def add_chunks(total: Any, chunk: Any) -> Any:
    """Return the sum of chunks; the last one where there is no sum."""
    if total is MISSING:
        return chunk
    try:
        return total + chunk
    except TypeError:
        return chunk


def _join(function: Callable[..., Iterator[Any]]) -> Callable[..., Any]:
    """Make a generator function return the sum of its chunks, or the last one where there is no sum."""

    def joined(*args: Any, **injected: Any) -> Any:
        total: Any = MISSING
        for chunk in function(*args, **injected):
            total = add_chunks(total, chunk)
        return None if total is MISSING else total

    return joined


def _join_async(function: Callable[..., AsyncIterator[Any]]) -> Callable[..., Awaitable[Any]]:
    async def joined(*args: Any, **injected: Any) -> Any:
        total: Any = MISSING
        async for chunk in function(*args, **injected):
            total = add_chunks(total, chunk)
        return None if total is MISSING else total

    return joined


def _inspect_dict(actions: Mapping[str, Any], name: str) -> Callee:
    """Make one callee of many; they take turns, since only a driver may run things side by side."""
    parts = {key: inspect_callee(action, str(key)) for key, action in actions.items()}
    wanted = {argument for part in parts.values() for argument in part.inject}
    inject = tuple(argument for argument in INJECTED if argument in wanted)
    sync = None if any(part.sync is None for part in parts.values()) else partial(_call_each, parts)
    coro = None if all(part.coro is None for part in parts.values()) else partial(_await_each, parts)
    return Callee(name, sync, coro, inject, origin=actions)


def _call_each(parts: Mapping[str, Callee], value: Any, /, **injected: Any) -> dict[str, Any]:
    return {
        key: part.sync(value, **{argument: injected[argument] for argument in part.inject})
        for key, part in parts.items()
        if part.sync is not None
    }


async def _await_each(parts: Mapping[str, Callee], value: Any, /, **injected: Any) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for key, part in parts.items():
        arguments = {argument: injected[argument] for argument in part.inject}
        if part.coro is not None:
            results[key] = await part.coro(value, **arguments)
        elif part.sync is not None:
            results[key] = part.sync(value, **arguments)
    return results
