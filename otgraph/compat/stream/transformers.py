"""
The names of LangGraph's transformers of the event stream, which otgraph does not run.

Rule: packages may import and subclass them and hand them to `compile`; nothing calls them.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypeAlias

__all__ = [
    "AsyncSubgraphRunStream",
    "StreamChannel",
    "StreamTransformer",
    "SubgraphRunStream",
    "SubgraphStatus",
    "ToolCallTransformer",
]

SubgraphStatus: TypeAlias = Literal["started", "completed", "failed", "interrupted", "drained"]


class StreamTransformer:
    """Makes a projection of the event stream of a graph; `scope` is the namespace that it looks at."""

    required_stream_modes: ClassVar[tuple[str, ...]] = ()
    requires_async: ClassVar[bool] = False
    supports_sync: ClassVar[bool] = True
    before_builtins: ClassVar[bool] = False

    def __init__(self, scope: tuple[str, ...] = (), **given: Any) -> None:
        self.scope = scope


class _TasksLifecycleBase(StreamTransformer):
    """A transformer that follows the tasks of graphs inside."""


class ToolCallTransformer(StreamTransformer):
    """A transformer that follows the calls of tools."""


class StreamChannel:
    """One projection of the event stream."""


class SubgraphRunStream:
    """The event stream of a graph inside."""


class AsyncSubgraphRunStream:
    """The event stream of a graph inside, on the event loop."""
