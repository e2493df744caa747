"""
Every saver behind one face, so that what all must do is said once.

Rule: a test awaits; whether the saver has threads, a loop or neither below is not its business.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from otgraph.checkpoint.base import BaseCheckpointSaver, Checkpoint, CheckpointTuple, DeltaChannelHistory
from otgraph.checkpoint.memory import InMemorySaver
from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

__all__ = ["COLOURS", "Face", "checkpoint", "config", "opened"]


def config(id: str | None = None, thread: Any = "t", ns: str = "") -> dict[str, Any]:
    named = {"checkpoint_id": id} if id else {}
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ns, **named}}


def checkpoint(id: str, values: dict[str, Any] | None = None, versions: Any = None) -> Checkpoint:
    return {
        "v": 4,
        "ts": f"2026-01-01T00:00:00.{id}+00:00",
        "id": id,
        "channel_values": dict(values or {}),
        "channel_versions": dict(versions or dict.fromkeys(values or {}, 1)),
        "versions_seen": {"n": {"a": 1}},
        "updated_channels": None,
    }


class Face:
    """A saver's methods, all awaitable."""

    def __init__(self, saver: BaseCheckpointSaver[Any], colour: str) -> None:
        self.saver = saver
        self.colour = colour

    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if self.colour.startswith("a"):
            return await getattr(self.saver, f"a{name}")(*args, **kwargs)
        return getattr(self.saver, name)(*args, **kwargs)

    async def save(
        self,
        id: str,
        values: dict[str, Any] | None = None,
        *,
        parent: str | None = None,
        thread: Any = "t",
        ns: str = "",
        metadata: Mapping[str, Any] | None = None,
        new: Any = None,
        versions: Any = None,
    ) -> dict[str, Any]:
        saved = checkpoint(id, values, versions)
        changed = saved["channel_versions"] if new is None else new
        return await self._call("put", config(parent, thread, ns), saved, dict(metadata or {}), changed)

    async def write(self, id: str, writes: Any, task: str = "task", path: str = "", **place: Any) -> None:
        await self._call("put_writes", config(id, **place), writes, task, path)

    async def put(self, *args: Any) -> Any:
        return await self._call("put", *args)

    async def get(self, id: str | None = None, thread: Any = "t", ns: str = "") -> CheckpointTuple | None:
        return await self._call("get_tuple", config(id, thread, ns))

    async def get_tuple(self, config: Any) -> CheckpointTuple | None:
        return await self._call("get_tuple", config)

    async def found(self, id: str | None = None, thread: Any = "t", ns: str = "") -> CheckpointTuple:
        found = await self.get(id, thread, ns)
        assert found is not None
        return found

    async def list(self, config: Any, **kwargs: Any) -> list[CheckpointTuple]:
        if self.colour.startswith("a"):
            return [found async for found in self.saver.alist(config, **kwargs)]
        return list(self.saver.list(config, **kwargs))

    async def ids(self, config: Any, **kwargs: Any) -> Any:
        return [found.checkpoint["id"] for found in await self.list(config, **kwargs)]

    async def places(self, config: Any = None, **kwargs: Any) -> Any:
        found = [t.config["configurable"] for t in await self.list(config, **kwargs)]
        return [(place["thread_id"], place["checkpoint_ns"], place["checkpoint_id"]) for place in found]

    async def delete_thread(self, thread: Any) -> None:
        await self._call("delete_thread", thread)

    async def delete_for_runs(self, runs: Any) -> None:
        await self._call("delete_for_runs", runs)

    async def copy_thread(self, source: str, target: str) -> None:
        await self._call("copy_thread", source, target)

    async def prune(self, threads: Any, **kwargs: Any) -> None:
        await self._call("prune", threads, **kwargs)

    async def history(self, config: Any, channels: Any) -> Mapping[str, DeltaChannelHistory]:
        return await self._call("get_delta_channel_history", config=config, channels=channels)


COLOURS = ("memory", "amemory", "sqlite", "asqlite", "asqlite called from threads")


@asynccontextmanager
async def opened(colour: str, folder: Path, **options: Any) -> AsyncIterator[Face]:
    """Open a saver of one colour; an SQLite file stays in the folder."""
    async with AsyncExitStack() as stack:
        path = folder / "checkpoints.db"
        if colour == "sqlite":
            yield Face(stack.enter_context(SqliteSaver.from_conn_string(path, **options)), colour)
        elif colour == "asqlite":
            yield Face(
                await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(path, **options)), colour
            )
        elif colour.startswith("asqlite"):
            saver = await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(path, **options))
            yield Threaded(saver, "sqlite")
        else:
            yield Face(InMemorySaver(**options), colour)


class Threaded(Face):
    """Calls the synchronous methods in other threads, as a synchronous node would."""

    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        method: Callable[..., Any] = getattr(self.saver, name)
        return await asyncio.to_thread(method, *args, **kwargs)

    async def list(self, config: Any, **kwargs: Any) -> list[CheckpointTuple]:
        return await asyncio.to_thread(lambda: list(self.saver.list(config, **kwargs)))
