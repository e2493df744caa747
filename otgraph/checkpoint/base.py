"""
The interface of every saver, in LangGraph's shape: a saver written for one engine serves the other.

Rule: a saver keeps what it is given and decides nothing about a run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from copy import copy
from typing import Any, Generic, NoReturn, TypeVar, cast

from otgraph.checkpoint.history import adelta_history, delta_history
from otgraph.checkpoint.records import (
    EXCLUDED_METADATA_KEYS,
    LATEST_VERSION,
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    PendingWrite,
    copy_checkpoint,
    create_checkpoint,
    empty_checkpoint,
    get_checkpoint_id,
    get_checkpoint_metadata,
    get_serializable_checkpoint_metadata,
)
from otgraph.checkpoint.serde.allowlist import Listing
from otgraph.checkpoint.serde.base import SerializerProtocol, maybe_add_typed_methods
from otgraph.checkpoint.serde.encrypted import EncryptedSerializer
from otgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from otgraph.run_config import RunnableConfig

__all__ = [
    "EXCLUDED_METADATA_KEYS",
    "LATEST_VERSION",
    "WRITES_IDX_MAP",
    "BaseCheckpointSaver",
    "ChannelVersions",
    "Checkpoint",
    "CheckpointMetadata",
    "CheckpointTuple",
    "DeltaChannelHistory",
    "PendingWrite",
    "copy_checkpoint",
    "create_checkpoint",
    "empty_checkpoint",
    "get_checkpoint_id",
    "get_checkpoint_metadata",
    "get_serializable_checkpoint_metadata",
]

V = TypeVar("V", int, float, str)


class BaseCheckpointSaver(Generic[V]):
    """
    Keeps the checkpoints of threads; subclass it for a store of your own.

    A subclass gives `get_tuple`, `list`, `put`, `put_writes` and `delete_thread`, or their `a` twins for
    asynchronous runs, or both.

    Args:
        serde: turns values into bytes; one with `dumps` and `loads` only is adapted.
    """

    serde: SerializerProtocol = JsonPlusSerializer()

    def __init__(self, *, serde: SerializerProtocol | None = None) -> None:
        if serde is None and self.serde is BaseCheckpointSaver.serde:
            serde = JsonPlusSerializer()  # a new one: the environment may ask for more strictness by now
        self.serde = maybe_add_typed_methods(serde or self.serde)

    @property
    def config_specs(self) -> Sequence[Any]:
        """The configurable fields of the saver; none."""
        return []

    def get(self, config: RunnableConfig) -> Checkpoint | None:
        """Return the checkpoint that `config` names, the newest if it names a thread only, or None."""
        found = self.get_tuple(config)
        return found.checkpoint if found else None

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the checkpoint that `config` names with all that belongs to it, or None."""
        self._lacks("get_tuple")

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """
        Yield checkpoints, the newest first.

        Args:
            config: names a thread, and perhaps a namespace and a checkpoint; None for all threads.
            filter: metadata that must be equal.
            before: names a checkpoint; only older ones are wanted.
            limit: how many at most.
        """
        self._lacks("list")

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """
        Keep a checkpoint and return the config that names it.

        Args:
            config: names the thread, the namespace and, as its `checkpoint_id`, the parent.
            new_versions: the channels that changed since the parent; others need not be stored again.
        """
        self._lacks("put")

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """
        Keep what a task wrote before the checkpoint of its superstep exists.

        A write that the task already made at the same place stands; one to a special channel is replaced.

        Args:
            config: names the checkpoint that the superstep started from.
            writes: `(channel, value)` in the order they were made.
            task_path: by which the writes of several tasks are ordered.
        """
        self._lacks("put_writes")

    def delete_thread(self, thread_id: str) -> None:
        """Forget a thread: all its checkpoints and writes in all namespaces."""
        self._lacks("delete_thread")

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Forget the checkpoints whose metadata has one of these `run_id`s, with their writes."""
        self._lacks("delete_for_runs")

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Give another thread a copy of all checkpoints and writes, under the same checkpoint ids."""
        self._lacks("copy_thread")

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """
        Shorten the history of threads.

        Args:
            strategy: `keep_latest` leaves the newest checkpoint of each namespace, `delete` nothing.
        """
        self._lacks("prune")

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """
        Return from what the values of `channels` at a checkpoint can be rebuilt.

        The ancestors of the checkpoint are read up to the nearest that has a value; its own pending writes
        come after it and do not count.
        """
        return delta_history(self.get_tuple, config, channels)

    async def aget(self, config: RunnableConfig) -> Checkpoint | None:
        """Return the checkpoint that `config` names, the newest if it names a thread only, or None."""
        found = await self.aget_tuple(config)
        return found.checkpoint if found else None

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the checkpoint that `config` names with all that belongs to it, or None."""
        self._lacks("aget_tuple")

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield checkpoints, the newest first; see `list`."""
        self._lacks("alist")
        yield

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint and return the config that names it; see `put`."""
        self._lacks("aput")

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a task wrote before the checkpoint of its superstep exists; see `put_writes`."""
        self._lacks("aput_writes")

    async def adelete_thread(self, thread_id: str) -> None:
        """Forget a thread: all its checkpoints and writes in all namespaces."""
        self._lacks("adelete_thread")

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Forget the checkpoints whose metadata has one of these `run_id`s, with their writes."""
        self._lacks("adelete_for_runs")

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Give another thread a copy of all checkpoints and writes, under the same checkpoint ids."""
        self._lacks("acopy_thread")

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Shorten the history of threads; see `prune`."""
        self._lacks("aprune")

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Return from what the values of `channels` can be rebuilt; see `get_delta_channel_history`."""
        return await adelta_history(self.aget_tuple, config, channels)

    def get_next_version(self, current: V | None, channel: None) -> V:
        """Return a version that is greater than `current`; by default the next whole number."""
        if isinstance(current, str):
            raise NotImplementedError(
                f"{type(self).__name__} does not say what follows the version {current!r}"
            )
        known: Any = current or 0
        return cast(V, known + 1)

    def with_allowlist(self, extra_allowlist: Collection[tuple[str, ...]]) -> BaseCheckpointSaver[V]:
        """Return a saver of the same store that may bring back more types; itself if it refuses none."""
        return with_types(self, extra_allowlist)  # type: ignore[no-any-return]

    def _lacks(self, method: str) -> NoReturn:
        raise NotImplementedError(f"{type(self).__name__} has no {method}()")


def with_types(saver: Any, types: Collection[Listing]) -> Any:
    """Return a saver of the same store, of whichever engine, that may bring back more types."""
    known = getattr(saver, "serde", None)
    serde = known and _extended(known, types)
    if serde is known:
        return saver
    new = copy(saver)
    new.serde = serde
    return new


def _extended(serde: SerializerProtocol, extra: Collection[Listing]) -> SerializerProtocol:
    if isinstance(serde, EncryptedSerializer):
        inner = _extended(serde.serde, extra)
        return serde if inner is serde.serde else EncryptedSerializer(serde.cipher, inner)
    extend = getattr(serde, "with_msgpack_allowlist", None)
    extended: SerializerProtocol = extend(extra) if callable(extend) else serde
    return extended
