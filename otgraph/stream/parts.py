"""
The types of what a stream hands out: modes, payloads, and the parts of `version="v2"`.

Rule: a chunk has LangGraph's keys and no others; what otgraph knows besides are attributes of `Part`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeAlias

from typing_extensions import NotRequired, TypeAliasType, TypedDict, TypeVar

from otgraph.run_config import RunnableConfig
from otgraph.snapshot import Interrupt, StateSnapshot

__all__ = [
    "CheckpointPayload",
    "CheckpointStreamPart",
    "CheckpointTask",
    "CustomStreamPart",
    "DebugPayload",
    "DebugStreamPart",
    "MessagesStreamPart",
    "RetriesStreamPart",
    "RetryPayload",
    "SpansStreamPart",
    "StreamMode",
    "StreamPart",
    "StreamWriter",
    "TaskPayload",
    "TaskResultPayload",
    "TasksStreamPart",
    "ToolsStreamPart",
    "UpdatesStreamPart",
    "ValuesStreamPart",
]

StateT = TypeVar("StateT", default=Any)
OutputT = TypeVar("OutputT", default=Any)

StreamMode: TypeAlias = Literal[
    "values", "updates", "checkpoints", "tasks", "debug", "messages", "custom", "tools", "retries", "spans"
]
"""
What a stream tells of a run.

- `values`: the state, after the input was taken and after each superstep that changed it.
- `updates`: what each node returned, as soon as it is done.
- `custom`: what nodes pass to their `writer`, at once.
- `messages`: tokens of chat models, and messages that nodes return, with where they come from.
- `tools`: the beginning, the parts and the end of every call of a tool of LangChain's.
- `tasks`: the start and the result of every node execution.
- `checkpoints`: every saved checkpoint, in the form of `get_state`.
- `debug`: `tasks` and `checkpoints`, each with its step and its time.
- `retries`: which attempts failed and are followed by another one; otgraph's own.
- `spans`: the spans of the run and their events, as plain dicts; otgraph's own.
"""

StreamWriter: TypeAlias = Callable[[Any], None]
"""Annotate a node's parameter `writer` with it; what the node passes to it goes to `custom`."""


class TaskPayload(TypedDict):
    """In `tasks`: a node is about to run."""

    id: str
    name: str
    input: Any
    triggers: tuple[str, ...]
    metadata: NotRequired[dict[str, Any]]
    """The user's, the node's, and `tags`; absent when there is none of them."""


class TaskResultPayload(TypedDict):
    """In `tasks`: a node returned, failed or was interrupted."""

    id: str
    name: str
    error: BaseException | None
    """The exception itself."""
    result: dict[str, Any]
    """What it wrote; `{"$writes": [...]}` for a key written more than once."""
    interrupts: list[dict[str, Any]]


class RetryPayload(TypedDict):
    """In `retries`: an attempt of a node failed, and another one follows."""

    id: str
    """Of the task, as in `tasks`."""
    name: str
    attempt: int
    """The one that failed, counted from 1."""
    error: BaseException
    """The exception itself."""
    delay: float
    """Seconds until the next one, without jitter."""


class CheckpointTask(TypedDict):
    """In `checkpoints`: one task that is due, done or failed at that point."""

    id: str
    name: str
    error: NotRequired[str]
    result: NotRequired[Any]
    interrupts: NotRequired[tuple[dict[str, Any], ...]]
    state: StateSnapshot | RunnableConfig | None


class CheckpointPayload(TypedDict, Generic[StateT]):
    """In `checkpoints`: a checkpoint was saved."""

    config: RunnableConfig | None
    parent_config: RunnableConfig | None
    values: StateT
    metadata: dict[str, Any]
    next: list[str]
    tasks: list[CheckpointTask]


class _DebugTask(TypedDict):
    step: int
    timestamp: str
    type: Literal["task"]
    payload: TaskPayload


class _DebugTaskResult(TypedDict):
    step: int
    timestamp: str
    type: Literal["task_result"]
    payload: TaskResultPayload


class _DebugCheckpoint(TypedDict, Generic[StateT]):
    step: int
    timestamp: str
    type: Literal["checkpoint"]
    payload: CheckpointPayload[StateT]


DebugPayload = TypeAliasType(
    "DebugPayload",
    _DebugCheckpoint[StateT] | _DebugTask | _DebugTaskResult,
    type_params=(StateT,),
)
"""In `debug`: a payload of `tasks` or `checkpoints` with its step and its time."""


class ValuesStreamPart(TypedDict, Generic[OutputT]):
    """A part of the mode `values`."""

    type: Literal["values"]
    ns: tuple[str, ...]
    data: OutputT
    interrupts: tuple[Interrupt[Any], ...]


class UpdatesStreamPart(TypedDict):
    """A part of the mode `updates`."""

    type: Literal["updates"]
    ns: tuple[str, ...]
    data: dict[str, Any]


class MessagesStreamPart(TypedDict):
    """A part of the mode `messages`: the message or token, and where it comes from."""

    type: Literal["messages"]
    ns: tuple[str, ...]
    data: tuple[Any, dict[str, Any]]


class CustomStreamPart(TypedDict):
    """A part of the mode `custom`: whatever a node passed to its writer."""

    type: Literal["custom"]
    ns: tuple[str, ...]
    data: Any


class CheckpointStreamPart(TypedDict, Generic[StateT]):
    """A part of the mode `checkpoints`."""

    type: Literal["checkpoints"]
    ns: tuple[str, ...]
    data: CheckpointPayload[StateT]


class TasksStreamPart(TypedDict):
    """A part of the mode `tasks`."""

    type: Literal["tasks"]
    ns: tuple[str, ...]
    data: TaskPayload | TaskResultPayload


class DebugStreamPart(TypedDict, Generic[StateT]):
    """A part of the mode `debug`."""

    type: Literal["debug"]
    ns: tuple[str, ...]
    data: DebugPayload[StateT]


class RetriesStreamPart(TypedDict):
    """A part of the mode `retries`."""

    type: Literal["retries"]
    ns: tuple[str, ...]
    data: RetryPayload


class ToolsStreamPart(TypedDict):
    """A part of the mode `tools`: a call of a tool began, handed out a part of its output, or ended."""

    type: Literal["tools"]
    ns: tuple[str, ...]
    data: dict[str, Any]


class SpansStreamPart(TypedDict):
    """A part of the mode `spans`: a span started, ended or received an event."""

    type: Literal["spans"]
    ns: tuple[str, ...]
    data: dict[str, Any]


StreamPart = TypeAliasType(
    "StreamPart",
    ValuesStreamPart[OutputT]
    | UpdatesStreamPart
    | MessagesStreamPart
    | CustomStreamPart
    | CheckpointStreamPart[StateT]
    | TasksStreamPart
    | DebugStreamPart[StateT]
    | ToolsStreamPart
    | RetriesStreamPart
    | SpansStreamPart,
    type_params=(StateT, OutputT),
)
"""Any chunk of `stream(..., version="v2")`; `part["type"]` says which."""
