"""
A saver that keeps checkpoints in memory.

Rule: what is kept is bytes, so that nobody can change a saved state by changing a value he still holds.
"""

from __future__ import annotations

import builtins
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, ExitStack
from datetime import timedelta
from typing import Any, Final, TypeAlias

from typing_extensions import Self

from otgraph.checkpoint.history import HistoryWalk
from otgraph.checkpoint.persistent_dict import PersistentDict
from otgraph.checkpoint.records import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    PendingWrite,
    dumped,
    dumped_writes,
    get_checkpoint_id,
    get_checkpoint_metadata,
    named_checkpoint,
    place_of,
    saved_config,
    writes_sort_key,
)
from otgraph.checkpoint.retention import Entry, Retention, check_strategy, doomed
from otgraph.checkpoint.selection import Selection
from otgraph.checkpoint.serde.base import SerializerProtocol
from otgraph.checkpoint.twins import AsyncBySync
from otgraph.checkpoint.versions import next_version
from otgraph.run_config import RunnableConfig

__all__ = ["InMemorySaver", "MemorySaver", "PersistentDict"]

Typed: TypeAlias = "tuple[str, bytes]"
Saved: TypeAlias = "tuple[Typed, Typed, str | None]"
"""Checkpoint without its values, metadata, id of the parent."""
Write: TypeAlias = "tuple[str, str, Typed, str]"
"""Task id, channel, value, task path."""

_NO_VALUE: Final[Typed] = ("empty", b"")
"""Stands for the value of a channel that had none at that version."""


class InMemorySaver(
    AsyncBySync, AbstractContextManager["InMemorySaver"], AbstractAsyncContextManager["InMemorySaver"]
):
    """
    Keeps checkpoints for the life of the process.

    Args:
        serde: turns values into bytes.
        factory: makes the dicts it keeps them in; see `PersistentDict`.
        keep_last: how many checkpoints of a namespace stay; None for all.
        ttl: seconds after which followed checkpoints and idle threads may go; None for never.
    """

    prompt = True

    storage: dict[str, dict[str, dict[str, Saved]]]
    """Thread -> namespace -> checkpoint id -> checkpoint."""
    writes: dict[tuple[str, str, str], dict[tuple[str, int], Write]]
    """Thread, namespace and checkpoint id -> task id and place -> write."""
    blobs: dict[tuple[str, str, str, str | int | float], Typed]
    """Thread, namespace, channel and version -> value."""

    def __init__(
        self,
        *,
        serde: SerializerProtocol | None = None,
        factory: Callable[..., Any] = defaultdict,
        keep_last: int | None = None,
        ttl: float | timedelta | None = None,
    ) -> None:
        super().__init__(serde=serde)
        self._retention = Retention.of(keep_last, ttl)
        self._garbage: dict[tuple[str, str], int] = {}
        self._searched = 0.0
        self.storage = factory(lambda: defaultdict(dict))
        self.writes = factory(dict)
        self.blobs = factory()
        self.stack = ExitStack()
        dicts: tuple[Any, ...] = (self.storage, self.writes, self.blobs)
        for kept in dicts:
            if hasattr(kept, "__enter__"):
                self.stack.enter_context(kept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: Any) -> bool | None:
        return self.stack.__exit__(*exc_info)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: Any) -> bool | None:
        return self.stack.__exit__(*exc_info)

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the checkpoint that `config` names with all that belongs to it, or None."""
        thread, ns = place_of(config)
        named = get_checkpoint_id(config)
        checkpoint = named or self._newest(thread, ns)
        saved = self._saved(thread, ns).get(checkpoint) if checkpoint else None
        if saved is None or checkpoint is None:
            return None
        found = self._tuple(thread, ns, checkpoint, saved)
        return found._replace(config=config) if named else found

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Yield checkpoints, the newest first; see `BaseCheckpointSaver.list`."""
        selection = Selection.of(config, filter, before, limit)
        left = selection.limit
        for checkpoint, thread, ns in self._selected(selection):
            if left == 0:
                return
            saved = self._saved(thread, ns).get(checkpoint)
            if saved is None or (filter and not selection.wants(self.serde.loads_typed(saved[1]))):
                continue
            yield self._tuple(thread, ns, checkpoint, saved)
            left = None if left is None else left - 1

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint and return the config that names it; see `BaseCheckpointSaver.put`."""
        thread, ns = place_of(config)
        dumps = self.serde.dumps_typed
        bare: dict[str, Any] = dict(checkpoint)
        values = bare.pop("channel_values")
        blobs = {
            (thread, ns, channel, version): dumped(self.serde, channel, values[channel])
            if channel in values
            else _NO_VALUE
            for channel, version in new_versions.items()
        }
        saved = (dumps(bare), dumps(get_checkpoint_metadata(config, metadata)), get_checkpoint_id(config))
        self.blobs.update(blobs)
        # setdefault, because two threads that both miss a key would each make a dict, and one would be lost.
        self.storage.setdefault(thread, defaultdict(dict)).setdefault(ns, {})[checkpoint["id"]] = saved
        if self._retention.keep_last or self._retention.ttl:
            self._retain(thread, ns)
        size = sum(len(blob) for _, blob in (*blobs.values(), *saved[:2]))
        return saved_config(_config(config["configurable"]["thread_id"], ns, checkpoint["id"]), size)

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a task wrote; see `BaseCheckpointSaver.put_writes`."""
        thread, ns = place_of(config)
        checkpoint = named_checkpoint(config)
        new = {
            (task_id, idx): (task_id, channel, value, task_path)
            for idx, channel, value in dumped_writes(self.serde, writes)
        }
        kept = self.writes.setdefault((thread, ns, checkpoint), {})
        for key, write in new.items():
            if key[1] < 0:
                kept[key] = write
            else:
                kept.setdefault(key, write)

    def delete_thread(self, thread_id: str) -> None:
        """Forget a thread: all its checkpoints and writes in all namespaces."""
        thread = str(thread_id)
        self.storage.pop(thread, None)
        dicts: tuple[dict[Any, Any], ...] = (self.writes, self.blobs)
        for kept in dicts:
            for key in [key for key in list(kept) if key[0] == thread]:
                kept.pop(key, None)

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Forget the checkpoints whose metadata has one of these `run_id`s, with their writes."""
        runs = {str(run) for run in run_ids}
        for thread in list(self.storage):
            entries = self._entries(thread)
            gone = {
                (e.ns, e.id) for e in entries if "run_id" in e.metadata and str(e.metadata["run_id"]) in runs
            }
            self._forget(thread, gone)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Give another thread a copy of all checkpoints and writes, under the same checkpoint ids."""
        source, target = str(source_thread_id), str(target_thread_id)
        for ns, saved in list(self.storage.get(source, {}).items()):
            self.storage.setdefault(target, defaultdict(dict)).setdefault(ns, {}).update(saved)
        for _, ns, channel, version in [key for key in list(self.blobs) if key[0] == source]:
            self.blobs[target, ns, channel, version] = self.blobs[source, ns, channel, version]
        for _, ns, checkpoint in [key for key in list(self.writes) if key[0] == source]:
            self.writes[target, ns, checkpoint] = dict(self.writes[source, ns, checkpoint])

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Shorten the history of threads; see `BaseCheckpointSaver.prune`."""
        check_strategy(strategy)
        for thread in map(str, thread_ids):
            if strategy == "delete":
                self.delete_thread(thread)
            else:
                self._forget(thread, doomed(self._entries(thread), keep_last=1, orphans=False))

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Return from what the values of `channels` can be rebuilt; reads no other channel."""
        thread, ns = place_of(config)
        walk = HistoryWalk(channels)
        saved = self._saved(thread, ns)
        start = get_checkpoint_id(config) or self._newest(thread, ns) or ""
        at = saved[start][2] if start in saved else None
        met: set[str] = set()
        while at in saved and at not in met and walk.open:
            met.add(at)
            versions = self.serde.loads_typed(saved[at][0])["channel_versions"]
            mine = {channel: version for channel, version in versions.items() if channel in walk.open}
            writes = self._pending(thread, ns, at, walk.open)
            walk.meet(self._values(thread, ns, mine), writes)
            at = saved[at][2]
        return walk.result()

    def get_next_version(self, current: str | None, channel: None) -> str:
        """Return a version greater than `current`, and other than what a fork makes of it."""
        return next_version(current)

    def _saved(self, thread: str, ns: str) -> dict[str, Saved]:
        return self.storage.get(thread, {}).get(ns, {})

    def _newest(self, thread: str, ns: str) -> str | None:
        return max(list(self._saved(thread, ns)), default=None)

    def _selected(self, wanted: Selection) -> Iterator[tuple[str, str, str]]:
        threads = list(self.storage) if wanted.thread is None else [wanted.thread]
        places = [
            (checkpoint, thread, ns)
            for thread in threads
            for ns, saved in list(self.storage.get(thread, {}).items())
            if wanted.ns is None or ns == wanted.ns
            for checkpoint in list(saved)
            if wanted.id is None or checkpoint == wanted.id
            if wanted.before is None or checkpoint < wanted.before
        ]
        yield from sorted(places, reverse=True)

    def _tuple(self, thread: str, ns: str, checkpoint: str, saved: Saved) -> CheckpointTuple:
        bare, metadata, parent = saved
        found = self.serde.loads_typed(bare)
        found["channel_values"] = self._values(thread, ns, found["channel_versions"])
        return CheckpointTuple(
            config=_config(thread, ns, checkpoint),
            checkpoint=found,
            metadata=self.serde.loads_typed(metadata),
            parent_config=_config(thread, ns, parent) if parent else None,
            pending_writes=self._pending(thread, ns, checkpoint),
        )

    def _values(self, thread: str, ns: str, versions: ChannelVersions) -> dict[str, Any]:
        values = {}
        blobs, loads, nothing = self.blobs, self.serde.loads_typed, _NO_VALUE[0]
        for channel, version in versions.items():
            blob = blobs.get((thread, ns, channel, version), _NO_VALUE)
            if blob[0] != nothing:
                values[channel] = loads(blob)
        return values

    def _pending(
        self, thread: str, ns: str, checkpoint: str, channels: Collection[str] | None = None
    ) -> builtins.list[PendingWrite]:
        found = self.writes.get((thread, ns, checkpoint))
        if not found:
            return []
        kept = list(found.items())
        kept.sort(key=lambda item: writes_sort_key(item[1][3], *item[0]))
        return [
            (task, channel, self.serde.loads_typed(value))
            for _, (task, channel, value, _) in kept
            if channels is None or channel in channels
        ]

    def _entries(self, thread: str) -> builtins.list[Entry]:
        return [
            Entry(ns, checkpoint, parent, self.serde.loads_typed(metadata))
            for ns, saved in list(self.storage.get(thread, {}).items())
            for checkpoint, (_, metadata, parent) in list(saved.items())
        ]

    def _retain(self, thread: str, ns: str) -> None:
        now, limits = time.time(), self._retention
        cutoff, saved = limits.cutoff(now), self._saved(thread, ns)
        if len(saved) > (limits.keep_last or len(saved)) or _first(saved, cutoff) < cutoff:
            gone = doomed(self._entries(thread), keep_last=limits.keep_last, cutoff=cutoff)
            self._forget(thread, gone, lazily=True)
        if limits.ttl and now - self._searched > limits.pause:
            self._searched = now
            for other in list(self.storage):
                newest = (max(list(kept), default="") for kept in list(self.storage.get(other, {}).values()))
                if max(newest, default="") < cutoff:
                    self.delete_thread(other)

    def _forget(self, thread: str, gone: Iterable[tuple[str, str]], *, lazily: bool = False) -> None:
        spaces: dict[str, int] = {}
        for ns, checkpoint in gone:
            self._saved(thread, ns).pop(checkpoint, None)
            self.writes.pop((thread, ns, checkpoint), None)
            spaces[ns] = spaces.get(ns, 0) + 1
        for ns, count in spaces.items():
            saved = self._saved(thread, ns)
            waiting = self._garbage.pop((thread, ns), 0) + count
            # Finding the values that nobody needs means reading all that stays, so it waits until it pays.
            if lazily and saved and waiting < len(saved):
                self._garbage[(thread, ns)] = waiting
            else:
                self._collect(thread, ns)

    def _collect(self, thread: str, ns: str) -> None:
        saved = self._saved(thread, ns)
        needed = {
            version
            for bare, _, _ in list(saved.values())
            for version in self.serde.loads_typed(bare)["channel_versions"].items()
        }
        for key in [key for key in list(self.blobs) if key[:2] == (thread, ns) and key[2:] not in needed]:
            self.blobs.pop(key, None)
        if not saved:
            self.storage.get(thread, {}).pop(ns, None)


MemorySaver = InMemorySaver
"""The old name of `InMemorySaver`."""


def _first(saved: dict[str, Saved], default: str) -> str:
    """Return the key that was added first, without walking through all."""
    try:
        return next(iter(saved), default)
    except RuntimeError:  # another thread saved something just now
        return min(list(saved), default=default)


def _config(thread: Any, ns: str, checkpoint: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ns, "checkpoint_id": checkpoint}}
