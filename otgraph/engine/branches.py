"""
Conditional edges: after a node has finished, its branch functions say which nodes are due.

Rule: a branch sees the state with its own node's writes applied and nobody else's, and runs inside its task.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from otgraph.command import Send
from otgraph.constants import END, START, branch_channel
from otgraph.engine.damage import explain_route
from otgraph.engine.effects import CANCELLED, CallNode, Failure, Flow
from otgraph.engine.run import Run
from otgraph.engine.task import Task
from otgraph.engine.tasks import read_state
from otgraph.engine.writes import packet_write
from otgraph.events import Write
from otgraph.plan.model import BranchPlan

__all__ = ["branches_flow", "overlay_of"]


def branches_flow(run: Run, task: Task, result: Any) -> Flow:
    """
    Call the branches of the task's node and add their routes to its writes; return what went wrong, or None.

    Args:
        result: what the node returned.
    """
    try:
        overlay = overlay_of(run, task.writes)
    except Exception as error:
        return Failure(error)
    routes: list[Write] = []
    for branch in task.node.branches:
        try:
            view = _view(run, task, branch, overlay, result)
        except Exception as error:
            return Failure(error)
        if task.chain is not None:
            run.observer.branch_called(task, branch, view)
        reply = yield CallNode(task, branch.callee, view)
        if task.chain is not None:
            run.observer.branch_returned(task, branch, reply)
        if reply is CANCELLED or isinstance(reply, Failure):
            return reply
        try:
            routes.extend(_routes(branch, reply))
        except KeyError as error:
            explain_route(error, task.name, branch.name, branch.ends or ())
            return Failure(error)
        except Exception as error:
            return Failure(error)
    task.writes = [*task.writes, *routes]
    return None


def overlay_of(run: Run, writes: Sequence[Write]) -> dict[str, Any]:
    """Return copies of the state channels that a task wrote to, with its writes applied."""
    grouped: defaultdict[str, list[Any]] = defaultdict(list)
    for name, value in writes:
        if name in run.plan.state_keys:
            grouped[name].append(value)
    overlay = {}
    for name, values in grouped.items():
        channel = run.channels[name].copy()
        channel.update(values)
        overlay[name] = channel
    return overlay


def _view(run: Run, task: Task, branch: BranchPlan, overlay: dict[str, Any], result: Any) -> Any:
    schema = branch.schema
    if schema is not None:
        return read_state(run, schema, overlay)
    view = read_state(run, run.plan.state if task.node.hidden else task.node.schema, overlay)
    if isinstance(view, dict) and isinstance(result, dict):
        # What the node returned besides what it reads is of interest to the edge that follows.
        return {**result, **view}
    return view


def _routes(branch: BranchPlan, result: Any) -> list[Write]:
    results = result if isinstance(result, (list, tuple)) else [result]
    targets = [
        item if branch.ends is None or isinstance(item, Send) else branch.ends[item] for item in results
    ]
    if any(target is None or target == START for target in targets):
        raise ValueError("Branch did not return a valid destination")
    return [
        packet_write(target) if isinstance(target, Send) else (branch_channel(target), None)
        for target in targets
        if isinstance(target, Send) or target != END
    ]
