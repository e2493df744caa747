"""
AsyncSaves: what a run on asyncio hands over to be saved while it goes on; `saves.py` has the twin.

Rule: that of `Saves`: in order, one after the other, not too far behind, and nothing more after the first failure.
"""

from __future__ import annotations

import asyncio
from collections import deque
from threading import get_ident
from typing import Any

from otgraph.drivers.saves import MOST, is_prompt
from otgraph.drivers.storage import perform_async, stamp
from otgraph.engine.effects import Failure, Flush, SaveCheckpoint, SaveWrites
from otgraph.tracing.record import Record

__all__ = ["AsyncSaves"]


class AsyncSaves:
    """
    For a driver on asyncio: a task saves what is handed over, for as long as there is something.

    Args:
        above: what was handed over by the run around, of either colour.
        record: that of the run.
    """

    def __init__(self, above: Any, record: Record) -> None:
        self._record = record
        self._above = above
        self._loop = asyncio.get_running_loop()
        self._thread = get_ident()
        self._left: deque[SaveCheckpoint | SaveWrites] = deque()
        self._task: asyncio.Task[None] | None = None
        self._failure: Failure | None = None
        self._room = asyncio.Event()

    async def perform(self, effect: SaveCheckpoint | SaveWrites | Flush) -> Any:
        """Perform an effect, or take it over; return the reply."""
        if self._above is not None:
            await self._settle_above()
        if type(effect) is Flush:
            return await self.flush()
        assert isinstance(effect, (SaveCheckpoint, SaveWrites))
        id = stamp(effect) if type(effect) is SaveCheckpoint else None  # noqa: A001
        while len(self._left) >= MOST:
            self._room.clear()
            await self._room.wait()
        if self._failure is not None:
            return self._failure
        if effect.wait or is_prompt(effect.saver):
            reply = await self.flush()
            return (await perform_async(effect, self._record) if reply is None else reply) or id
        self._left.append(effect)
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._work())
        return id

    async def flush(self) -> Failure | None:
        """Wait until all is saved; return what went wrong."""
        if self._task is not None and not self._task.done():
            await asyncio.shield(self._task)
        return self._failure

    def settle(self) -> None:
        """Wait in another thread until all is saved; the loop's own cannot wait for what the loop does."""
        if get_ident() != self._thread and not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(self.flush(), self._loop).result()

    async def _settle_above(self) -> None:
        above, self._above = self._above, None
        if isinstance(above, AsyncSaves) and above._loop is self._loop:
            await above.flush()
        else:
            await asyncio.to_thread(above.settle)

    async def _work(self) -> None:
        while self._left and self._failure is None:
            effect = self._left.popleft()
            if len(self._left) == MOST // 2:
                self._room.set()
            reply = await perform_async(effect, self._record)
            if isinstance(reply, Failure):
                self._failure = reply
        self._left.clear()
        self._room.set()
