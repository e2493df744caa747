"""
chained: a node that is a Runnable, as LangChain's handlers are to see it: step by step.

Rule: only a run with callbacks goes this way; any other calls the Runnable itself. A sequence is no chain of its own:
its steps stand below the node's task. Whoever reads events is told what steps put out as they put it out.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from otgraph.engine.metadata import INTEGRATION, task_metadata
from otgraph.missing import MISSING
from otgraph.plan.callee import add_chunks, inspect_callee, is_graph, is_runnable
from otgraph.plan.model import Callee
from otgraph.plan.signature import described
from otgraph.runtime import SCOPE

__all__ = ["chained", "is_chain", "step_count", "told"]

_FIRST = "seq:step:1"
"""The tag of a node's first step, which the config of its call has."""


def chained(callee: Callee) -> Callee:
    """Return the callee of a node whose steps are told of, if it has any; else the same."""
    action = callee.origin
    if callee.graph is None and (is_runnable(action) or isinstance(action, dict) or _generates(action)):
        sync = None if callee.sync is None else partial(_call, callee)
        coro = None if callee.coro is None else partial(_await, callee)
        return replace(callee, sync=sync, coro=coro)
    return callee


def is_chain(action: Any) -> bool:
    """Say whether LangChain makes a chain of `action` by itself."""
    base = sys.modules.get("langchain_core.runnables.base")
    return base is not None and isinstance(action, base.Runnable)


def step_count(action: Any) -> int:
    """Return how many steps LangChain counts in a node."""
    base = sys.modules.get("langchain_core.runnables.base")
    return len(action.steps) if base is not None and isinstance(action, base.RunnableSequence) else 1


def told() -> bool:
    """Say whether the call of a node that we are in is a chain of LangChain's: its run was given callbacks."""
    scope: Any = SCOPE.get()
    return scope is not None and scope.task.chain is not None


@contextmanager
def _own_chain(callee: Callee, value: Any) -> Iterator[Callable[[Any], Any]]:
    """Make a chain of a call, if the node says what it is called; what is called by its config is beside it."""
    name = getattr(callee.origin, "chain_name", None)
    if name is None or not told():
        yield lambda result: result
        return
    from langchain_core.callbacks import CallbackManager

    scope: Any = SCOPE.get()
    config = scope.config
    metadata = task_metadata(scope.task, INTEGRATION)
    manager = CallbackManager.configure(
        config["callbacks"], inheritable_tags=config.get("tags"), inheritable_metadata=metadata
    )
    chain = manager.on_chain_start(None, value, name=name)
    # What it calls without a config stands below it: LangChain's own things by this, graphs by the other.
    _enter({**config, "callbacks": chain.get_child()})
    beside, scope.task.callbacks = scope.task.callbacks, chain.get_child()

    def ended(result: Any) -> Any:
        chain.on_chain_end(result)
        return result

    try:
        yield ended
    except BaseException as error:
        chain.on_chain_error(error)
        raise
    finally:
        scope.task.callbacks = beside


def _generates(action: Any) -> bool:
    function = described(action) if callable(action) else None
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _steps(callee: Callee, injected: Mapping[str, Any]) -> list[Any] | None:
    """Return the steps of a node in a run with callbacks; None where the callee is to be called as it is."""
    if not told():
        return None
    # Imported where it is wanted: only a run with callbacks comes here, and these are LangChain's.
    from langchain_core.runnables import Runnable, RunnableSequence

    action = callee.origin
    if isinstance(action, RunnableSequence):
        return list(action.steps)
    if is_runnable(action):
        return [action] if isinstance(action, Runnable) else None
    return [_runnable(callee, injected)]


def _runnable(callee: Callee, injected: Mapping[str, Any]) -> Any:
    """Return a dict of callables, or a function, as the Runnable that LangChain would make of it."""
    from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel

    action = callee.origin
    if isinstance(action, Runnable):
        return action
    if isinstance(action, dict):
        parts = {key: inspect_callee(part, _name_of(part, key)) for key, part in action.items()}
        return RunnableParallel({key: _runnable(part, injected) for key, part in parts.items()})
    given: dict[str, Any] = {name: injected[name] for name in callee.inject}
    return RunnableLambda(
        _bound(action if _generates(action) else callee.sync or callee.coro, given), name=callee.name
    )


def _name_of(part: Any, key: str) -> str:
    return str(getattr(part, "__name__", key))


def _bound(function: Any, given: Mapping[str, Any]) -> Any:
    """Return a function of the input alone, of the same kind: LangChain looks at what it is."""
    function_of = described(function)
    if inspect.isasyncgenfunction(function_of):

        async def agenerate(value: Any) -> AsyncIterator[Any]:
            async for chunk in function(value, **given):
                yield chunk

        return agenerate
    if inspect.isgeneratorfunction(function_of):

        def generate(value: Any) -> Iterator[Any]:
            yield from function(value, **given)

        return generate
    if inspect.iscoroutinefunction(function_of):

        async def acall(value: Any) -> Any:
            return await function(value, **given)

        return acall
    return lambda value: function(value, **given)


def _call(callee: Callee, value: Any, /, **injected: Any) -> Any:
    steps = _steps(callee, injected)
    if steps is None:
        assert callee.sync is not None
        with _own_chain(callee, value) as ended:
            return ended(callee.sync(value, **injected))
    for step, config in zip(steps, _configs(steps), strict=True):
        _enter(config)
        value = step.invoke(value, config)
    return value


async def _await(callee: Callee, value: Any, /, **injected: Any) -> Any:
    steps = _steps(callee, injected)
    if steps is None:
        assert callee.coro is not None
        with _own_chain(callee, value) as ended:
            return ended(await callee.coro(value, **injected))
    streamed = _streamed()
    configs = _configs(steps, streamed=streamed)
    if not streamed:
        for step, config in zip(steps, configs, strict=True):
            _enter(config)
            value = await step.ainvoke(value, config)
        return value
    chunks = _alone(value)
    for step, config in zip(steps, configs, strict=True):
        chunks = step.atransform(chunks, config)
    total: Any = MISSING
    async with aclosing(chunks):
        async for chunk in chunks:
            total = add_chunks(total, chunk)
    return None if total is MISSING else total


async def _alone(value: Any) -> Any:
    yield value


def _configs(steps: Sequence[Any], *, streamed: bool = False) -> list[Any]:
    """Return the config of each step: that of the call, with the number of the step among its tags."""
    scope: Any = SCOPE.get()
    config = scope.config
    configs = [config]
    for number, step in enumerate(steps[1:], 2):
        callbacks = config["callbacks"].copy()
        if not (streamed and is_graph(step)):
            # Else LangChain merges what is around a streamed step, the config of the first, into what a graph is given.
            callbacks.tags = [tag for tag in callbacks.tags if tag != _FIRST]
        callbacks.tags.append(f"seq:step:{number}")
        configs.append({**config, "callbacks": callbacks})
    return configs


def _enter(config: Any) -> None:
    """Let what a step calls find its config."""
    from langchain_core.runnables.config import var_child_runnable_config

    var_child_runnable_config.set(config)


def _streamed() -> bool:
    """Say whether a handler wants to see what chains put out, which LangGraph shows in async runs."""
    scope: Any = SCOPE.get()
    from otgraph.langchain.handler import LifeHandler

    handlers = scope.config["callbacks"].handlers
    return scope.run.awaited and any(
        hasattr(each, "tap_output_iter") and not isinstance(each, LifeHandler) for each in handlers
    )
