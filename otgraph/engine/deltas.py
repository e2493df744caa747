"""
What a thread keeps of its delta channels: the writes of each superstep, and now and then the whole value.

Rule: what is kept, replayed, gives the value that the run had. Where writes are kept that count no more, or that are
another branch's, the whole value is kept beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from otgraph.channels.base import BaseChannel
from otgraph.channels.delta import MAX_SUPERSTEPS, DeltaChannel
from otgraph.checkpoint.records import Checkpoint, CheckpointTuple, DeltaChannelHistory
from otgraph.checkpoint.serde.types import DeltaSnapshot
from otgraph.errors import InvalidUpdateError
from otgraph.events import Write
from otgraph.missing import MISSING
from otgraph.plan.model import Plan

__all__ = ["COUNTERS", "Deltas", "Unsaved", "missing", "rebuilt", "whole"]

COUNTERS = "counters_since_delta_snapshot"
"""The key of a checkpoint's metadata under which a channel's updates and supersteps are counted."""


class Unsaved(NamedTuple):
    """Writes of one task to delta channels, of a superstep that has no checkpoint of its own."""

    task_id: str
    path: str
    writes: list[Write]


class Deltas:
    """
    The delta channels of one run.

    Args:
        channels: empty specimens by name.
    """

    __slots__ = (
        "_counters",
        "_kept",
        "_names",
        "_values",
        "_whole",
        "first",
        "fresh",
        "supersteps",
        "unsaved",
    )

    def __init__(self, channels: Mapping[str, DeltaChannel[Any]]) -> None:
        self._names = channels
        self._counters: dict[str, tuple[int, int]] = {}
        """Channel -> updates and supersteps since its whole value was kept."""
        self._whole: set[str] = set()
        """The channels whose whole value the next checkpoint must have."""
        self._values: dict[str, Any] = {}
        """Channel -> its value at the checkpoint the run is at."""
        self._kept: dict[str, list[Any]] = {}
        """Task id -> what the saver has of its writes to delta channels, at the checkpoint the run went on from."""
        self.first = ""
        """The id of a checkpoint of nothing, older than all of the run, where none is saved before the end."""
        self.fresh: set[str] = set()
        """Ids of the tasks that wrote since the last checkpoint."""
        self.supersteps = 0
        """How many supersteps the run has finished, that of the input not counted."""
        self.unsaved: list[Unsaved] = []
        """What belongs to the checkpoint the run went on from, where nothing is saved before the end."""

    def take(self, found: CheckpointTuple) -> None:
        """Go on from a checkpoint that was read."""
        counted: Mapping[str, Sequence[int]] = found.metadata.get(COUNTERS) or {}  # type: ignore[assignment]
        self._counters = {
            name: (updates, steps) for name, (updates, steps) in counted.items() if name in self._names
        }
        self._kept = {}
        for task_id, channel, value in found.pending_writes or ():
            if channel in self._names:
                self._kept.setdefault(task_id, []).append(value)

    def branch_off(self) -> None:
        """Go another way than those who went on from the same checkpoint: their writes are kept with it."""
        self._whole.update(self._names)

    def advance(
        self,
        channels: Mapping[str, BaseChannel[Any, Any, Any]],
        updated: Iterable[str],
        applied: Mapping[str, Sequence[Write]],
    ) -> None:
        """
        Take note of a superstep that is over.

        Args:
            updated: the channels that changed.
            applied: task id -> the writes that became state.
        """
        for name in self._names:
            channel = channels[name]
            assert isinstance(channel, DeltaChannel)
            updates, steps = self._counters.get(name, (0, 0))
            self._counters[name] = (updates + (name in updated), steps + 1)
            self._values[name] = channel.value
            if channel.replaced:
                channel.replaced = False
                self._whole.add(name)
        for task_id, values in self._kept.items():
            told = [value for name, value in applied.get(task_id, ()) if name in self._names]
            if len(told) != len(values) or any(a is not b for a, b in zip(told, values, strict=True)):
                self.branch_off()
        self._kept = {}

    def collect(self, applied: Mapping[str, Sequence[Write]], paths: Mapping[str, str], step: int) -> None:
        """
        Take the writes of a superstep that gets no checkpoint of its own.

        They are kept under ids and paths that sort as the supersteps did, and that no task of the checkpoint has
        which they are kept with.
        """
        for task_id in self.fresh & applied.keys():
            writes = [write for write in applied[task_id] if write[0] in self._names]
            path = paths.get(task_id, "")
            if not self.supersteps:
                known = f"{step:08d}-{task_id[9:]}"
            else:
                known = f"ffffffff-{step >> 16 & 0xFFFF:04x}-{step & 0xFFFF:04x}-{task_id[19:]}"
                path = f"~~{step:010d}{path}"
            if writes:
                self.unsaved.append(Unsaved(known, path, writes))
        self.fresh = set()

    def describe(self, metadata: dict[str, Any]) -> None:
        """Put into a checkpoint's metadata what is counted."""
        if self._counters:
            metadata[COUNTERS] = dict(self._counters)
        else:
            metadata.pop(COUNTERS, None)

    def keep(
        self, checkpoint: Checkpoint, stored: Mapping[str, Any], next_version: Callable[[Any], Any]
    ) -> dict[str, Any]:
        """
        Put into a checkpoint the values that it must have as a whole.

        A value that did not change gets a new version, as savers keep values by their versions. Returns those.

        Args:
            stored: the versions in the checkpoint before.
        """
        values, versions = checkpoint["channel_values"], checkpoint["channel_versions"]
        renewed: dict[str, Any] = {}
        for name, channel in self._names.items():
            if not self._is_due(name, channel):
                continue
            del self._counters[name]
            if name in versions or name in self._whole:
                values[name] = DeltaSnapshot(self._values[name])
                version = versions.get(name)
                if version == stored.get(name):
                    versions[name] = renewed[name] = next_version(version)
        self._whole = set()
        self.unsaved = [
            Unsaved(task_id, path, left)
            for task_id, path, writes in self.unsaved
            if (left := [write for write in writes if write[0] in self._counters])
        ]
        return renewed

    def copy(self, values: dict[str, Any], found: CheckpointTuple) -> None:
        """Put into the values of a copy of a checkpoint those that are there as a whole."""
        kept = found.checkpoint["channel_values"]
        values.update((name, kept[name]) for name in self._names if name in kept)

    def _is_due(self, name: str, channel: DeltaChannel[Any]) -> bool:
        updates, steps = self._counters[name]
        return name in self._whole or updates >= channel.snapshot_frequency or steps >= MAX_SUPERSTEPS


def missing(plan: Plan, found: CheckpointTuple) -> list[str]:
    """
    Return the channels that have a value at a checkpoint which must be rebuilt from those before it.

    A value of a channel that has a reducer can be: also where the channel was a delta channel, or the graph lacked
    it for a while.

    Raises:
        InvalidUpdateError: a channel that was a delta channel has become one that cannot rebuild its value.
    """
    values, versions = found.checkpoint["channel_values"], found.checkpoint["channel_versions"]
    names = [name for name in plan.reducing if name in versions and name not in values]
    counted: Any = found.metadata.get(COUNTERS) or ()
    for name in counted:
        channel = plan.channels.get(name)
        if channel is not None and name in versions and name not in values and name not in names:
            raise InvalidUpdateError(
                f"Channel {name!r} was saved as changes, by a DeltaChannel, and a {type(channel).__name__} cannot put "
                "them together again. Give the key its reducer back, or, with the graph as it was, update its state "
                f"with {{{name!r}: Overwrite(value)}}: that saves the whole value"
            )
    return names


def whole(value: Any) -> Any:
    """Return the value that a checkpoint has of a channel, which may be or have been a delta channel."""
    return value.value if type(value) is DeltaSnapshot else value


def rebuilt(channel: BaseChannel[Any, Any, Any], history: DeltaChannelHistory) -> BaseChannel[Any, Any, Any]:
    """Return a channel with the value that it had at a checkpoint, found again from those before it."""
    kept = channel.from_checkpoint(whole(history.get("seed", MISSING)))
    if isinstance(kept, DeltaChannel):
        kept.replay_writes(history["writes"])
    else:
        for _, _, write in history["writes"]:
            kept.update((write,))
    return kept
