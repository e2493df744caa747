"""
AsyncPump: several readers on the event loop draw from one run, one event at a time.

Rule: one of them lets the run go on and the others wait; what the event meant to whom is not its business.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import Any

__all__ = ["AsyncPump"]

_log = logging.getLogger("otgraph")


class AsyncPump:
    """See the module."""

    chunks: AsyncGenerator[Any, None]
    """Of the run; set before the first draw."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._beside: set[asyncio.Task[Any]] = set()
        self._insist: set[asyncio.Task[Any]] = set()
        self.done = False

    async def draw(
        self,
        take: Callable[[Any], Awaitable[None]],
        finish: Callable[[], Awaitable[None]],
        fail: Callable[[BaseException], Awaitable[None]],
    ) -> bool:
        """Hand the next chunk to `take`; return whether there was one."""
        async with self._lock:
            if self.done:
                return False
            try:
                chunk = await anext(self.chunks)
                await take(chunk)
            except StopAsyncIteration:
                self.done = True
                try:
                    await self._join()
                    await finish()
                except Exception as error:
                    await fail(error)
                return False
            except Exception as error:
                self.done = True
                for task in self._beside:
                    task.cancel()
                await self.chunks.aclose()
                await fail(error)
                return False
            return True

    async def close(self) -> None:
        """Cancel the run, and what goes on beside it."""
        self.done = True
        for task in self._beside:
            task.cancel()
        await self.chunks.aclose()

    def spawn(self, coro: Coroutine[Any, Any, Any], on_error: str) -> asyncio.Task[Any]:
        """Run a coroutine beside the run."""
        task = asyncio.get_running_loop().create_task(coro)
        self._beside.add(task)
        if on_error == "raise":
            self._insist.add(task)
        return task

    async def _join(self) -> None:
        for task in list(self._beside):
            try:
                await task
            except Exception:
                if task in self._insist:
                    raise
                _log.exception("a coroutine that a transformer had scheduled failed")
