"""
Cached tasks: the writes of an earlier execution with the same input stand in for a new one.

Rule: only what a task committed is remembered, never an error or an interrupt; a hit is told as restored.
"""

from __future__ import annotations

from collections.abc import Sequence

from otgraph.engine.effects import Flow, ReadCache, WriteCache, checked
from otgraph.engine.run import Run
from otgraph.engine.task import Task
from otgraph.ids import hash_id
from otgraph.plan.model import NodePlan

__all__ = ["cache_namespace", "remember_flow", "restore_flow"]

WRITES = "__pregel_ns_writes"
"""The first label of the namespaces under which writes are cached."""


def cache_namespace(node: NodePlan) -> tuple[str, ...]:
    """Return the namespace of a node's cached writes: its function and its name."""
    origin = node.callee.origin
    identity = (
        f"{getattr(origin, '__module__', '')}.{getattr(origin, '__qualname__', type(origin).__qualname__)}"
    )
    return (WRITES, identity, node.name)


def _key(task: Task) -> tuple[tuple[str, ...], str]:
    policy = task.node.cache
    assert policy is not None
    key = policy.key_func(task.input)
    text = key.hex() if isinstance(key, bytes) else str(key)
    return cache_namespace(task.node), hash_id(text)


def restore_flow(run: Run, tasks: Sequence[Task]) -> Flow:
    """Give those tasks that are cached their writes."""
    keys = {task: _key(task) for task in tasks if task.node.cache is not None}
    if not keys:
        return
    hits = checked((yield ReadCache(run.options.cache, list(keys.values()))))
    for task, key in keys.items():
        writes = hits.get(key)
        if writes is not None:
            task.writes = [(channel, value) for channel, value in writes]
            task.restored = True


def remember_flow(run: Run, tasks: Sequence[Task]) -> Flow:
    """Keep the writes of those tasks that may be cached."""
    pairs = {
        _key(task): (list(task.writes), task.node.cache.ttl)
        for task in tasks
        if task.node.cache is not None and not task.restored and task.writes and not task.interrupts
    }
    if pairs:
        checked((yield WriteCache(run.options.cache, pairs)))
