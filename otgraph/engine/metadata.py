"""
Where a task is, as its config and its messages show it to LangChain, to tracers and to whoever streams messages.

Rule: the keys are LangGraph's, in LangGraph's order; what the user said comes first and the engine adds to it.
"""

from __future__ import annotations

from typing import Any, Final

from otgraph.constants import NS_SEP
from otgraph.engine.run import Run
from otgraph.engine.task import Task

__all__ = ["INTEGRATION", "PROPAGATED", "run_metadata", "task_metadata"]

INHERITED: Final = ("thread_id", "run_id", "assistant_id", "graph_id")
"""Configurable parameters that are metadata too, in runs inside as well."""
PROPAGATED: Final = (*INHERITED, "checkpoint_id", "checkpoint_ns", "task_id")
"""The same, where a user has given them."""
ENGINE_KEYS: Final = ("langgraph_", "checkpoint_ns")
"""What the keys begin with that the engine says itself."""

INTEGRATION: Final = "langgraph"
"""What tracers are told has made a run or a message."""


def task_metadata(task: Task, integration: str | None = None) -> dict[str, Any]:
    """
    Return the metadata of a task.

    Args:
        integration: who is said to have made it, if anybody is.
    """
    run = task.state
    metadata = run_metadata(run, integration)
    metadata.update(
        langgraph_step=task.step,
        langgraph_node=task.name,
        langgraph_triggers=task.triggers,
        langgraph_path=task.path,
        langgraph_checkpoint_ns=task.checkpoint_ns,
    )
    if run.ns:
        metadata["checkpoint_ns"] = NS_SEP.join(run.ns)
    metadata.update(task.node.metadata)
    return metadata


def run_metadata(run: Run, integration: str | None = None) -> dict[str, Any]:
    """Return what the metadata of all tasks of a run begin with."""
    given = run.options.config
    # The config of a node may be passed on to a run inside it: what it says of the task around is no news there.
    metadata = {key: value for key, value in given.metadata.items() if not key.startswith(ENGINE_KEYS)}
    configurable = given.configurable
    if configurable:
        for key in PROPAGATED if run.parent is None else INHERITED:
            if key in configurable:
                metadata.setdefault(key, configurable[key])
    if integration is not None:
        metadata.setdefault("ls_integration", integration)
    return metadata
