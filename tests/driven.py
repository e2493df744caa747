"""Either driver behind one interface: what the fixtures of several folders have in common."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any


class Driven:
    """
    A way to drive runs, and nodes in its colour.

    Args:
        name: `threads`, or one whose driver is asyncio.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.sync = name == "threads"
        """Whether the driver is the one on threads."""

    def node(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a plain function in this driver's colour."""
        if self.sync:
            return function

        @functools.wraps(function)
        async def body(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return body

    def invoke(self, graph: Any, *args: Any, **options: Any) -> Any:
        """Return the result of a run."""
        return graph.invoke(*args, **options) if self.sync else asyncio.run(graph.ainvoke(*args, **options))

    def each(self, graph: Any, take: Callable[[Any], object], *args: Any, **options: Any) -> None:
        """Call `take` with each chunk of a run when it comes."""
        if self.sync:
            for chunk in graph.stream(*args, **options):
                take(chunk)
            return

        async def read() -> None:
            async for chunk in graph.astream(*args, **options):
                take(chunk)

        asyncio.run(read())

    def stream(self, graph: Any, *args: Any, **options: Any) -> list[Any]:
        """Return the chunks of a run."""
        chunks: list[Any] = []
        self.each(graph, chunks.append, *args, **options)
        return chunks

    def stream_and_error(self, graph: Any, *args: Any, **options: Any) -> list[Any]:
        """Return the chunks of a run; where it fails, its exception is the last."""
        chunks: list[Any] = []
        try:
            self.each(graph, chunks.append, *args, **options)
        except Exception as error:
            chunks.append(error)
        return chunks
