"""
Which tasks are next: pushed by `Send`, pulled by triggers.

Rule: planning reads the state and changes nothing; the same state gives the same tasks with the same ids.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from otgraph.command import Send
from otgraph.constants import PULL, PUSH, START, TASKS
from otgraph.engine.run import Run
from otgraph.engine.task import Task
from otgraph.missing import MISSING
from otgraph.plan.model import NodePlan
from otgraph.schema import Schema

__all__ = ["plan_tasks", "read_state", "shown_metadata"]

logger = logging.getLogger("otgraph")


def plan_tasks(run: Run, *, inputs: bool = True) -> list[Task]:
    """
    Return the tasks of the next superstep: pushed ones by position, then pulled ones by name.

    Args:
        inputs: whether they are given their inputs; without, they only say who is due.
    """
    tasks: list[Task] = []
    packets = run.channels[TASKS].peek()
    if packets:
        _plan_pushed(run, packets, tasks)
    nodes, updated = run.plan.nodes, run.updated
    due: set[str] = set()
    candidates: Iterable[str] = due
    if updated is None:
        candidates = _declared(run)
    else:
        triggered = run.plan.trigger_to_nodes
        for channel in updated:
            if channel in triggered:
                due.update(triggered[channel])
        if len(due) > 1:
            candidates = sorted(due)
    for name in candidates:
        node = nodes[name]
        if _is_due(run, node):
            tasks.append(_pulled(run, node, inputs))
    return tasks


def _declared(run: Run) -> Iterable[str]:
    """Return the nodes that what is in the channels may make due, in the order in which they were declared."""
    channels, versions, specimens = run.channels, run.versions, run.plan.channels
    # A channel that is still the plan's own has no value.
    due = {
        name
        for trigger, names in run.plan.trigger_to_nodes.items()
        if trigger in versions
        and (channel := channels[trigger]) is not specimens[trigger]
        and channel.is_available()
        for name in names
    }
    return [name for name in run.plan.nodes if name in due] if len(due) > 1 else due


def _plan_pushed(run: Run, packets: Any, tasks: list[Task]) -> None:
    nodes = run.plan.nodes
    senders = run.sources.pop(TASKS, ())
    step = str(run.step)
    for index, packet in enumerate(packets):
        if not isinstance(packet, Send):
            logger.warning("Ignoring invalid packet type %s in pending sends", type(packet))
            continue
        node = nodes.get(packet.node)
        if node is None:
            logger.warning("Ignoring unknown node name %s in pending sends", packet.node)
            continue
        name = node.name
        id = run.ids(run.checkpoint, (run.ns_text, name, step, name, PUSH, str(index)))  # noqa: A001
        task = Task(run, node, id, packet.arg, (PUSH,), (PUSH, index, False))
        if packet.timeout is not None:
            task.timeout = packet.timeout
        if index < len(senders):
            task.sources = (senders[index],)
        if node.metadata or run.options.config.metadata or run.options.config.tags:
            task.metadata = shown_metadata(run, node)
        tasks.append(task)


def _is_due(run: Run, node: NodePlan) -> bool:
    """Say whether one of the node's triggers is available in a version that the node has not run on."""
    channels, versions = run.channels, run.versions
    seen = run.seen.get(node.name)
    for name in node.triggers:
        version = versions.get(name)
        if version is None or (seen is not None and name in seen and version <= seen[name]):
            continue
        if channels[name].is_available():
            return True
    return False


def _pulled(run: Run, node: NodePlan, inputs: bool) -> Task:
    # All triggers of the node are named, whichever of them made it due: LangGraph's ids are made of all of them.
    name, triggers = node.name, node.triggers
    id = run.ids(run.checkpoint, (run.ns_text, name, str(run.step), name, PULL, *triggers))  # noqa: A001
    try:
        input = None  # noqa: A001
        if inputs:
            input = _input_of_start(run, node) if node.hidden else read_state(run, node.schema)  # noqa: A001
    except Exception as error:
        if sys.version_info >= (3, 11):
            error.add_note(f"Before task with name '{name}' and path '{(PULL, name)}'")
        raise
    task = Task(run, node, id, input, triggers, (PULL, name))
    if triggers[0] != START:
        task.reads = node.schema.keys
    sources = run.sources
    if sources:
        first = sources.get(triggers[0])
        if first is not None and len(triggers) == 1:
            task.sources = first
        else:
            task.sources = [source for trigger in triggers for source in sources.get(trigger, ())]
    config = run.options.config
    if node.metadata or config.metadata or config.tags:
        task.metadata = shown_metadata(run, node)
    return task


def _input_of_start(run: Run, node: NodePlan) -> Any:
    """Return the input of the run, which the hidden node passes on as it is."""
    value = run.channels[node.name].peek()
    return None if value is MISSING else value


def read_state(run: Run, schema: Schema, overlay: Mapping[str, Any] | None = None) -> Any:
    """
    Return what a node or a branch with this schema is shown of the state.

    Args:
        overlay: channels to look at in place of the run's own.
    """
    channels: Mapping[str, Any] = run.channels
    if overlay:
        channels = {**channels, **overlay}
    if schema.root:
        value = channels[schema.keys[0]].peek()
        return None if value is MISSING else value
    values = {}
    for key in schema.keys:
        value = channels[key].peek()
        if value is not MISSING:
            values[key] = value
    for key, manager in schema.managed.items():
        values[key] = manager.get(run.step, run.stop)
    return values if schema.coerce is None else schema.coerce(values)


def shown_metadata(run: Run, node: NodePlan) -> dict[str, Any]:
    """Return what `tasks` chunks show as metadata: the user's own, never the engine's."""
    config = run.options.config
    shown = {
        key: value
        for key, value in {**config.metadata, **node.metadata}.items()
        if not key.startswith(("langgraph_", "checkpoint_")) and key != "thread_id"
    }
    if config.tags:
        shown["tags"] = list(config.tags)
    return shown
