"""
PregelProtocol: whatever runs as a compiled graph does, and StreamProtocol, what takes the chunks of one.

Rule: for annotations and `isinstance`; nothing in otgraph asks for more than a graph's own methods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Generic

from typing_extensions import Self

from otgraph.graph.compiled import Pregel
from otgraph.typing import ContextT, InputT, OutputT, StateT

__all__ = ["PregelProtocol", "StreamProtocol"]


class PregelProtocol(ABC, Generic[StateT, ContextT, InputT, OutputT]):
    """The methods that a compiled graph, and whatever stands for one, has."""

    @abstractmethod
    def with_config(self, config: Any = None, **kwargs: Any) -> Self:
        """Return the same graph with a base config."""

    @abstractmethod
    def get_graph(self, config: Any = None, *, xray: int | bool = False) -> Any:
        """Return the graph as nodes and edges."""

    @abstractmethod
    async def aget_graph(self, config: Any = None, *, xray: int | bool = False) -> Any:
        """Return the graph as nodes and edges."""

    @abstractmethod
    def get_state(self, config: Any, *, subgraphs: bool = False) -> Any:
        """Return the state of a thread."""

    @abstractmethod
    async def aget_state(self, config: Any, *, subgraphs: bool = False) -> Any:
        """Return the state of a thread."""

    @abstractmethod
    def get_state_history(
        self, config: Any, *, filter: Any = None, before: Any = None, limit: int | None = None
    ) -> Iterator[Any]:
        """Yield the states of a thread, the newest first."""

    @abstractmethod
    def aget_state_history(
        self, config: Any, *, filter: Any = None, before: Any = None, limit: int | None = None
    ) -> AsyncIterator[Any]:
        """Yield the states of a thread, the newest first."""

    @abstractmethod
    def update_state(self, config: Any, values: Any, as_node: str | None = None) -> Any:
        """Write to the state of a thread as a node would."""

    @abstractmethod
    async def aupdate_state(self, config: Any, values: Any, as_node: str | None = None) -> Any:
        """Write to the state of a thread as a node would."""

    @abstractmethod
    def bulk_update_state(self, config: Any, supersteps: Sequence[Sequence[Any]]) -> Any:
        """Write to the state of a thread several times."""

    @abstractmethod
    async def abulk_update_state(self, config: Any, supersteps: Sequence[Sequence[Any]]) -> Any:
        """Write to the state of a thread several times."""

    @abstractmethod
    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        """Run the graph and return its output."""

    @abstractmethod
    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        """Run the graph and return its output."""

    @abstractmethod
    def stream(self, input: Any, config: Any = None, **kwargs: Any) -> Iterator[Any]:
        """Run the graph and yield chunks."""

    @abstractmethod
    def astream(self, input: Any, config: Any = None, **kwargs: Any) -> AsyncIterator[Any]:
        """Run the graph and yield chunks."""


PregelProtocol.register(Pregel)


class StreamProtocol:
    """
    What takes chunks.

    Args:
        take: called with each chunk: its namespace, its mode and its payload.
        modes: the modes that it wants.
    """

    __slots__ = ("_take", "modes")

    modes: set[Any]

    def __init__(self, take: Callable[[Any], None], modes: set[Any]) -> None:
        self._take = take
        self.modes = modes

    def __call__(self, chunk: Any) -> None:
        """Take a chunk."""
        self._take(chunk)
