"""
Run: everything that changes while one graph executes, in one object.

Rule: only the engine's flows change it, and one driver at a time drives them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from otgraph.channels.base import BaseChannel
from otgraph.constants import NS_SEP, PREVIOUS
from otgraph.engine.deltas import Deltas
from otgraph.engine.ledger import Calls
from otgraph.engine.observer import Observer
from otgraph.engine.thread import SavedThread
from otgraph.errors import GraphDrained, ParentCommand
from otgraph.ids import new_run_id, task_id
from otgraph.infos import RunInfo
from otgraph.missing import MISSING
from otgraph.plan.model import Keys, Plan
from otgraph.plan.stored import trusting
from otgraph.run_config import NO_CONFIG, RunConfig
from otgraph.runtime import RunControl
from otgraph.schema import coerce_output

__all__ = ["Run", "RunOptions"]


@dataclass(slots=True, eq=False, repr=False)
class RunOptions:
    """What one call of a graph was given besides its input; nested runs inherit it."""

    config: RunConfig = NO_CONFIG
    context: Any = None
    store: Any = None
    cache: Any = None
    control: RunControl | None = None
    output_keys: Keys | None = None
    """None for the keys of the graph's output schema."""
    interrupt_before: Any = None
    interrupt_after: Any = None
    nests: Callable[[Any], bool] | None = None
    """Says whether a node runs a graph; None where nobody asks."""
    extras: Mapping[str, Any] = field(default_factory=dict)


class Run(RunInfo):
    """One execution of one graph."""

    __slots__ = (
        "answered",
        "bump",
        "caller",
        "calls",
        "channels",
        "checkpoint",
        "expired",
        "fleeting",
        "ids",
        "interrupts",
        "last",
        "leaving",
        "lively",
        "ns_text",
        "observer",
        "options",
        "paused",
        "plan",
        "planned",
        "saved",
        "seen",
        "sources",
        "step",
        "step_timeout",
        "stop",
        "stopping",
        "updated",
        "version",
        "versions",
    )

    def __init__(
        self,
        plan: Plan,
        observer: Observer | None,
        options: RunOptions,
        parent: RunInfo | None = None,
        ns: tuple[str, ...] = (),
        channels: Mapping[str, BaseChannel[Any, Any, Any]] | None = None,
    ) -> None:
        keys = plan.output_keys if options.output_keys is None else options.output_keys
        # A run that nobody observes only holds a state; it needs no name.
        id = "" if observer is None else _identity(options, parent)  # noqa: A001
        RunInfo.__init__(self, id, plan.name, ns, plan.stream_keys, keys, parent)
        self.plan = plan
        self.saved: SavedThread | None = None
        """Where it is saved, if it is."""
        self.planned: Sequence[Any] = ()
        """The tasks that are due, where a checkpoint told of them."""
        self.observer: Any = observer
        self.options = options
        self.caller: Any = None
        """The task inside which this run was begun."""
        self.calls: Calls | None = None  # of its tasks, from the first one on
        self.ns_text = NS_SEP.join(ns) + NS_SEP if ns else ""
        self.channels: Mapping[str, BaseChannel[Any, Any, Any]] = channels or {
            name: channel.fresh() for name, channel in plan.channels.items()
        }
        self.versions: dict[str, Any] = {}
        """Channel -> the version of its last change; a channel that never changed is absent."""
        self.version: Any = 0
        """The newest version of any channel."""
        self.bump: Callable[[Any], Any] = _next_number
        """Returns the version after a version."""
        self.seen: dict[str, dict[str, Any]] = {}
        """Node -> channel -> the version of the channel that the node last ran on."""
        self.updated: set[str] | None = set()
        """Channels that changed in the superstep just applied; None where that is not known."""
        self.lively: set[str] = set()
        """Volatile channels that hold something, and so may change in a superstep without writes."""
        self.sources: dict[str, list[Any]] = {}
        """Trigger channel -> the spans of the tasks that wrote to it since it was last consumed."""
        self.checkpoint = b""
        """The 16 bytes of the id of the checkpoint that the next superstep starts from."""
        self.ids: Callable[[bytes, Iterable[str]], str] = (
            task_id  # as they were when the checkpoint was saved
        )
        self.step = -1
        self.stop = options.config.recursion_limit
        """The last superstep that the recursion limit allows."""
        self.leaving: ParentCommand | GraphDrained | None = None
        """The Command, or the drain inside a task, with which the run ends when its superstep is done."""
        self.expired = False
        """Whether a superstep took longer than `step_timeout`."""
        self.stopping = False
        """Whether a task has failed for good, so that those beside it are cancelled."""
        self.interrupts: list[Any] = []
        """What the tasks of the last superstep wait for."""
        self.paused = False
        """Whether a graph inside one of them stopped at a breakpoint; in the end, whether this one stopped."""
        self.step_timeout: float | None = None
        """Seconds that one superstep may take."""
        self.fleeting = not plan.volatile_keys.isdisjoint((keys,) if isinstance(keys, str) else keys)
        """Whether what the run shows may vanish without a write, so that its result must be kept when it is shown."""
        self.last: Any = None
        """What was shown last, where it is fleeting."""
        self.answered = False
        """Whether some superstep wrote an output key, or the run went on from a state: only then has it a result."""
        self.shape = None if plan.output.coerce is None else partial(coerce_output, plan.output)
        self.shape_state = None if plan.state.coerce is None else partial(coerce_output, plan.state)

    def keep_in(self, thread: SavedThread) -> None:
        """Be saved; before anything was written."""
        self.saved = thread
        thread.saver = trusting(thread.saver, self.plan)
        self.bump = thread.next_version
        if self.plan.deltas:
            thread.deltas = Deltas(self.plan.deltas)
        self.version = None

    def look(self, names: Sequence[str]) -> dict[str, Any]:
        channels = self.channels
        return {name: channels[name].peek() for name in names}

    @property
    def previous(self) -> Any:
        """What the thread's last run saved for this one, in the functional API."""
        channel = self.channels.get(PREVIOUS)
        return None if channel is None or not channel.is_available() else channel.get()

    def control(self) -> RunControl:
        """Return the handle by which the run can be asked to stop; runs inside each other have the same one."""
        control = self.options.control
        if control is None:
            above: Any = self.parent
            control = self.options.control = RunControl() if above is None else above.control()
        return control

    def read(self, keys: Keys) -> Any:
        """Return the values of `keys` that there are, or the bare value of a single one."""
        channels = self.channels
        if isinstance(keys, str):
            value = channels[keys].peek()
            return None if value is MISSING else value
        return {key: value for key in keys if (value := channels[key].peek()) is not MISSING}


def _next_number(version: int) -> int:
    return version + 1


def _identity(options: RunOptions, parent: RunInfo | None) -> str:
    if parent is not None:
        return parent.id
    given = options.config.run_id
    return new_run_id() if given is None else str(given)
