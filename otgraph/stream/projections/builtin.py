"""
The transformers that every run has, and those that one may add.

Rule: each of them has one projection.
"""

from __future__ import annotations

from typing import Any, ClassVar

from typing_extensions import NotRequired, TypedDict

from otgraph.langchain.message_streams import MessageStreams
from otgraph.stream.projections.channel import StreamChannel
from otgraph.stream.projections.inside import TasksLifecycle
from otgraph.stream.projections.mux import StreamMux
from otgraph.stream.projections.run_stream import AsyncSubgraphRunStream, SubgraphRunStream
from otgraph.stream.projections.transformer import ProtocolEvent, StreamTransformer, SubgraphStatus

__all__ = [
    "CheckpointsTransformer",
    "CustomTransformer",
    "DebugTransformer",
    "LifecyclePayload",
    "LifecycleTransformer",
    "MessagesTransformer",
    "SubgraphTransformer",
    "TasksTransformer",
    "UpdatesTransformer",
    "ValuesTransformer",
]


class LifecyclePayload(TypedDict):
    """A graph inside began or ended."""

    event: SubgraphStatus
    namespace: list[str]
    graph_name: NotRequired[str]
    trigger_call_id: NotRequired[str]
    cause: NotRequired[dict[str, Any]]
    """The call of a tool in which it began, if it did in one."""
    error: NotRequired[str]


class _ModeTransformer(StreamTransformer):
    """Shows the items of one stream mode, of its own scope."""

    _native = True
    mode: ClassVar[str]

    def __init_subclass__(cls) -> None:
        cls.required_stream_modes = (cls.mode,)

    def init(self) -> dict[str, Any]:
        """Return the channel of the mode."""
        self._channel: StreamChannel[Any] = StreamChannel()
        return {self.mode: self._channel}

    def process(self, event: ProtocolEvent) -> bool:
        """Take an item of the mode."""
        if event["method"] == self.mode and tuple(event["params"]["namespace"]) == self.scope:
            self._channel.push(event["params"]["data"])
        return True


class ValuesTransformer(_ModeTransformer):
    """The states."""

    mode = "values"


class UpdatesTransformer(_ModeTransformer):
    """What nodes return."""

    mode = "updates"


class CustomTransformer(_ModeTransformer):
    """What nodes pass to their writers."""

    mode = "custom"


class CheckpointsTransformer(_ModeTransformer):
    """What is saved."""

    mode = "checkpoints"


class TasksTransformer(_ModeTransformer):
    """The start and the result of every task."""

    mode = "tasks"


class DebugTransformer(_ModeTransformer):
    """Tasks and checkpoints with their times."""

    mode = "debug"


class MessagesTransformer(StreamTransformer):
    """The answers of models: each a stream of text, reasoning and calls of tools."""

    _native = True
    required_stream_modes = ("messages",)

    def init(self) -> dict[str, Any]:
        """Return the channel of the answers."""
        self._channel: StreamChannel[Any] = StreamChannel()
        return {"messages": self._channel}

    def _on_register(self, mux: StreamMux) -> None:
        self._mux = mux
        self._streams = MessageStreams(is_async=mux.is_async)

    def process(self, event: ProtocolEvent) -> bool:
        """Begin an answer, or go on with one."""
        params = event["params"]
        if event["method"] == "messages" and tuple(params["namespace"]) == self.scope:
            begun = self._streams.take(params["namespace"], *params["data"])
            if begun is not None:
                begun.connect(self._mux.pump, self._mux.apump)
                self._channel.push(begun.stream)
                begun.go()
        return True

    def finalize(self) -> None:
        """End the answers that are in progress."""
        self._streams.end(None)

    def fail(self, err: BaseException) -> None:
        """End them with what the run failed with."""
        self._streams.end(err)


class LifecycleTransformer(TasksLifecycle):
    """Which graphs inside began and ended, those inside each other too."""

    def init(self) -> dict[str, Any]:
        """Return the channel."""
        self._channel: StreamChannel[LifecyclePayload] = StreamChannel("lifecycle")
        return {"lifecycle": self._channel}

    def _on_started(self, ns: tuple[str, ...], graph_name: str | None, trigger_call_id: str | None) -> None:
        payload: LifecyclePayload = {"event": "started", "namespace": list(ns)}
        if graph_name is not None:
            payload["graph_name"] = graph_name
        if trigger_call_id is not None:
            payload["trigger_call_id"] = trigger_call_id
        if self._pending_cause is not None:
            payload["cause"] = self._pending_cause
        self._channel.push(payload)

    def _on_terminal(self, ns: tuple[str, ...], status: SubgraphStatus, error: str | None) -> None:
        payload: LifecyclePayload = {"event": status, "namespace": list(ns)}
        if error is not None:
            payload["error"] = error
        self._channel.push(payload)


class SubgraphTransformer(TasksLifecycle):
    """The graphs right inside, each with projections of its own."""

    supports_sync = True

    def init(self) -> dict[str, Any]:
        """Return the channel."""
        self._channel: StreamChannel[Any] = StreamChannel()
        self._handles: dict[tuple[str, ...], Any] = {}
        self._over: list[Any] = []
        return {"subgraphs": self._channel}

    def _on_register(self, mux: StreamMux) -> None:
        self._mux = mux

    def _should_track(self, ns: tuple[str, ...]) -> bool:
        return len(ns) == len(self.scope) + 1 and super()._should_track(ns)

    def _on_started(self, ns: tuple[str, ...], graph_name: str | None, trigger_call_id: str | None) -> None:
        kind = AsyncSubgraphRunStream if self._mux.is_async else SubgraphRunStream
        made = kind(
            self._mux._make_child(ns), path=ns, graph_name=graph_name, trigger_call_id=trigger_call_id
        )
        self._handles[ns] = made
        self._channel.push(made)

    def _on_terminal(self, ns: tuple[str, ...], status: SubgraphStatus, error: str | None) -> None:
        over = self._handles.pop(ns)
        over.status, over.error = status, error
        self._over.append(over)

    def _inner(self, event: ProtocolEvent) -> Any:
        """Return the stream of the graph that an event is of, after beginning it if it is new."""
        TasksLifecycle.process(self, event)
        return self._handles.get(tuple(event["params"]["namespace"][: len(self.scope) + 1]))

    def process(self, event: ProtocolEvent) -> bool:
        """Hand an event on to the graph that it is of."""
        inner = self._inner(event)
        if inner is not None:
            inner._mux.push(event.copy())
        while self._over:
            self._over.pop()._mux.close()
        return True

    async def aprocess(self, event: ProtocolEvent) -> bool:
        """Hand it on, on the event loop."""
        inner = self._inner(event)
        if inner is not None:
            await inner._mux.apush(event.copy())
        while self._over:
            await self._over.pop()._mux.aclose()
        return True

    def finalize(self) -> None:
        """End what is open."""
        for inner in self._handles.values():
            inner._mux.close()

    async def afinalize(self) -> None:
        """End what is open, on the event loop."""
        for inner in self._handles.values():
            await inner._mux.aclose()

    def fail(self, err: BaseException) -> None:
        """End what is open, which has failed."""
        for inner in self._handles.values():
            inner.status, inner.error = "failed", str(err)
            inner._mux.fail(err)

    async def afail(self, err: BaseException) -> None:
        """End what is open, which has failed, on the event loop."""
        for inner in self._handles.values():
            inner.status, inner.error = "failed", str(err)
            await inner._mux.afail(err)
