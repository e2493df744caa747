"""
What makes a compiled graph a part of LangChain: chains, and the stream of events.

Rule: LangChain is imported by whoever calls a method of this file, and by nothing else of a graph.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from otgraph.langchain.bridge import extra

__all__ = ["AsRunnable"]


class AsRunnable:
    """The methods of a LangChain Runnable that a graph has besides its own."""

    def as_runnable(self) -> Any:
        """
        Return the graph as an instance of LangChain's `Runnable`.

        Raises:
            ImportError: LangChain is not installed.
        """
        with extra("a graph as a Runnable"):
            from otgraph.langchain.runnable import GraphRunnable
        return GraphRunnable(self)

    def pipe(self, *others: Any, name: str | None = None) -> Any:
        """Return a chain of LangChain's that begins with the graph."""
        return self.as_runnable().pipe(*others, name=name)

    def __or__(self, other: Any) -> Any:
        return self.as_runnable() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.as_runnable()

    def transform(self, input: Iterator[Any], config: Any = None, **kwargs: Any) -> Iterator[Any]:
        """Run the graph on what the chunks of `input` add up to, and yield its chunks."""
        yield from self.as_runnable().transform(input, config, **kwargs)

    async def atransform(
        self, input: AsyncIterator[Any], config: Any = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """Do the same on the event loop."""
        async for chunk in self.as_runnable().atransform(input, config, **kwargs):
            yield chunk

    async def astream_events(
        self,
        input: Any,
        config: Any = None,
        *,
        version: str = "v2",
        transformers: Sequence[Any] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        """
        Run the graph and yield LangChain's events of it: of the run, of each task, and of what is called in them.

        Args:
            version: `v2` or `v1`.
            kwargs: as in `astream`, and LangChain's own (`include_names`, `exclude_tags`, …).

        Raises:
            ImportError: LangChain is not installed.
            NotImplementedError: another version is asked for.
        """
        if version not in ("v1", "v2") or transformers:
            raise NotImplementedError(
                f"astream_events has the versions 'v1' and 'v2', without transformers; not version={version!r}, "
                f"transformers={transformers!r}"
            )
        runnable = self.as_runnable()
        async for event in runnable.astream_events(input, config, version=version, **kwargs):
            yield event
