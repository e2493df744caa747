"""
Cached tasks: the writes of an earlier execution with the same input stand in for a new one.

Rule: only what a task committed is remembered, as soon as it has, never an error or an interrupt; a hit is told as
restored. An entry is what LangGraph's is; what otgraph keeps besides has entries of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from otgraph.constants import NO_WRITES
from otgraph.engine.effects import Flow, ReadCache, WriteCache, checked
from otgraph.engine.run import Run
from otgraph.engine.saving import keep_writes_flow
from otgraph.engine.task import Task
from otgraph.ids import hash_id
from otgraph.plan.model import NodePlan

__all__ = ["cache_namespaces", "remember_flow", "restore_flow"]

WRITES = "__pregel_ns_writes"
"""The first label of the namespaces under which writes are cached."""
CUSTOM = "__otgraph_custom"
"""The first label of the namespaces under which the custom items of the same executions are cached."""
DYNAMIC = "__dynamic__"
"""What stands for a function that has no name."""


def cache_namespaces(node: NodePlan) -> list[tuple[str, ...]]:
    """Return the namespaces of what is cached of a node: function and name tell nodes apart, tasks the function."""
    origin = node.callee.origin
    module, name = getattr(origin, "__module__", None), getattr(origin, "__qualname__", None)
    identity = f"{module}.{name}" if module and name else DYNAMIC
    replays = node.cache is not None and node.cache.replay_custom
    rest = (identity, node.name) if node.triggers else (identity,)
    return [(label, *rest) for label in ((WRITES, CUSTOM) if replays else (WRITES,))]


def _keys(task: Task) -> list[tuple[tuple[str, ...], str]]:
    policy = task.node.cache
    assert policy is not None
    if task.caller is None:
        key = hash_id(policy.key_func(task.input))
    else:
        args, kwargs = task.input
        key = hash_id(policy.key_func(*args, **kwargs))
    return [(namespace, key) for namespace in cache_namespaces(task.node)]


def restore_flow(run: Run, tasks: Sequence[Task]) -> Flow:
    """Give those tasks that are cached their writes, and what they said if the policy wants it said again."""
    due = [task for task in tasks if task.node.cache is not None and not task.restored]
    if not due:
        return
    for task in due:
        task.cache_keys = _keys(task)
    hits = checked((yield ReadCache(run.options.cache, [key for task in due for key in task.cache_keys])))
    for task in due:
        writes, *more = (hits.get(key) for key in task.cache_keys)
        if writes is not None:
            task.writes = [(channel, value) for channel, value in writes if channel != NO_WRITES]
            task.restored = task.cached = True
            task.replayed = tuple(item for items in more if items is not None for item in items)
            if run.saved is not None:
                yield from keep_writes_flow(run, task, task.writes)
        elif more:
            task.said = []


def remember_flow(run: Run, task: Task) -> Flow:
    """Keep the writes of a task that has just finished."""
    policy = task.node.cache
    assert policy is not None
    kept: list[Any] = [list(task.writes) or [(NO_WRITES, None)], task.said]
    pairs = {key: (value, policy.ttl) for key, value in zip(task.cache_keys, kept, strict=False)}
    checked((yield WriteCache(run.options.cache, pairs)))
