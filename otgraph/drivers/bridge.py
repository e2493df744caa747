"""
A coroutine that sync code waits for.

Rule: it runs in an event loop of its own, in the caller's thread, or in another one if that has a loop running.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from otgraph.drivers.batch import run_all

__all__ = ["run_coroutine"]


def run_coroutine(make: Callable[[], Awaitable[Any]]) -> Any:
    """Call `make`, wait for what it returns, and return that; context variables are the caller's."""
    import asyncio

    async def wait() -> Any:
        return await make()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(wait())
    return run_all([lambda: asyncio.run(wait())], None, errors=False)[0]
