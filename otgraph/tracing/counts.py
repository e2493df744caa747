"""
What the span of a task says of how much there was: attempts, custom items, tokens and messages.

Rule: counts and durations only; what was counted is never kept on the span.
"""

from __future__ import annotations

from typing import Any

from otgraph.infos import RunInfo, TaskInfo
from otgraph.tracing import names
from otgraph.tracing.spending import token_attributes, usage_attributes

__all__ = ["counts_of", "run_usage"]


def counts_of(task: TaskInfo) -> dict[str, Any]:
    """Return attributes for the end of a task's span, where there is anything to count."""
    counts: dict[str, Any] = {}
    if task.attempt > 1:
        counts[names.ATTEMPTS] = task.attempt
    if task.emitted:
        counts[names.CUSTOM_COUNT] = task.emitted
    if task.told:
        counts[names.MESSAGE_COUNT] = task.told
        counts[names.FIRST_MESSAGE] = (task.first_told_ns - task.span._start_time) / 1e9
    if task.usage is not None:
        counts.update(usage_attributes(task.usage))
    return counts


def run_usage(run: RunInfo) -> dict[str, Any]:
    """Return attributes for the end of a run's span that tell what models have taken."""
    usage = run.place.usage
    told = usage_attributes(usage)
    if run.agent is not None:
        # An agent's is in the conventions; elsewhere it would be counted twice where spans are summed up.
        told.update(token_attributes(usage))
    return told
