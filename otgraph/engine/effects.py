"""
What the engine asks of the world, and how the answer comes back.

Rule: an effect is data. A flow yields it, a driver performs it and sends the reply in; nothing is ever thrown
into a flow. A reply is the value asked for, a `Failure`, or `CANCELLED`.

    effect               reply
    CallNode             what the user's callable returned, `Failure`, `Stopped` or `CANCELLED`
    JoinCalls            None, or `CANCELLED`
    RunTasks             None, the first error that stopped the tasks, or `Expired`
    Rest                 the 16 bytes of a new checkpoint id: a superstep is over, nothing is in flight
    Sleep                None
    ReadCache            key -> writes, for the keys that are there, or `Failure`
    WriteCache           None, or `Failure`
    LoadCheckpoint       a `CheckpointTuple`, None if there is none, or `Failure`
    ReadHistory          channel -> `DeltaChannelHistory`, or `Failure`
    ListCheckpoints      a list of `CheckpointTuple`s, the newest first, or `Failure`
    SaveCheckpoint       the 16 bytes of the checkpoint's id, or `Failure`
    SaveWrites           None, or `Failure`
    Flush                None once all that was handed over is saved, or `Failure`
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from otgraph.engine.ledger import Calls
from otgraph.infos import TaskInfo
from otgraph.plan.model import Callee

__all__ = [
    "CANCELLED",
    "CallNode",
    "Effect",
    "Expired",
    "Failure",
    "Flow",
    "Flush",
    "JoinCalls",
    "Limit",
    "ListCheckpoints",
    "LoadCheckpoint",
    "ReadCache",
    "ReadHistory",
    "Rest",
    "RunCancelled",
    "RunTasks",
    "SaveCheckpoint",
    "SaveWrites",
    "Saving",
    "Sleep",
    "Stopped",
    "WriteCache",
    "checked",
]


class CallNode:
    """Call a user's callable on behalf of a task, with the task's span current."""

    __slots__ = ("callee", "input", "limit", "task")

    def __init__(self, task: TaskInfo, callee: Callee, input: Any, limit: Limit | None = None) -> None:
        self.task = task
        self.callee = callee
        self.input = input
        self.limit = limit
        """When it is given up, for a call that is not under those of a `RunTasks`; then the reply is `Expired`."""


class Limit:
    """
    How long flows may take, in seconds.

    Args:
        run: in all.
        idle: without a sign of life.
        attempt: whether it is for one attempt of a node, whose time begins when its first call does.
        beats: whether a heartbeat is the only sign of life.
    """

    __slots__ = ("attempt", "beats", "clock", "idle", "run")

    def __init__(
        self, run: float | None, idle: float | None = None, *, attempt: bool = False, beats: bool = False
    ) -> None:
        self.run = run
        self.idle = idle
        self.attempt = attempt
        self.beats = beats
        self.clock: Any = None
        """The driver's; it goes on where the limit is given to one effect after another."""


class RunTasks:
    """Run these flows at the same time; when one returns an error, stop the others."""

    __slots__ = ("flows", "limit", "nested")

    def __init__(self, flows: Sequence[Flow], limit: Limit | None = None, *, nested: bool = False) -> None:
        self.flows = flows
        self.nested = nested
        """Whether they are tasks of a graph inside a graph, which may go on when one of them fails."""
        self.limit = limit
        """When those that have not finished are given up; then the reply is `Expired`."""


class JoinCalls:
    """Wait until the tasks that those of a superstep have called are done; from then on these can call no others."""

    __slots__ = ("calls", "nested", "step", "stop", "urgent")

    def __init__(self, calls: Calls, step: int, *, stop: bool, urgent: bool, nested: bool) -> None:
        self.calls = calls
        self.step = step
        self.stop = stop
        """Whether the superstep has failed, so that what can be stopped is stopped."""
        self.urgent = urgent
        """Whether what cannot be stopped is abandoned."""
        self.nested = nested
        """Whether they are those of a graph inside a graph, which may go on."""


class Rest:
    """A superstep is over: hand out what is ready, let others have a turn, name the next checkpoint."""

    __slots__ = ("step",)

    def __init__(self, step: int) -> None:
        self.step = step
        """The superstep that is over; a run asks with one and the same object every time."""


class Sleep:
    """Wait before the next attempt."""

    __slots__ = ("jitter", "seconds")

    def __init__(self, seconds: float, jitter: bool) -> None:
        self.seconds = seconds
        self.jitter = jitter
        """Whether to add up to one second at random."""


class ReadCache:
    """Look writes up in a cache. Reply: those that are there, by key."""

    __slots__ = ("cache", "keys")

    def __init__(self, cache: Any, keys: Sequence[Any]) -> None:
        self.cache = cache
        self.keys = keys


class WriteCache:
    """Put writes into a cache."""

    __slots__ = ("cache", "pairs")

    def __init__(self, cache: Any, pairs: Mapping[Any, Any]) -> None:
        self.cache = cache
        self.pairs = pairs
        """Key -> writes and the seconds they live."""


class LoadCheckpoint:
    """Read the checkpoint that a config names: the newest of its thread and namespace where it names no checkpoint."""

    __slots__ = ("config", "saver")

    def __init__(self, saver: Any, config: Mapping[str, Any]) -> None:
        self.saver = saver
        self.config = config


class ListCheckpoints:
    """Read the checkpoints of a thread and namespace, or a part of them."""

    __slots__ = ("config", "saver", "selection")

    def __init__(
        self,
        saver: Any,
        config: Mapping[str, Any],
        **selection: Any,
    ) -> None:
        self.saver = saver
        self.config = config
        self.selection = selection
        """`filter`, `before` and `limit`, as savers take them."""


class ReadHistory:
    """Read from what the values of channels that a checkpoint does not have as a whole can be rebuilt."""

    __slots__ = ("channels", "config", "saver")

    def __init__(self, saver: Any, config: Mapping[str, Any], channels: Sequence[str]) -> None:
        self.saver = saver
        self.config = config
        """Names the checkpoint."""
        self.channels = channels


class SaveCheckpoint:
    """Save a checkpoint; one without an id is given a new one, and the time."""

    __slots__ = ("checkpoint", "config", "metadata", "saver", "stored", "versions", "wait")

    def __init__(self, saver: Any, config: Any, checkpoint: Any, metadata: Any, versions: Any) -> None:
        self.saver = saver
        self.config = config
        """Names the thread, the namespace and the parent."""
        self.checkpoint = checkpoint
        self.metadata = metadata
        self.versions = versions
        """The channels that changed since the parent."""
        self.stored: Any = None
        """What the saver has returned."""
        self.wait = True
        """Whether the run goes on only when it is saved."""


class SaveWrites:
    """Save what a task wrote, with the checkpoint that its superstep started from."""

    __slots__ = ("config", "path", "saver", "task_id", "wait", "writes")

    def __init__(self, saver: Any, config: Any, writes: Any, task_id: str, path: str) -> None:
        self.saver = saver
        self.config = config
        self.writes = writes
        self.task_id = task_id
        self.path = path
        """By which the writes of several tasks are ordered."""
        self.wait = True
        """Whether the task counts as done only when they are saved."""


class Flush:
    """Wait until all that was handed over to be saved is saved."""

    __slots__ = ()


Saving: TypeAlias = LoadCheckpoint | ReadHistory | ListCheckpoints | SaveCheckpoint | SaveWrites | Flush
Effect: TypeAlias = CallNode | JoinCalls | RunTasks | Rest | Sleep | ReadCache | WriteCache | Saving
Flow: TypeAlias = Generator[Effect, Any, Any]


class Failure:
    """A reply: what was asked for raised this."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Stopped(Failure):
    """A reply: a task beside it failed, so it was cancelled; `error` is what the driver's colour calls that."""

    __slots__ = ()


class _Cancelled:
    __slots__ = ()

    def __repr__(self) -> str:
        return "CANCELLED"


CANCELLED: Final = _Cancelled()
"""A reply: the run is to stop, and what was asked for did not happen or its result does not count."""


class Expired(Failure):
    """A reply: the tasks took longer than they may; `error` is what the driver's colour calls that."""

    __slots__ = ("elapsed", "idle")

    def __init__(self, error: BaseException, elapsed: float, *, idle: bool) -> None:
        Failure.__init__(self, error)
        self.elapsed = elapsed
        """Seconds since the time began."""
        self.idle = idle
        """Whether there was no sign of life for too long."""


class RunCancelled(BaseException):
    """Leaves a flow that was told to stop; only drivers see it. `error` is what a `Stopped` reply said."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        super().__init__()


def checked(reply: Any) -> Any:
    """
    Return a reply that is a value.

    Raises:
        RunCancelled: the run is to stop.
        Exception: what was asked for raised it.
    """
    if reply is CANCELLED:
        raise RunCancelled
    if isinstance(reply, Failure):
        raise reply.error
    return reply
