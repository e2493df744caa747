"""
SavedThread: what a run knows of the thread that it is saved in.

Rule: a thread's checkpoints form a chain. What is here says which of them is the newest the run knows of, and what
has been answered; reading and writing them is asked of the driver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from otgraph.checkpoint.records import CheckpointTuple
from otgraph.constants import CONF, NS_SEP
from otgraph.engine.damage import check_sound
from otgraph.engine.deltas import Deltas
from otgraph.ids import hash_id

__all__ = ["SIGNER", "TRACE", "Answers", "Durability", "Replayed", "SavedThread"]

TRACE: Final = "__otgraph"
"""The key of a checkpoint's metadata under which the trace that it belongs to is kept; no stream or state shows it."""

SIGNER: Final = hash_id(TRACE)
"""The task, of which there is none, whose write keeps the trace of the run that left a checkpoint last."""

Durability: TypeAlias = Literal["sync", "async", "exit"]
"""Before the next superstep, while it runs, or when the run ends."""


class Answers:
    """What a human answered: one for whichever question comes first, or several by the ids of the questions."""

    __slots__ = ("_first", "by_id")

    def __init__(self) -> None:
        self._first: list[Any] = []
        self.by_id: Mapping[str, Any] = {}

    @property
    def given(self) -> bool:
        """Whether there is one that nobody has taken."""
        return bool(self._first)

    def give(self, answer: Any) -> None:
        """Have `answer` taken by the first question; None is no answer."""
        self._first = [] if answer is None else [answer]

    def take(self) -> Any:
        """Return the answer to the first question, or None; nobody else gets it, in whatever thread he asks."""
        try:
            return self._first.pop()
        except IndexError:
            return None


class Replayed:
    """
    A point of the past that a run goes on from: graphs inside go on from what they were then.

    Args:
        checkpoint_id: of the root graph.
    """

    __slots__ = ("_visited", "checkpoint_id")

    def __init__(self, checkpoint_id: str) -> None:
        self.checkpoint_id = checkpoint_id
        self._visited: set[str] = set()

    def first_visit(self, ns: str) -> bool:
        """Say whether a namespace is entered for the first time; later it goes on from what it is now."""
        if ns in self._visited:
            return False
        self._visited.add(ns)
        return True


class SavedThread:
    """
    Where one run is saved: the place among the checkpoints of one thread and namespace.

    Args:
        saver: keeps the checkpoints.
        configurable: the run's configurable parameters, the id of the thread among them.
        metadata: of the run's config; its scalar entries become metadata of each checkpoint.
        ns: the namespace; empty for a root graph.
        durability: when checkpoints are saved.
        above: the thread of the run around this one, if it is saved in the same thread.
    """

    __slots__ = (
        "_configurable",
        "_run_metadata",
        "above",
        "again",
        "answers",
        "asked_for",
        "checkpoint_id",
        "closed",
        "deltas",
        "draft",
        "durability",
        "exhausted",
        "flushes",
        "is_newest",
        "lost",
        "map",
        "metadata",
        "ns",
        "own",
        "parent_config",
        "paths",
        "pending",
        "replayed",
        "resuming",
        "saved_id",
        "saver",
        "stored",
    )

    def __init__(
        self,
        saver: Any,
        configurable: Mapping[str, Any],
        metadata: Mapping[str, Any],
        ns: str,
        durability: Durability,
        above: SavedThread | None = None,
    ) -> None:
        self.saver = saver
        self._configurable = {**configurable, "thread_id": str(configurable["thread_id"])}
        self._run_metadata = metadata
        self.ns = ns
        self.durability = durability
        self.above = above
        given = configurable.get("checkpoint_map") or {}
        if above is None and not configurable.get("checkpoint_ns") and "checkpoint_id" in configurable:
            given = {ns: configurable["checkpoint_id"]}
        self.map: dict[str, str] = {} if above is None else above.place_map()
        """Namespace of each graph around -> the checkpoint that graph is at."""
        self.asked_for: str | None = given.get(ns)
        """The checkpoint that the caller named; None for the newest."""
        self.checkpoint_id: str | None = None
        """The checkpoint that the next superstep starts from; None where there is none yet."""
        self.saved_id: str | None = None
        """The newest checkpoint that has been handed to the saver."""
        self.parent_config: Any = None
        self.metadata: Mapping[str, Any] = {}
        """Of the checkpoint the run is at."""
        self.lost: Sequence[str] = ()
        """Nodes that were due at the checkpoint and that the graph no longer has."""
        self.own = False
        """Whether a graph inside another has this place for itself, whichever task runs it."""
        self.flushes = True
        """Whether the end of the run waits until all is saved; a flow inside another leaves that to it."""
        self.is_newest = True
        """Whether the checkpoint that the caller named is the newest."""
        self.closed = False
        """Whether nothing more is to be saved."""
        self.draft: Any = None
        """The state at the checkpoint the run is at, where that is saved only at the end."""
        self.replayed: Replayed | None = None if above is None else above.replayed
        """The point of the past that the run goes on from, if it does."""
        self.pending: dict[str, list[tuple[str, Any]]] = {}
        """Task id -> its writes that are kept with the checkpoint the run is at."""
        self.deltas: Deltas | None = None
        """What is kept of delta channels, if the graph has any."""
        self.paths: dict[str, str] = {}
        """Task id -> what its writes are ordered by."""
        self.stored: Mapping[str, Any] = {}
        """The versions of the channels in the newest checkpoint that was saved."""
        self.answers: Answers = Answers() if above is None else above.answers
        self.exhausted = False
        """Whether the run came to its recursion limit."""
        self.again = False
        """Whether the tasks that are due run again, though what they wrote is kept."""
        self.resuming = False
        """Whether the run goes on from where an earlier one stopped, until its first superstep is over."""

    def config(self, checkpoint_id: str | None = None) -> dict[str, Any]:
        """Return the config by which a saver finds a checkpoint of this place, or the newest."""
        conf = {**self._configurable, "checkpoint_ns": self.ns}
        conf.pop("checkpoint_id", None)
        conf.pop("checkpoint_map", None)
        if checkpoint_id is not None:
            conf["checkpoint_id"] = checkpoint_id
        return {CONF: conf, "metadata": self._run_metadata}

    def next_version(self, version: Any) -> Any:
        """Return the version that the saver gives a channel after `version`."""
        return self.saver.get_next_version(version, None)

    def place_map(self) -> dict[str, str]:
        """Return namespace -> checkpoint of this graph and of those around it."""
        return {**self.map, self.ns: self.checkpoint_id or ""}

    def shown_config(self, checkpoint_id: str | None) -> dict[str, Any] | None:
        """Return the config that names one of this run's own checkpoints, as streams show it."""
        if checkpoint_id is None:
            return None
        conf: dict[str, Any] = {
            "checkpoint_ns": self.ns,
            **{
                key: value
                for key, value in self._configurable.items()
                if not key.startswith("__pregel_")
                and key not in ("checkpoint_id", "checkpoint_ns", "checkpoint_map")
            },
        }
        if self.map:
            conf["checkpoint_map"] = {**self.map, self.ns: checkpoint_id}
        conf["checkpoint_id"] = checkpoint_id
        return {CONF: conf}

    def take(self, found: CheckpointTuple) -> None:
        """Be at a checkpoint that was read; raise `ValueError` if it is none that a run can be at."""
        check_sound(found)
        self.checkpoint_id = self.saved_id = found.checkpoint["id"]
        self.parent_config = with_map(found.parent_config, found.metadata)
        self.metadata = found.metadata
        self.stored = dict(found.checkpoint["channel_versions"])
        self.pending = {}
        for task_id, channel, value in found.pending_writes or ():
            self.pending.setdefault(task_id, []).append((channel, value))
        if self.deltas is not None:
            self.deltas.take(found)

    @property
    def key(self) -> str:
        """Return what task ids of this place are made from."""
        return self.ns + NS_SEP if self.ns else ""


def with_map(config: Any, metadata: Mapping[str, Any]) -> Any:
    """Return a saver's config together with the checkpoints of the graphs around, which the metadata name."""
    parents = metadata.get("parents")
    if not config or not parents:
        return config
    conf = config[CONF]
    place = {**parents, conf.get("checkpoint_ns", ""): conf["checkpoint_id"]}
    return {**config, CONF: {**conf, "checkpoint_map": place}}
