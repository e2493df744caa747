"""
Who a fact is about: a run, a task.

Rule: identity and shape only. The engine's own objects derive from these; a replay makes plain ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

__all__ = ["Agent", "Origin", "RunInfo", "TaskInfo"]


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent, as those who made it call it."""

    name: str
    id: str | None = None
    description: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """The checkpoint that a run starts from, and who left it there."""

    kind: Literal["resume", "fork"] | None
    """What the run does with it: go on, go another way, or, for None, take a new input."""
    checkpoint_id: str
    saved_at: str
    """When it was saved, in ISO 8601."""
    carriers: Sequence[Any]
    """What observers kept with it of the runs that were there, as they gave it or as it was damaged since."""
    questions: tuple[str, ...]
    """The ids of the interrupts that nobody had answered."""
    answered: bool
    """Whether the run is given an answer."""
    newest: bool
    """Whether nobody has gone on from there, nor from the checkpoint of which that is an update."""
    inside: bool
    """Whether it is the run around this one that somebody goes on with, or makes go another way."""


class RunInfo:
    """A run as its record knows it: one per graph execution, nested ones included."""

    __slots__ = (
        "agent",
        "awaited",
        "chain",
        "given",
        "id",
        "metadata",
        "name",
        "ns",
        "origin",
        "output_keys",
        "parent",
        "place",
        "shape",
        "shape_state",
        "span",
        "step_span",
        "stream_keys",
        "tags",
        "thread",
    )

    look: ClassVar[Any] = None
    """Channels -> their values now, or MISSING; only a live run has that."""

    def __init__(
        self,
        id: str,
        name: str,
        ns: tuple[str, ...],
        stream_keys: tuple[str, ...] | str,
        output_keys: tuple[str, ...] | str,
        parent: RunInfo | None = None,
    ) -> None:
        self.id = id
        self.name = name
        self.ns = ns
        """One `node:task_id` per level; empty for the root run."""
        self.stream_keys = stream_keys
        """The channels that a state consists of, or the one channel whose bare value it is."""
        self.output_keys = output_keys
        """Which of them `values` and `updates` show."""
        self.parent = parent
        self.agent: Agent | None = None
        """The agent whose run it is, if it is one's."""
        self.origin: Origin | None = None
        """What it starts from, where that was saved."""
        self.thread: str | None = None
        """The thread id, where the run has one."""
        self.metadata: Mapping[str, Any] = {}
        self.tags: Sequence[str] = ()
        self.shape: Callable[[Any], Any] | None = None
        """Shown values -> an instance of their class, where that is not dict."""
        self.shape_state: Callable[[Any], Any] | None = None
        """The same for the whole state."""
        self.given: Any = None
        """What it was called with."""
        self.chain: Any = None
        """LangChain's handle of the run, where it was given callbacks."""
        self.awaited = False
        """Whether it is run on an event loop."""
        self.span: Any = None
        """The observer's handle of the run; nobody else looks at it."""
        self.step_span: Any = None
        """The observer's handle of the superstep in progress."""
        self.place: Any = None
        """The observer's handle of where the run is in the record that all runs under one root share."""


class TaskInfo:
    """
    A task as its record knows it: one execution of one node in one superstep.

    What most tasks never change is kept on the class: a task is made in every superstep.
    """

    metadata: Mapping[str, Any] | None = None
    """The user's own, from config and node; never the engine's keys."""
    reads: tuple[str, ...] | None = None
    """The channels its input was read from; None for an input that is no view of the state."""
    sources: Sequence[Any] = ()
    """The observer's handles of the tasks that made this one due."""
    ns: tuple[str, ...] | None = None
    """The namespace that it was called in; None for a task that was planned, which is in that of its run."""
    caller: TaskInfo | None = None
    """The task that called it; None for one that was planned."""
    callbacks: Any = None
    """What LangChain calls for what is called inside the task, where its run was given callbacks."""
    chain: Any = None
    """LangChain's handle of the task."""
    branch: Any = None
    """LangChain's handle of the branch that is being called."""
    returned: Any = None
    """What it returned, as long as LangChain is to be told."""
    span: Any = None
    """The observer's handle of the task; nobody else looks at it."""
    goes_on: Sequence[str] = ()
    """The ids of the interrupts at which an earlier run left it."""
    restored: bool = False
    """Whether its writes are known from an earlier execution, so that it does not run."""
    failed: bool = False
    """Whether it failed in an earlier execution, and its error handler runs in its place."""
    handles: str | None = None
    """The id of the failed task in whose place it runs, if it is an error handler."""
    cached: bool = False
    """Whether they are from a cache."""
    replayed: Sequence[Any] = ()
    """What was said in that execution, if that is to be said again."""
    writes: Sequence[Any] = ()
    attempt: int = 1
    """From 1."""
    inside: Sequence[Any] = ()
    """The observer's handles of work inside it that goes on, such as calls of tools."""
    models: Sequence[Any] = ()
    """The observer's handles of calls of models inside it that go on, or that were left and never ended."""
    usage: Any = None
    """What calls of models inside it have taken, a `Usage`; None where there were none."""
    emitted: int = 0
    """How many items were handed to the stream writer."""
    told: int = 0
    """How many tokens and messages were handed to the stream."""
    first_told_ns: int = 0
    """When the first of them was, in nanoseconds since 1970."""

    def __init__(
        self,
        run: RunInfo,
        id: str,
        name: str,
        step: int,
        input: Any,
        triggers: tuple[str, ...],
        path: tuple[Any, ...],
    ) -> None:
        self.run = run
        self.id = id
        self.name = name
        self.step = step
        self.input = input
        self.triggers = triggers
        self.path = path
