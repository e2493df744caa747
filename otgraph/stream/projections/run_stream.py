"""
GraphRunStream and its kin: a run whose events and projections are read.

Rule: the run goes on only while somebody reads; leaving the `with`, or `abort`, cancels it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

from typing_extensions import Self

from otgraph.stream.projections.mux import StreamMux
from otgraph.stream.projections.transformer import ProtocolEvent, SubgraphStatus

__all__ = ["AsyncGraphRunStream", "AsyncSubgraphRunStream", "GraphRunStream", "SubgraphRunStream"]


class _RunStream:
    def __init__(self, mux: StreamMux) -> None:
        self._mux = mux
        self.extensions: dict[str, Any] = dict(mux.extensions)
        """All projections by name, those of the user's transformers included."""
        for name, projection in mux.native.items():
            setattr(self, name, projection)

    values: Any
    """The states of the graph."""
    messages: Any
    """The answers of the models in it, each a stream of its own."""
    lifecycle: Any
    """Which graphs inside began and ended."""
    subgraphs: Any
    """Those of them that are right inside, each a run stream of its own."""


class _Reading(_RunStream):
    def _drain(self) -> None:
        pump = self._mux.pump
        while pump is not None and pump():
            pass
        if self._mux.error is not None:
            raise self._mux.error

    @property
    def output(self) -> Any:
        """The state at the end; waits for it."""
        self._drain()
        return self._mux.output

    @property
    def interrupted(self) -> bool:
        """Whether the run has stopped at questions; waits for its end."""
        return bool(self.interrupts)

    @property
    def interrupts(self) -> list[Any]:
        """The questions that it has stopped at; waits for its end."""
        self._drain()
        return list(self._mux.interrupts)

    def __iter__(self) -> Iterator[ProtocolEvent]:
        """Yield the events."""
        return iter(self._mux.events)

    def interleave(self, *names: str) -> Iterator[tuple[str, Any]]:
        """Yield (name, item) of several projections, in the order in which the items came."""
        channels = {name: self.extensions[name] for name in names}
        for channel in channels.values():
            channel.subscribe(is_async=False)
        pump = self._mux.pump
        while True:
            waiting = {name: channel for name, channel in channels.items() if channel.items}
            if waiting:
                name = min(waiting, key=lambda each: waiting[each].items[0][0])
                yield name, waiting[name].items.popleft()[1]
            elif (pump is None or not pump()) and not any(channel.items for channel in channels.values()):
                for channel in channels.values():
                    channel.check()
                return


class GraphRunStream(_Reading):
    """
    A run whose events are read: `for event in run`, `run.values`, `run.messages`, `run.subgraphs`, `run.output`, ….

    Args:
        close: cancels the run.
    """

    def __init__(self, mux: StreamMux, close: Callable[[], Any]) -> None:
        _Reading.__init__(self, mux)
        self._close = close

    def abort(self) -> None:
        """Cancel the run; what was read is kept."""
        self._close()
        self._mux.end_channels()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()


class _Subgraph(_RunStream):
    path: tuple[str, ...]
    """Its namespace."""
    graph_name: str | None
    """The name of the agent that it is, or of the node."""
    trigger_call_id: str | None
    """The id of the task that runs it."""
    status: SubgraphStatus
    error: str | None
    """Why it failed, if it did."""
    _seen_terminal = False
    """For packages, whose transformers note here that it has ended."""

    def __init__(
        self,
        mux: StreamMux,
        *,
        path: tuple[str, ...],
        graph_name: str | None = None,
        trigger_call_id: str | None = None,
    ) -> None:
        super().__init__(mux)
        self.path, self.graph_name, self.trigger_call_id = path, graph_name, trigger_call_id
        self.status, self.error = "started", None

    def _observe_event(self, event: ProtocolEvent) -> None:
        """Nothing: what transformers of packages hand to its mux, that takes note of."""


class SubgraphRunStream(_Subgraph, _Reading):
    """A graph inside a run, read as the run is."""

    def _drain(self) -> None:
        pump = self._mux.pump
        while self.status == "started" and pump is not None and pump():
            pass


class _AsyncReading(_RunStream):
    async def _drain(self) -> None:
        apump = self._mux.apump
        while apump is not None and await apump():
            pass
        if self._mux.error is not None:
            raise self._mux.error

    async def output(self) -> Any:
        """Return the state at the end."""
        await self._drain()
        return self._mux.output

    async def interrupted(self) -> bool:
        """Return whether the run has stopped at questions, at its end."""
        return bool(await self.interrupts())

    async def interrupts(self) -> list[Any]:
        """Return the questions that the run has stopped at, at its end."""
        await self._drain()
        return list(self._mux.interrupts)

    def __aiter__(self) -> AsyncIterator[ProtocolEvent]:
        """Yield the events."""
        return aiter(self._mux.events)


class AsyncGraphRunStream(_AsyncReading):
    """A run on the event loop whose events are read; see `GraphRunStream`."""

    def __init__(self, mux: StreamMux, close: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        _AsyncReading.__init__(self, mux)
        self._close = close

    async def abort(self) -> None:
        """Cancel the run; what was read is kept."""
        await self._close()
        self._mux.end_channels()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.abort()


class AsyncSubgraphRunStream(_Subgraph, _AsyncReading):
    """A graph inside a run on the event loop, read as the run is."""

    async def _drain(self) -> None:
        apump = self._mux.apump
        while self.status == "started" and apump is not None and await apump():
            pass
