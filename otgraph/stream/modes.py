"""
The stream modes: facts in, payloads out.

Rule: a mode is a pure function of the facts so far. The live stream, a replay of an exported trace and the tests
call the same functions; the order of modes at one fact is that of `ORDER`, whatever order the user named them in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from otgraph.constants import INTERRUPT, METADATA, RETURN
from otgraph.engine.shown import plain_interrupt, written_of
from otgraph.events import (
    BlockTold,
    CheckpointSaved,
    Emitted,
    Fact,
    MessageTold,
    RunPaused,
    RunResumed,
    RunStarted,
    StepApplied,
    TaskCommitted,
    TaskFailed,
    TaskInterrupted,
    TaskRestored,
    TaskRetried,
    TaskStarted,
    TaskStopped,
    ToolTold,
    Write,
)
from otgraph.infos import RunInfo, TaskInfo
from otgraph.missing import MISSING
from otgraph.stream.message_ids import id_of, ids_in
from otgraph.stream.times import iso_time

__all__ = ["MODES", "NOTHING_TOLD", "ORDER", "Mode", "States", "project"]

Payload: TypeAlias = Any
Mode: TypeAlias = Callable[[Any, "States"], Iterable[Payload]]

ORDER: Final = (
    "checkpoints",
    "updates",
    "values",
    "tasks",
    "debug",
    "custom",
    "messages",
    "blocks",
    "tools",
    "retries",
    "spans",
)
"""Which mode speaks first where one fact concerns several."""


LIVE: Final = (BlockTold, MessageTold, ToolTold)
"""Facts that ride on no event of a span."""

ATTEMPT: Final = "otgraph_attempt"
"""In the metadata of messages, from the second attempt of a task on: which attempt it is."""


class States:
    """The state of each run, put together from what was applied, and which messages are known."""

    __slots__ = ("_values", "seen")

    def __init__(self) -> None:
        self._values: dict[RunInfo, dict[str, Any]] = {}
        self.seen: set[str] = set()
        """The ids of messages that were shown, or that nodes were given."""

    def begin(self, run: RunInfo, values: dict[str, Any]) -> None:
        """Take a run's first state."""
        self._values[run] = dict(values)

    def change(self, run: RunInfo, values: Mapping[str, Any]) -> None:
        """Take new values of a run's state; MISSING for those that are gone."""
        state = self._values.get(run)
        if state is None:
            state = self._values[run] = {}
        for key, value in values.items():
            if value is MISSING:
                state.pop(key, None)
            else:
                state[key] = value

    def raw(self, run: RunInfo) -> dict[str, Any]:
        """Return all that is known of a run's state; not to be changed."""
        return self._values.get(run, {})

    def shown(self, run: RunInfo) -> Any:
        """Return a run's state as its output keys show it."""
        state = self._values.get(run, {})
        keys = run.output_keys
        if isinstance(keys, str):
            return state.get(keys)
        return {key: state[key] for key in keys if key in state}

    def end(self, run: RunInfo) -> None:
        """Forget a run."""
        self._values.pop(run, None)


# ---- values


def values_begin(fact: RunStarted, states: States) -> Iterable[Payload]:
    """Take the state a run starts from; it is shown only once something was applied to it."""
    states.begin(fact.run, fact.values or {})
    return ()


def values_applied(fact: StepApplied, states: States) -> Iterable[Payload]:
    """Show the state, if a key that is shown was written and changed."""
    if fact.values:
        states.change(fact.run, fact.values)
    if fact.step < 0:
        return ()
    keys = fact.run.output_keys
    changed = fact.changed
    for key in fact.written:
        if key in changed and (key in keys if type(keys) is tuple else key == keys):
            return (states.shown(fact.run),)
    return ()


def values_resumed(fact: RunResumed, states: States) -> Iterable[Payload]:
    """Show the state that the run goes on with."""
    return (states.shown(fact.run),)


def values_interrupted(fact: TaskInterrupted, states: States) -> Iterable[Payload]:
    """Show the state with what is asked added to it."""
    state = states.shown(fact.run)
    asked = {INTERRUPT: tuple(fact.interrupts)}
    return ({**state, **asked} if isinstance(state, dict) else asked,)


# ---- updates


def update_of(run: RunInfo, writes: Sequence[Write]) -> Any:
    """
    Return what a task wrote to the keys that are shown.

    None if it wrote to none of them, a list of one-key dicts if it wrote to one of them twice, the bare value where
    a single channel is shown.
    """
    keys = run.output_keys
    if writes and writes[0][0] == RETURN:
        # A task that was called wrote no state: it returned something.
        return writes[0][1]
    if isinstance(keys, str):
        found = [value for key, value in writes if key == keys]
        return found[-1] if len(found) == 1 else (found or None)
    update: dict[str, Any] = {}
    for key, value in writes:
        if key in keys:
            if key in update:
                return [{name: item} for name, item in writes if name in keys]
            update[key] = value
    return update or None


def updates_committed(fact: TaskCommitted, states: States) -> Iterable[Payload]:
    """Show what a task wrote."""
    return ({fact.task.name: update_of(fact.run, fact.writes)},)


def updates_restored(fact: TaskRestored, states: States) -> Iterable[Payload]:
    """Show what a task wrote in an earlier execution."""
    return ({fact.task.name: update_of(fact.run, fact.writes), METADATA: {"cached": True}},)


def updates_failed(fact: TaskFailed, states: States) -> Iterable[Payload]:
    """Show what a task had written before an edge of its node failed."""
    return ({fact.task.name: update_of(fact.run, fact.writes)},) if fact.writes else ()


def updates_paused(fact: RunPaused, states: States) -> Iterable[Payload]:
    """Show that the run stopped at a breakpoint, its own or one of a graph inside, which asks nothing."""
    return ({INTERRUPT: ()},) if fact.run.parent is None else ()


def updates_interrupted(fact: TaskInterrupted, states: States) -> Iterable[Payload]:
    """Show what a task asks."""
    return ({INTERRUPT: tuple(fact.interrupts)},)


# ---- tasks and debug


def tasks_started(fact: TaskStarted, states: States) -> Iterable[Payload]:
    """Show a task before it runs."""
    task = fact.task
    payload = {"id": task.id, "name": task.name, "input": task.input, "triggers": task.triggers}
    if task.metadata:
        payload["metadata"] = task.metadata
    return (payload,)


def _result(
    task: TaskInfo, result: dict[str, Any], error: BaseException | None = None, interrupts: Sequence[Any] = ()
) -> dict[str, Any]:
    return {
        "id": task.id,
        "name": task.name,
        "error": error,
        "result": result,
        "interrupts": list(interrupts),
    }


def tasks_committed(fact: TaskCommitted, states: States) -> Iterable[Payload]:
    """Show a task's result."""
    return (_result(fact.task, written_of(fact.run.stream_keys, fact.writes)),)


def tasks_failed(fact: TaskFailed, states: States) -> Iterable[Payload]:
    """Show the exception, live."""
    return (_result(fact.task, written_of(fact.run.stream_keys, fact.writes), fact.error),)


def tasks_stopped(fact: TaskStopped, states: States) -> Iterable[Payload]:
    """Show that a task was cancelled."""
    return (_result(fact.task, {}, fact.error),)


def tasks_interrupted(fact: TaskInterrupted, states: States) -> Iterable[Payload]:
    """Show what a task asks, as plain data."""
    return (_result(fact.task, {}, None, [plain_interrupt(item) for item in fact.interrupts]),)


# ---- checkpoints


NOTHING_TOLD: Final[dict[str, Any]] = {
    "config": None,
    "parent_config": None,
    "metadata": {},
    "next": [],
    "tasks": [],
}
"""What is known of a checkpoint whose description was cut off."""


def checkpoints_saved(fact: CheckpointSaved, states: States) -> Iterable[Payload]:
    """Show a checkpoint with the state and with what is due."""
    told, values, keys = fact.told or NOTHING_TOLD, fact.values or {}, fact.run.stream_keys
    return (
        {
            "config": told["config"],
            "parent_config": told["parent_config"],
            "values": values.get(keys) if isinstance(keys, str) else values,
            "metadata": told["metadata"],
            "next": told["next"],
            "tasks": told["tasks"],
        },
    )


def _step_of(checkpoint: dict[str, Any]) -> int | None:
    """Return the number of the superstep that a checkpoint is of, if that was not cut off."""
    metadata = checkpoint["metadata"]
    return metadata.get("step") if isinstance(metadata, Mapping) else None


def debug_of(kind: str, mode: Mode) -> Mode:
    """Return the mode that wraps the one payload of `mode` with its step and its time."""

    def wrapped(fact: Any, states: States) -> Iterable[Payload]:
        (payload,) = mode(fact, states)
        step = _step_of(payload) if kind == "checkpoint" else fact.task.step
        return ({"step": step, "timestamp": iso_time(fact.time_ns), "type": kind, "payload": payload},)

    return wrapped


# ---- custom, retries and spans


def custom_emitted(fact: Emitted, states: States) -> Iterable[Payload]:
    """Hand out what a node passed to its writer."""
    return (fact.payload,)


def retries_announced(fact: TaskRetried, states: States) -> Iterable[Payload]:
    """Tell that an attempt failed and another one follows: what the failed one has put out is void."""
    task = fact.task
    return (
        {"id": task.id, "name": task.name, "attempt": fact.attempt, "error": fact.error, "delay": fact.delay},
    )


# ---- messages


def messages_given(fact: TaskStarted, states: States) -> Iterable[Payload]:
    """Take note of the messages that a node is given: returning them is no news."""
    states.seen.update(ids_in(fact.task.input))
    return ()


def messages_told(fact: MessageTold | BlockTold, states: States) -> Iterable[Payload]:
    """Hand out every token, and a whole message unless it was shown or given already."""
    message, metadata = fact.message, fact.metadata
    id = id_of(message)  # noqa: A001
    if id is not None:
        if fact.whole and id in states.seen:
            return ()
        states.seen.add(id)
    if fact.attempt > 1:
        metadata = {**metadata, ATTEMPT: fact.attempt}
    return ((message, metadata),)


def blocks_told(fact: MessageTold | BlockTold, states: States) -> Iterable[Payload]:
    """Hand out a whole message; what a tool answered, the mode `tools` shows."""
    return () if getattr(fact.message, "type", None) in ("tool", "remove") else messages_told(fact, states)


# ---- tools


def tools_told(fact: ToolTold, states: States) -> Iterable[Payload]:
    """Hand out what happens in a call of a tool."""
    return (fact.payload,)


def spans_shot(fact: Fact, states: States) -> Iterable[Payload]:
    """Hand out the span start, event or end that the fact rides on."""
    return () if fact.shot is None else (fact.shot,)


MODES: Final[dict[str, dict[type[Fact], Mode]]] = {
    "values": {
        RunStarted: values_begin,
        StepApplied: values_applied,
        RunResumed: values_resumed,
        TaskInterrupted: values_interrupted,
    },
    "updates": {
        TaskCommitted: updates_committed,
        TaskRestored: updates_restored,
        TaskFailed: updates_failed,
        RunPaused: updates_paused,
        TaskInterrupted: updates_interrupted,
    },
    "tasks": {
        TaskStarted: tasks_started,
        TaskCommitted: tasks_committed,
        TaskFailed: tasks_failed,
        TaskStopped: tasks_stopped,
        TaskInterrupted: tasks_interrupted,
    },
    "debug": {
        CheckpointSaved: debug_of("checkpoint", checkpoints_saved),
        TaskStarted: debug_of("task", tasks_started),
        TaskCommitted: debug_of("task_result", tasks_committed),
        TaskFailed: debug_of("task_result", tasks_failed),
        TaskStopped: debug_of("task_result", tasks_stopped),
        TaskInterrupted: debug_of("task_result", tasks_interrupted),
    },
    "checkpoints": {CheckpointSaved: checkpoints_saved},
    "messages": {TaskStarted: messages_given, MessageTold: messages_told},
    "custom": {Emitted: custom_emitted},
    "retries": {TaskRetried: retries_announced},
    "blocks": {TaskStarted: messages_given, MessageTold: blocks_told, BlockTold: messages_told},
    "tools": {ToolTold: tools_told},
    "spans": dict.fromkeys([fact for fact in Fact.__subclasses__() if fact not in LIVE], spans_shot),
}
"""Mode -> fact -> what the mode shows of it. A mode is in this table or it does not exist."""


def project(modes: Iterable[str]) -> dict[type[Fact], list[tuple[str, Mode]]]:
    """Return, for each fact that concerns any of `modes`, who speaks of it and in which order."""
    wanted = set(modes)
    table: dict[type[Fact], list[tuple[str, Mode]]] = {}
    for mode in ORDER:
        if mode in wanted:
            for fact, function in MODES[mode].items():
                table.setdefault(fact, []).append((mode, function))
    return table
