"""
Following: a run that goes on in another process, or is over, through a trace store.

Rule: a follower hears the run from its beginning, as its first subscriber would have, and changes nothing for it. It
looks into the store from time to time; nobody in the run's process knows of it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Protocol

from typing_extensions import Self

from otgraph.stream.envelope import check_modes, envelope
from otgraph.stream.following import Following
from otgraph.stream.view import View

__all__ = ["AsyncFollower", "Follower", "afollow", "follow"]

POLL = 0.05
"""Seconds between two looks into the store."""


class Tail(Protocol):
    """What a trace store's `follow` returns."""

    ended: bool
    died: bool

    def read(self) -> list[Any]: ...


class Store(Protocol):
    """What is asked of a trace store; `otgraph_exporters.trace_store.TraceStore` is one."""

    def run(self, run_id: str) -> Any: ...
    def runs(self, *, thread_id: str | None, limit: int | None) -> list[Any]: ...
    def follow(self, run_id: str, *, past: bool) -> Tail: ...


def follow(
    store: Store,
    run_id: str | None = None,
    *,
    thread_id: str | None = None,
    stream_mode: Any = "updates",
    subgraphs: bool = False,
    version: Literal["v1", "v2"] = "v1",
    timeout: float | None = None,
) -> Follower:
    """
    Follow a run through a trace store; return an iterator over its chunks from its beginning until it ends.

    Args:
        store: a `TraceStore`.
        run_id: the run's id, or the beginning of it.
        thread_id: instead of it, the thread that the run belongs to; the newest run, if there are several.
        stream_mode: as for `stream`. Of a run that was recorded without content only `spans` is known; `messages` is
            where the store keeps tokens, and as far as somebody streams them in the run's process.
        timeout: seconds to wait for a chunk before `TimeoutError` is raised.

    Raises:
        LookupError: the store has no such run.
        ValueError: while it is read: the run was recorded without what a mode needs.
    """
    return Follower(*_open(store, run_id, thread_id, stream_mode, subgraphs, version), timeout)


def afollow(
    store: Store,
    run_id: str | None = None,
    *,
    thread_id: str | None = None,
    stream_mode: Any = "updates",
    subgraphs: bool = False,
    version: Literal["v1", "v2"] = "v1",
    timeout: float | None = None,
) -> AsyncFollower:
    """Follow a run from a coroutine; see `follow`."""
    return AsyncFollower(*_open(store, run_id, thread_id, stream_mode, subgraphs, version), timeout)


def _open(
    store: Store, run_id: str | None, thread_id: str | None, mode: Any, subgraphs: bool, version: Any
) -> tuple[Tail, Following]:
    if (run_id is None) is (thread_id is None):
        raise ValueError("say which run to follow: either its run_id or its thread_id")
    view = View(check_modes(mode), envelope(mode, subgraphs=subgraphs, version=version), subgraphs)
    if run_id is not None:
        run = store.run(run_id)
    else:
        found = store.runs(thread_id=thread_id, limit=1)
        if not found:
            raise LookupError(f"no run of thread {thread_id!r} in the trace store")
        run = found[0]
    return store.follow(run.trace_id, past=True), Following(view, run.span_id)


class _Following:
    """What followers of both colours have in common."""

    def __init__(self, tail: Tail, following: Following, timeout: float | None) -> None:
        self._tail = tail
        self._following = following
        self._timeout = timeout
        self._chunks: deque[Any] = deque()
        self._closed = False

    @property
    def died(self) -> bool:
        """Whether the run's process is gone, so that the run never ended."""
        return self._tail.died

    def _look(self) -> bool:
        """Take what is new; say whether there is anything, be it the end."""
        while not self._chunks and not self._closed:
            entries: list[Mapping[str, Any]] = self._tail.read()
            self._chunks.extend(self._following.take(entries))
            if not entries:
                break
        return bool(self._chunks) or self._closed or self._tail.ended

    def _silence(self) -> TimeoutError:
        return TimeoutError(f"the run has said nothing for {self._timeout} seconds")

    def _deadline(self) -> float:
        return float("inf") if self._timeout is None else time.monotonic() + self._timeout


class Follower(_Following):
    """An iterator over the chunks of a run; made by `follow`."""

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        deadline = self._deadline()
        while not self._look():
            if time.monotonic() >= deadline:
                raise self._silence()
            time.sleep(POLL)
        if self._chunks:
            return self._chunks.popleft()
        raise StopIteration

    def close(self) -> None:
        """Hear nothing more."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncFollower(_Following):
    """An async iterator over the chunks of a run; made by `afollow`."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        import asyncio

        deadline = self._deadline()
        while not self._chunks and not await asyncio.to_thread(self._look):
            if time.monotonic() >= deadline:
                raise self._silence()
            await asyncio.sleep(POLL)
        if self._chunks:
            return self._chunks.popleft()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Hear nothing more."""
        self._closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()
