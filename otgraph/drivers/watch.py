"""
Watching: further observers of a run that is going on, in the same process.

Rule: an observer has its own modes, its own queue and its own policy. What it does, and how slow it is, changes
nothing for the run, unless it asks with the policy `block` to be waited for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from typing_extensions import Self

from otgraph.drivers.room import resolve
from otgraph.infos import RunInfo
from otgraph.stream.envelope import check_modes, envelope
from otgraph.stream.subscription import Subscription
from otgraph.stream.view import Buffer, View
from otgraph.tracing.observer import LIVE
from otgraph.tracing.record import Record

if TYPE_CHECKING:
    import asyncio

__all__ = ["AsyncWatcher", "LiveRun", "Watcher", "awatch", "live_runs", "watch"]

BEHIND = Buffer(policy="drop_oldest")
"""An observer that says nothing else never holds a run up."""


class LiveRun(NamedTuple):
    """A root run that is going on in this process."""

    run_id: str
    name: str
    """The name of its graph."""
    thread_id: str | None


def live_runs() -> list[LiveRun]:
    """Return the root runs that are going on in this process, the oldest first."""
    return [LiveRun(run.id, run.name, run.thread) for run in list(LIVE.values())]


def watch(
    run_id: str | None = None,
    *,
    thread_id: str | None = None,
    stream_mode: Any = "updates",
    subgraphs: bool = False,
    version: Literal["v1", "v2"] = "v1",
    buffer: Buffer = BEHIND,
    timeout: float | None = None,
) -> Watcher:
    """
    Watch a run that is going on; return an iterator over its chunks from now on, until the run ends.

    Args:
        run_id: the run's id, as in `runtime.execution_info`, the config or `live_runs`.
        thread_id: instead of it, the thread that the run belongs to; the newest run, if there are several.
        stream_mode: as in `stream`; `values` begins with the state as it is.
        buffer: how far it may fall behind; by default the oldest entries are dropped and counted in `dropped`.
        timeout: seconds to wait for a chunk before `TimeoutError` is raised.

    Raises:
        LookupError: no such run is going on.
    """
    return Watcher(*_subscribe(run_id, thread_id, stream_mode, subgraphs, version, buffer), timeout)


def awatch(
    run_id: str | None = None,
    *,
    thread_id: str | None = None,
    stream_mode: Any = "updates",
    subgraphs: bool = False,
    version: Literal["v1", "v2"] = "v1",
    buffer: Buffer = BEHIND,
    timeout: float | None = None,
) -> AsyncWatcher:
    """Watch a run that is going on, from a coroutine; see `watch`. The run may be in any thread or event loop."""
    return AsyncWatcher(*_subscribe(run_id, thread_id, stream_mode, subgraphs, version, buffer), timeout)


def _subscribe(
    run_id: str | None, thread_id: str | None, mode: Any, subgraphs: bool, version: Any, buffer: Buffer
) -> tuple[Subscription, Record]:
    run = _find(run_id, thread_id)
    view = View(check_modes(mode), envelope(mode, subgraphs=subgraphs, version=version), subgraphs, buffer)
    record: Record = run.place.record
    subscription = Subscription(view, run, record.relieve, record.meters)
    record.subscribe(subscription)
    if subscription.watches_spans:
        run.observer.watch_foreign()  # type: ignore[attr-defined]
    return subscription, record


def _find(run_id: str | None, thread_id: str | None) -> RunInfo:
    if (run_id is None) is (thread_id is None):
        raise ValueError("say which run to watch: either its run_id or its thread_id")
    runs = list(LIVE.values())
    for run in reversed(runs):
        if run.id == str(run_id) if run_id is not None else run.thread == str(thread_id):
            return run
    asked = f"run {run_id!r}" if run_id is not None else f"run of thread {thread_id!r}"
    known = ", ".join(f"{run.id} ({run.name})" for run in runs[-5:]) or "none"
    raise LookupError(f"no {asked} is going on in this process; those going on: {known}")


class _Watching:
    """What watchers of both colours have in common."""

    def __init__(self, subscription: Subscription, record: Record, timeout: float | None) -> None:
        self._timeout = timeout
        self._subscription = subscription
        self._record = record
        self._chunks: deque[Any] = deque()
        self._closed = False

    @property
    def dropped(self) -> int:
        """How many entries of the record were dropped because this observer was behind."""
        return self._subscription.dropped

    def _ready(self) -> bool:
        """Make chunks of what has been heard; say whether there is anything, be it the end."""
        subscription = self._subscription
        while not self._chunks and subscription.queue:
            try:
                self._chunks.extend(subscription.take())
            except BaseException:
                self._close()
                raise
        return bool(self._chunks) or self._closed or (self._record.closed and not subscription.queue)

    def _silence(self) -> TimeoutError:
        return TimeoutError(f"the run has said nothing for {self._timeout} seconds")

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            self._chunks.clear()
            self._subscription.queue.clear()
            self._record.unsubscribe(self._subscription)
            self._subscription.leave()

    def __del__(self) -> None:
        self._close()


class Watcher(_Watching):
    """An iterator over the chunks of a run; made by `watch`. Closing it leaves the run alone."""

    def __init__(self, subscription: Subscription, record: Record, timeout: float | None) -> None:
        _Watching.__init__(self, subscription, record, timeout)
        self._bell: SimpleQueue[None] = SimpleQueue()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        while not self._ready():
            self._subscription.wake = self._ring
            if self._ready():
                break
            self._wait()
        if self._chunks:
            return self._chunks.popleft()
        self.close()
        raise StopIteration

    def _ring(self) -> None:
        self._bell.put(None)

    def _wait(self) -> None:
        try:
            self._bell.get(timeout=self._timeout)
        except Empty:
            raise self._silence() from None

    def close(self) -> None:
        """Hear nothing more; a thread that waits for the next chunk gets the end."""
        self._close()
        self._ring()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncWatcher(_Watching):
    """An async iterator over the chunks of a run; made by `awatch`. Closing it leaves the run alone."""

    _waiter: asyncio.Future[None] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        import asyncio

        loop = asyncio.get_running_loop()
        while not self._ready():
            waiter = self._waiter = loop.create_future()

            def ring(waiter: asyncio.Future[None] = waiter) -> None:
                try:
                    loop.call_soon_threadsafe(resolve, waiter)
                except RuntimeError:
                    # The observer's loop was closed; that is no matter of the run's.
                    pass

            self._subscription.wake = ring
            if self._ready():
                break
            if not (await asyncio.wait((waiter,), timeout=self._timeout))[0]:
                raise self._silence()
        if self._chunks:
            return self._chunks.popleft()
        await self.aclose()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Hear nothing more; a task that waits for the next chunk gets the end."""
        self._close()
        if self._waiter is not None:
            resolve(self._waiter)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()
