"""
Sums of usage, on tasks and on the places of runs.

Rule: what a call of a model takes is added to the task that makes it and to all that is around that task, once each.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from typing import Any

from otgraph.infos import RunInfo, TaskInfo
from otgraph.tracing import names
from otgraph.tracing.budget import Budget
from otgraph.tracing.identity import agent_around
from otgraph.usage import NOT_TOLD, Usage

__all__ = ["begin_call", "begin_tool", "end_call", "spend", "token_attributes", "usage_attributes"]

_lock = Lock()
"""Nodes spend at the same time."""

ONE_CALL = Usage(model_calls=1)


def begin_call(task: TaskInfo, call: Any, budget: Budget | None) -> None:
    """
    Count a call of a model before it begins, and have the task keep it as long as it goes on.

    Raises:
        BudgetExceededError: there is nothing left for it.
    """
    with _lock:
        if budget is not None:
            root = task.run
            while root.parent is not None:
                root = root.parent
            budget.check(root.place.usage or Usage())
        _add(task, ONE_CALL)
        agent = agent_around(task.run)
        if agent is not None:
            agent.place.calls += 1
        task.models = [*task.models, call]


def begin_tool(run: RunInfo) -> None:
    """Count a call of a tool for the agent around it, if there is one."""
    agent = agent_around(run)
    if agent is not None:
        with _lock:
            agent.place.tools += 1


def end_call(task: TaskInfo, call: Any) -> None:
    """Let go of a call that is over."""
    with _lock:
        task.models = [other for other in task.models if other is not call]


def spend(task: TaskInfo, usage: Usage) -> None:
    """Add what a call has taken."""
    with _lock:
        _add(task, usage)


def usage_attributes(usage: Usage) -> dict[str, Any]:
    """Return attributes that tell a sum."""
    told: dict[str, Any] = {
        names.USED_CALLS: usage.model_calls,
        names.USED_INPUT: usage.input_tokens,
        names.USED_OUTPUT: usage.output_tokens,
    }
    if usage.cost is not None:
        told[names.USED_COST] = usage.cost
    return told


def token_attributes(usage: Usage) -> dict[str, Any]:
    """Return the attributes of the conventions for the tokens of a call, or of an agent's calls."""
    told = {names.INPUT_TOKENS: usage.input_tokens, names.OUTPUT_TOKENS: usage.output_tokens}
    parts = {
        names.CACHE_READ_TOKENS: usage.cache_read_tokens,
        names.CACHE_WRITE_TOKENS: usage.cache_write_tokens,
        names.REASONING_TOKENS: usage.reasoning_tokens,
    }
    told.update((key, count) for key, count in parts.items() if count)
    for key, split in (
        (names.INPUT_TOKENS, usage.input_by_modality),
        (names.OUTPUT_TOKENS, usage.output_by_modality),
        (names.CACHE_READ_TOKENS, usage.cache_read_by_modality),
    ):
        if split is not NOT_TOLD:
            attributes = names.MODALITIES[key]
            told.update((attributes[name], count) for name in attributes if (count := getattr(split, name)))
    return told


def _add(task: TaskInfo, usage: Usage) -> None:
    for holder in _around(task):
        before = holder.usage
        holder.usage = usage if before is None else before + usage


def _around(task: Any) -> Iterator[Any]:
    """Yield a task, the place of its run, the task in which that was begun, and so on."""
    while task is not None:
        yield task
        if task.caller is not None:
            task = task.caller
            continue
        run = task.run
        yield run.place
        task = run.caller if run.parent is not None else None
