"""
How the value of a channel that is stored as changes only is found again: seed and writes of the ancestors.

Rule: ancestors are read from the nearest to the oldest, no further than the last channel needs, and each once,
so that a damaged chain of parents cannot hold a reader for ever.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from otgraph.checkpoint.records import CheckpointTuple, DeltaChannelHistory, PendingWrite
from otgraph.run_config import RunnableConfig

__all__ = ["HistoryWalk", "adelta_history", "delta_history"]


class HistoryWalk:
    """
    What has been gathered on the way from a checkpoint to its oldest ancestor.

    Args:
        channels: whose history is wanted.
    """

    __slots__ = ("_batches", "_seeds", "open")

    def __init__(self, channels: Iterable[str]) -> None:
        self._batches: dict[str, list[list[PendingWrite]]] = {channel: [] for channel in channels}
        self._seeds: dict[str, Any] = {}
        self.open = set(self._batches)
        """Channels of which no stored value was met yet."""

    def meet(self, values: Mapping[str, Any], writes: Sequence[PendingWrite]) -> None:
        """Take the next older ancestor: its values, and the writes that were made after it."""
        for channel in self.open:
            mine = [write for write in writes if write[1] == channel]
            if mine:
                self._batches[channel].append(mine)
        for channel in self.open & values.keys():
            self._seeds[channel] = values[channel]
            self.open.discard(channel)

    def result(self) -> dict[str, DeltaChannelHistory]:
        """Return writes and seed of each channel."""
        found: dict[str, DeltaChannelHistory] = {}
        for channel, batches in self._batches.items():
            found[channel] = {"writes": [write for batch in reversed(batches) for write in batch]}
            if channel in self._seeds:
                found[channel]["seed"] = self._seeds[channel]
        return found


def delta_history(
    get_tuple: Callable[[RunnableConfig], CheckpointTuple | None],
    config: RunnableConfig,
    channels: Sequence[str],
) -> Mapping[str, DeltaChannelHistory]:
    """Return the history of `channels` before the checkpoint that `config` names, by way of `get_tuple`."""
    walk = HistoryWalk(channels)
    parent = _parent(get_tuple(config)) if channels else None
    met: set[str] = set()
    while parent and walk.open and _first_time(parent, met):
        ancestor = get_tuple(parent)
        _meet(walk, ancestor)
        parent = _parent(ancestor)
    return walk.result()


async def adelta_history(
    aget_tuple: Callable[[RunnableConfig], Awaitable[CheckpointTuple | None]],
    config: RunnableConfig,
    channels: Sequence[str],
) -> Mapping[str, DeltaChannelHistory]:
    """Return the history of `channels` before the checkpoint that `config` names, by way of `aget_tuple`."""
    walk = HistoryWalk(channels)
    parent = _parent(await aget_tuple(config)) if channels else None
    met: set[str] = set()
    while parent and walk.open and _first_time(parent, met):
        ancestor = await aget_tuple(parent)
        _meet(walk, ancestor)
        parent = _parent(ancestor)
    return walk.result()


def _parent(found: CheckpointTuple | None) -> RunnableConfig | None:
    return found.parent_config if found else None


def _meet(walk: HistoryWalk, ancestor: CheckpointTuple | None) -> None:
    if ancestor:
        walk.meet(ancestor.checkpoint["channel_values"], ancestor.pending_writes or [])


def _first_time(parent: RunnableConfig, met: set[str]) -> bool:
    checkpoint = parent["configurable"]["checkpoint_id"]
    known = checkpoint in met
    met.add(checkpoint)
    return not known
