"""
Asynchronous methods that call the synchronous ones.

Rule: for savers whose work is too short to be worth another thread.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar

from otgraph.checkpoint.base import BaseCheckpointSaver
from otgraph.checkpoint.records import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from otgraph.run_config import RunnableConfig

__all__ = ["AsyncBySync"]


class AsyncBySync(BaseCheckpointSaver[str]):
    """
    A saver whose `a` methods do at once what their synchronous twins do.

    Attributes:
        prompt: whether a driver may have it work between two supersteps rather than beside them; drivers look at the
            class itself, as a subclass may do more.
    """

    prompt: ClassVar[bool] = False

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the checkpoint that `config` names with all that belongs to it, or None."""
        return self.get_tuple(config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield checkpoints, the newest first; see `BaseCheckpointSaver.list`."""
        for found in self.list(config, filter=filter, before=before, limit=limit):
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint and return the config that names it; see `BaseCheckpointSaver.put`."""
        return self.put(config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a task wrote; see `BaseCheckpointSaver.put_writes`."""
        self.put_writes(config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """Forget a thread: all its checkpoints and writes in all namespaces."""
        self.delete_thread(thread_id)

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Forget the checkpoints whose metadata has one of these `run_id`s, with their writes."""
        self.delete_for_runs(run_ids)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Give another thread a copy of all checkpoints and writes, under the same checkpoint ids."""
        self.copy_thread(source_thread_id, target_thread_id)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Shorten the history of threads; see `BaseCheckpointSaver.prune`."""
        self.prune(thread_ids, strategy=strategy)

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Return from what the values of `channels` can be rebuilt; reads no other channel."""
        return self.get_delta_channel_history(config=config, channels=channels)
