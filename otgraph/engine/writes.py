"""
What a node returned becomes writes; the writes of a superstep become state.

Rule: pure but for the run it is given. Tasks are applied in the order of their paths, whoever finished first.
"""

from __future__ import annotations

import logging
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from otgraph.channels.base import BaseChannel
from otgraph.command import Command, Send
from otgraph.constants import END, INPUT, NOT_CHANNELS, NULL_TASK_ID, ROOT, START, TASKS, branch_channel
from otgraph.engine.damage import explain_update
from otgraph.engine.run import Run
from otgraph.engine.task import Task, path_key
from otgraph.errors import EmptyInputError, ErrorCode, InvalidUpdateError, ParentCommand, create_error_message
from otgraph.events import Write
from otgraph.schema import updates_of

__all__ = ["apply_writes", "input_writes", "packet_write", "result_writes", "written_by_nobody"]

logger = logging.getLogger("otgraph")


def result_writes(result: Any, keys: AbstractSet[str]) -> list[Write]:
    """
    Return the writes that stand for what a node returned.

    Args:
        result: a dict, None, a `Command`, a sequence with a `Command` in it, a `Send`, an annotated object,
            or, where the state is a root state, anything.
        keys: the channels that the result may name; other keys of it are dropped.

    Raises:
        InvalidUpdateError: the result is none of these.
        ParentCommand: the result is meant for the graph around this one.
    """
    if result is None:
        return []
    if type(result) is dict and ROOT not in keys:
        return [item for item in result.items() if item[0] in keys]
    if isinstance(result, Command):
        return _command_writes((result,), keys)
    if isinstance(result, (list, tuple)) and any(isinstance(item, Command) for item in result):
        return _command_writes(result, keys)
    if isinstance(result, Send):
        return [(TASKS, result)]
    return _plain_writes(result, keys)


def _plain_writes(result: Any, keys: AbstractSet[str]) -> list[Write]:
    if ROOT in keys:
        return [(ROOT, result)]
    if isinstance(result, Mapping):
        return [(key, value) for key, value in result.items() if key in keys]
    updates = updates_of(result)
    if updates is None:
        raise InvalidUpdateError(
            create_error_message(
                message=f"Expected dict, got {result}{_unawaited(result)}",
                error_code=ErrorCode.INVALID_GRAPH_NODE_RETURN_VALUE,
            )
        )
    return [(key, value) for key, value in updates if key in keys]


def _unawaited(result: Any) -> str:
    """Return what to do about a result that is a call of an async function."""
    return ": await it, in a node that is an async function" if isinstance(result, Coroutine) else ""


def _command_writes(results: Iterable[Any], keys: AbstractSet[str]) -> list[Write]:
    writes: list[Write] = []
    routes: list[Write] = []
    for result in results:
        if not isinstance(result, Command):
            writes.extend(() if result is None else _plain_writes(result, keys))
            continue
        if result.graph == Command.PARENT:
            raise ParentCommand(result)
        writes.extend(_update_writes(result.update, keys))
        goto = result.goto
        for target in goto if isinstance(goto, (list, tuple)) else (goto,):
            if isinstance(target, Send):
                routes.append((TASKS, target))
            elif target != END:
                routes.append((branch_channel(target), None))
    return writes + routes


def _update_writes(update: Any, keys: AbstractSet[str]) -> list[Write]:
    if update is None:
        return []
    if ROOT in keys:
        return [(ROOT, update)]
    if isinstance(update, (list, tuple)) and all(
        isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in update
    ):
        return [(key, value) for key, value in update if key in keys]
    if not isinstance(update, Mapping) and updates_of(update) is None:
        logger.warning(
            "Ignoring a Command's update that is no dict, list of pairs or annotated object: %r", update
        )
        return []
    return _plain_writes(update, keys)


def packet_write(packet: Send) -> Write:
    """Return the write that puts a `Send` into the next superstep."""
    if packet.node == END:
        raise InvalidUpdateError("Cannot send a packet to the END node")
    return (TASKS, packet)


def apply_writes(run: Run, tasks: Sequence[Task]) -> tuple[list[str], list[str]]:
    """
    Turn the writes of a superstep's tasks into state and note which channels changed.

    Returns the state channels that changed and those that were written to.

    Raises:
        InvalidUpdateError: a channel cannot take its writes.
    """
    if len(tasks) > 1:
        tasks = sorted(tasks, key=path_key)
    channels, versions, plan = run.channels, run.versions, run.plan
    passed = False
    for task in tasks:
        passed = passed or task.id != NULL_TASK_ID
        if task.triggers:
            _mark_seen(run, task)
    before, moved = run.version, False
    run.version = version = run.bump(before)
    if plan.consumed:
        for task in tasks:
            for trigger in task.triggers:
                if trigger in plan.consumed and channels[trigger].consume():
                    versions[trigger] = version
                    moved = True
    grouped = _group(run, tasks)
    updated: set[str] = set()
    changed: list[str] = []
    written: list[str] = []
    lively, state = run.lively, plan.state_keys
    # Volatile channels that hold something hear of a superstep in which nobody wrote to them. What a command writes
    # between two supersteps leaves them what they hold: it is for the next one.
    if passed:
        for name in lively.difference(grouped):
            grouped[name] = ()
    for name, values in grouped.items():
        channel = channels[name]
        available = None
        try:
            took = channel.update(values)
        except Exception as error:
            _explain(run, tasks, name, channel, error)
            raise
        if took:
            versions[name] = version
            moved = True
            available = channel.is_available()
            if available:
                updated.add(name)
            if name in state:
                changed.append(name)
        if values:
            if name in state:
                written.append(name)
            if channel.volatile:
                lively.add(name)
        elif not (channel.is_available() if available is None else available):
            lively.discard(name)
    if passed and plan.deferred and updated.isdisjoint(plan.trigger_to_nodes):
        _finish(run, updated)
    if not (moved or updated):
        run.version = before
    run.updated = updated
    return changed, written


def _explain(
    run: Run, tasks: Sequence[Task], name: str, channel: BaseChannel[Any, Any, Any], error: Exception
) -> None:
    if name in run.plan.state_keys:
        held = channel.get() if channel.is_available() else None
        written = [(task.name, value) for task in tasks for key, value in task.writes if key == name]
        explain_update(error, name, held, written, None if run.saved is None else run.thread)


def input_writes(run: Run, given: Any) -> list[Write]:
    """
    Return the writes that stand for the input of a run.

    Raises:
        EmptyInputError: there is none.
        TypeError: it does not name channels, where it is to be written to several.
    """
    keys = run.plan.entrance
    if isinstance(keys, str):
        writes = [] if given is None else [(keys, given)]
    elif given is not None and not isinstance(given, dict):
        raise TypeError(f"Expected chunk to be a dict, got {type(given).__name__}")
    else:
        for name in given or ():
            if name not in keys:
                logger.warning("Input channel %s not found in %s", name, list(keys))
        writes = [(name, value) for name, value in (given or {}).items() if name in keys]
    if not writes and keys != START:
        raise EmptyInputError(f"Received no input for {keys if isinstance(keys, str) else list(keys)}")
    return writes or [(START, given)]


def written_by_nobody(run: Run, writes: Sequence[Write]) -> Task:
    """Return a task that stands for writes that no node made: those of an input or a command."""
    task = Task(run, run.plan.entry, NULL_TASK_ID, None, (), ())
    task.name = INPUT
    task.writes = writes
    task.span = run.span
    return task


def _finish(run: Run, updated: set[str]) -> None:
    """Tell the channels that wait for the end that it would come now."""
    for name in run.plan.deferred:
        channel = run.channels[name]
        if channel.finish():
            run.versions[name] = run.version
            if channel.is_available():
                updated.add(name)


def _mark_seen(run: Run, task: Task) -> None:
    """Note on which versions of its triggers a task's node ran, and forget who had written to them."""
    seen = run.seen.get(task.name)
    if seen is None:
        seen = run.seen[task.name] = {}
    versions, sources = run.versions, run.sources
    for trigger in task.triggers:
        version = versions.get(trigger)
        if version is not None:
            seen[trigger] = version
            sources.pop(trigger, None)


def _group(run: Run, tasks: Sequence[Task]) -> dict[str, Sequence[Any]]:
    """Return channel -> writes to it, in the order of tasks; note who wrote to what triggers a node."""
    grouped: dict[str, Any] = {}
    channels, triggers, sources = run.channels, run.plan.trigger_to_nodes, run.sources
    for task in tasks:
        for name, value in task.writes:
            values = grouped.get(name)
            if values is not None:
                values.append(value)
            elif name in channels:
                grouped[name] = [value]
            else:
                _unknown_channel(task, name)
                continue
            if name in triggers or name == TASKS:
                known = sources.get(name)
                if known is None:
                    sources[name] = [task.span]
                else:
                    known.append(task.span)
    return grouped


def _unknown_channel(task: Task, name: str) -> None:
    if name not in NOT_CHANNELS:
        logger.warning(
            "Task %s with path %s wrote to unknown channel %s, ignoring it.", task.name, task.path, name
        )
