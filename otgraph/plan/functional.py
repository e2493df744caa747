"""
From functions to plans: an entrypoint is a graph of one node, a task is a node that is called.

Rule: the wiring is LangGraph's, channel names included. The input of a run is the channel `__start__`, which triggers
the node; what it returns goes to `__end__`, and what the thread's next run finds to `__previous__`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, get_args, get_origin

from otgraph.channels.base import BaseChannel
from otgraph.channels.ephemeral_value import EphemeralValue
from otgraph.channels.last_value import LastValue
from otgraph.channels.topic import Topic
from otgraph.command import Send
from otgraph.constants import END, PREVIOUS, RETURN, START, TASKS
from otgraph.plan.final import Final
from otgraph.plan.model import Callee, Injected, NodePlan, Plan
from otgraph.plan.signature import (
    INJECTED,
    described,
    hints_of,
    injected_arguments,
    misplaced_argument,
    parameters_of,
)
from otgraph.policies import CachePolicy, RetryPolicy, TimeoutPolicy
from otgraph.schema import Schema

__all__ = ["lower_entrypoint", "task_node"]

NO_SCHEMA = Schema(None, {}, {}, root=True, coerce=None, keys=())
"""What a task is shown of the state: nothing."""


def lower_entrypoint(
    function: Callable[..., Any],
    *,
    context_schema: type[Any] | None = None,
    retry: tuple[RetryPolicy, ...] = (),
    cache: CachePolicy | None = None,
    timeout: TimeoutPolicy | None = None,
) -> Plan:
    """
    Make the plan of an entrypoint.

    Raises:
        NotImplementedError: the function is a generator.
        ValueError: it takes no input.
        TypeError: it is no function, or has an argument of the engine's where the input goes.
    """
    name = _name_of(function, "entrypoint")
    _check_entrypoint(function, name)
    given, returned, saved = _types(function)
    start = _keyed(START, EphemeralValue(given))
    node = NodePlan(
        name=name,
        callee=_callee(function, name, injected_arguments(function)),
        schema=Schema(given, {START: start}, {}, root=True, coerce=None, keys=(START,)),
        triggers=(START,),
        retry=retry,
        cache=cache,
        timeout=timeout,
        writes=_final_writes,
    )
    end = _keyed(END, LastValue(returned))
    channels = {START: start, END: end, PREVIOUS: _keyed(PREVIOUS, LastValue(saved)), TASKS: Topic(Send)}
    _keyed(TASKS, channels[TASKS])
    output = Schema(returned, {END: end}, {}, root=True, coerce=None, keys=(END,))
    return Plan(
        name=name,
        nodes={name: node},
        channels=channels,
        managed={},
        state=output,
        input=node.schema,
        output=output,
        context_schema=context_schema,
        stream_keys=END,
        output_keys=END,
        trigger_to_nodes={START: (name,)},
        volatile=(START, TASKS),
        deferred=(),
        eager=True,
    )


def task_node(
    function: Callable[..., Any],
    name: str | None = None,
    *,
    retry: tuple[RetryPolicy, ...] = (),
    cache: CachePolicy | None = None,
    timeout: TimeoutPolicy | None = None,
) -> NodePlan:
    """
    Make the plan of a task: a node without triggers, whose input is the pair of a call's arguments.

    Raises:
        TypeError: the function cannot be called.
    """
    name = _name_of(function, "task") if name is None else name
    inject = injected_arguments(function, after_input=False)
    return NodePlan(
        name=name,
        callee=_callee(partial(_spread, function, _positions(function, inject)), name, inject, function),
        schema=NO_SCHEMA,
        triggers=(),
        retry=retry,
        cache=cache,
        timeout=timeout,
        writes=_return_write,
    )


# ---- what is called


def _spread(
    function: Callable[..., Any], positions: Mapping[str, int], given: tuple[Any, Any], **injected: Any
) -> Any:
    """Call a task's function with its arguments; what the caller gave wins over what the engine fills in."""
    args, kwargs = given
    if not injected:
        return function(*args, **kwargs)
    for name in positions:
        if positions[name] < len(args):
            del injected[name]
    return function(*args, **{**injected, **kwargs})


def _positions(function: Callable[..., Any], inject: tuple[Injected, ...]) -> dict[str, int]:
    """Return where those arguments stand that the engine fills in and a caller may give by position."""
    by_position = [
        parameter.name
        for parameter in parameters_of(function)
        if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    ]
    return {name: by_position.index(name) for name in inject if name in by_position}


def _callee(
    action: Callable[..., Any], name: str, inject: tuple[Injected, ...], origin: Any = None
) -> Callee:
    """Return how a function is called; what it returns is its result, whatever that is."""
    origin = action if origin is None else origin
    sync, coro = (None, action) if _is_async(origin) else (action, None)
    return Callee(name, sync, coro, inject, origin=origin, bare=True)


def _is_async(function: Any) -> bool:
    while isinstance(function, partial):
        function = function.func
    return inspect.iscoroutinefunction(function if inspect.isclass(function) else described(function))


# ---- what its result becomes


def _final_writes(result: Any) -> list[tuple[str, Any]]:
    if isinstance(result, Final):
        return [(END, result.value), (PREVIOUS, result.save)]
    return [(END, result), (PREVIOUS, result)]


def _return_write(result: Any) -> list[tuple[str, Any]]:
    return [(RETURN, result)]


# ---- what a user may have got wrong


def _name_of(function: Any, what: str) -> str:
    if not callable(function):
        raise TypeError(
            f"@{what} decorates a function, not {function!r}. Write @{what} or @{what}(…) above a def."
        )
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def _check_entrypoint(function: Any, name: str) -> None:
    actual = described(function)
    if inspect.isgeneratorfunction(actual) or inspect.isasyncgenfunction(actual):
        raise NotImplementedError("Generators are not supported in the Functional API.")
    found = parameters_of(function)
    if not found:
        raise ValueError(
            "Entrypoint function must have at least one parameter: the input of its runs. "
            f"Write def {name}(inputs)."
        )
    if found[0].name in INJECTED and (misplaced := misplaced_argument(function)):
        raise TypeError(
            f"The first parameter of {name!r} is {misplaced!r}, but an entrypoint gets its input there. "
            f"Put a parameter for the input in front: def {name}(inputs, {misplaced})"
        )


# ---- types, for those who ask for a schema


def _types(function: Any) -> tuple[Any, Any, Any]:
    """Return the types of input, returned value and saved value, `Any` where nothing is said."""
    hints, first = hints_of(function), parameters_of(function)[0].name
    given, returned = hints.get(first, Any), hints.get("return", Any)
    if returned is Final:
        return given, Any, Any
    if get_origin(returned) is Final:
        return given, *get_args(returned)
    return given, returned, returned


def _keyed(name: str, channel: BaseChannel[Any, Any, Any]) -> BaseChannel[Any, Any, Any]:
    channel.key = name
    return channel
