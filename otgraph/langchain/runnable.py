"""
GraphRunnable: a compiled graph where LangChain wants a Runnable: in a chain, or under its stream of events.

Rule: it adds no run of its own to what callbacks are told; every call is the graph's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.runnables import Runnable

__all__ = ["GraphRunnable"]


class GraphRunnable(Runnable):
    """
    See the module.

    Args:
        graph: a compiled graph.
    """

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.name = graph.name

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        """Run the graph and return its result."""
        return self.graph.invoke(input, config, **kwargs)

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        """Run the graph on the event loop and return its result."""
        return await self.graph.ainvoke(input, config, **kwargs)

    def stream(self, input: Any, config: Any = None, **kwargs: Any) -> Iterator[Any]:
        """Run the graph and yield its chunks."""
        yield from self.graph.stream(input, config, **kwargs)

    async def astream(self, input: Any, config: Any = None, **kwargs: Any) -> AsyncIterator[Any]:
        """Run the graph on the event loop and yield its chunks."""
        async for chunk in self.graph.astream(input, config, **kwargs):
            yield chunk
