"""
What is shown of a checkpoint: its config, its metadata and the tasks that are due.

Rule: plain data. The state itself is not here, as whoever follows a run has it already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from otgraph.constants import CONF, ERROR, INTERRUPT, RETURN
from otgraph.engine.run import Run
from otgraph.engine.saving import SPECIAL
from otgraph.engine.task import Task
from otgraph.engine.thread import TRACE, SavedThread
from otgraph.events import Write
from otgraph.missing import MISSING
from otgraph.plan.model import Keys
from otgraph.snapshot import PregelTask

__all__ = [
    "describe_checkpoint",
    "own_filter",
    "own_metadata",
    "plain_interrupt",
    "shown_tasks",
    "written_of",
]


def describe_checkpoint(run: Run, tasks: Sequence[Task]) -> dict[str, Any]:
    """Return what the `checkpoints` stream shows of the checkpoint that a run is at, without the state."""
    thread = run.saved
    assert thread is not None
    return {
        "config": thread.shown_config(thread.checkpoint_id),
        "parent_config": thread.parent_config,
        "metadata": own_metadata(thread.metadata),
        "next": [task.name for task in tasks],
        "tasks": [_told(task, thread) for task in shown_tasks(run, thread, tasks)],
    }


def own_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return a checkpoint's metadata without what is kept there for traces."""
    return {key: value for key, value in metadata.items() if key != TRACE}


def own_filter(wanted: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a filter of metadata that knows nothing of what is kept there for traces; None if nothing can pass it."""
    shown = {key: value for key, value in (wanted or {}).items() if key.partition(".")[0] != TRACE}
    hidden = [value for key, value in (wanted or {}).items() if key not in shown]
    # What is not there equals None.
    return None if any(value is not None for value in hidden) else shown


def _told(task: PregelTask, thread: SavedThread) -> dict[str, Any]:
    """Return a task as the stream shows it: also what it asked and has been answered."""
    told: dict[str, Any] = {"id": task.id, "name": task.name}
    if task.error:
        return {**told, "error": task.error, "state": task.state}
    if task.result:
        told["result"] = task.result
    kept = thread.pending.get(task.id, ())
    asked = [question for channel, value in kept if channel == INTERRUPT for question in value]
    return {**told, "interrupts": tuple(map(plain_interrupt, asked)), "state": task.state}


def plain_interrupt(interrupt: Any) -> dict[str, Any]:
    """Return an interrupt as a dict."""
    return {
        "value": interrupt.value,
        "id": interrupt.id,
        "response_schema": getattr(interrupt, "response_schema", None),
    }


def shown_tasks(
    run: Run, thread: SavedThread, tasks: Iterable[Task], *, current: bool = False
) -> tuple[PregelTask, ...]:
    """
    Return tasks that are due as a state shows them, each with what is kept of an earlier execution.

    Args:
        current: leave out questions that were answered, rather than show what was asked there.
    """
    return tuple(_shown_task(run, thread, task, current) for task in tasks)


def _shown_task(run: Run, thread: SavedThread, task: Task, current: bool) -> PregelTask:
    kept = thread.pending.get(task.id, ())
    error = next((value for channel, value in kept if channel == ERROR), None)
    answered = current and any(channel not in SPECIAL for channel, _ in kept)
    return PregelTask(
        task.id,
        task.name,
        task.path,
        error,
        () if answered else tuple(questions(kept)),
        _place_of(run, thread, task),
        _result(run, kept),
    )


def questions(kept: Sequence[Write]) -> list[Any]:
    """Return what a task asked."""
    return [question for channel, value in kept if channel == INTERRUPT for question in value]


def _place_of(run: Run, thread: SavedThread, task: Task) -> Any:
    nests = run.options.nests
    if nests is None or not nests(task.node):
        return None
    place = {"thread_id": thread.config()[CONF].get("thread_id"), "checkpoint_ns": task.checkpoint_ns}
    return {CONF: place}


def _result(run: Run, kept: Sequence[Write]) -> Any:
    """Return what a task wrote to the state, or what a task of the functional API returned; None if it did nothing."""
    returned = next((value for channel, value in kept if channel == RETURN), MISSING)
    if returned is not MISSING:
        return returned
    if all(channel in SPECIAL for channel, _ in kept):
        return None
    written = written_of(run.stream_keys, kept)
    return written.get(run.stream_keys) if isinstance(run.stream_keys, str) else written


def written_of(keys: Keys, writes: Sequence[Write]) -> dict[str, Any]:
    """Return what a task wrote to the state: key -> value, or key -> `{"$writes": values}` if more than one."""
    if writes and writes[0][0] == RETURN:
        # A task that was called wrote no state: it returned something.
        return dict(writes)
    shown = (keys,) if type(keys) is str else keys
    result: dict[str, Any] = {}
    for key, value in writes:
        if key in shown:
            if key in result:
                return _all_written([write for write in writes if write[0] in shown])
            result[key] = value
    return result


def _all_written(writes: Iterable[Write]) -> dict[str, Any]:
    values: dict[str, list[Any]] = {}
    for key, value in writes:
        values.setdefault(key, []).append(value)
    return {key: found[0] if len(found) == 1 else {"$writes": found} for key, found in values.items()}
