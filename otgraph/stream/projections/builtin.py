"""
The transformers that every run has, and those that one may add.

Rule: each of them has one projection. What graphs inside do is known from the stream mode `tasks` alone: one begins
with its first task, and ends with the result of the task that runs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import NotRequired, TypedDict

from otgraph.constants import NS_END
from otgraph.langchain.message_streams import MessageStreams
from otgraph.stream.projections.channel import StreamChannel
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


class _Inside(StreamTransformer):
    """Follows the graphs inside by their tasks."""

    _native = True
    required_stream_modes = ("tasks",)
    deep: ClassVar[bool]
    """Whether graphs inside those count too."""

    def init(self) -> dict[str, Any]:
        """Return the channel."""
        self._open: dict[tuple[str, ...], Any] = {}
        return self._projection()

    def _projection(self) -> dict[str, Any]:
        raise NotImplementedError

    def _begun(self, event: ProtocolEvent) -> tuple[str, ...] | None:
        """Return the namespace of a graph whose first task this is."""
        ns = tuple(event["params"]["namespace"])
        size = len(self.scope)
        inside = len(ns) > size and ns[:size] == self.scope and (self.deep or len(ns) == size + 1)
        if (
            event["method"] != "tasks"
            or not inside
            or ns in self._open
            or "result" in event["params"]["data"]
        ):
            return None
        return ns

    def _ended(self, event: ProtocolEvent) -> tuple[tuple[str, ...], SubgraphStatus, str | None] | None:
        """Return which graph has ended, how, and why."""
        if event["method"] != "tasks" or "result" not in event["params"]["data"]:
            return None
        task: Mapping[str, Any] = event["params"]["data"]
        ns = (*event["params"]["namespace"], f"{task['name']}{NS_END}{task['id']}")
        if ns not in self._open:
            return None
        if task["error"] is not None:
            return ns, "failed", str(task["error"])
        return ns, "interrupted" if task["interrupts"] else "completed", None


class LifecycleTransformer(_Inside):
    """Which graphs inside began and ended."""

    deep = True

    def _projection(self) -> dict[str, Any]:
        self._channel: StreamChannel[LifecyclePayload] = StreamChannel("lifecycle")
        return {"lifecycle": self._channel}

    def process(self, event: ProtocolEvent) -> bool:
        """Tell of a beginning or an end."""
        ns = self._begun(event)
        if ns is not None:
            name, _, task = ns[-1].partition(NS_END)
            self._open[ns] = True
            self._channel.push(
                {"event": "started", "namespace": list(ns), "graph_name": name, "trigger_call_id": task}
            )
        ended = self._ended(event)
        if ended is not None:
            self._end(*ended)
        return event["method"] != "tasks"

    def _end(self, ns: tuple[str, ...], status: SubgraphStatus, error: str | None) -> None:
        del self._open[ns]
        payload: LifecyclePayload = {"event": status, "namespace": list(ns)}
        if error is not None:
            payload["error"] = error
        self._channel.push(payload)

    def fail(self, err: BaseException) -> None:
        """Tell that the graphs inside have failed."""
        for ns in reversed(list(self._open)):
            self._end(ns, "failed", str(err))


class SubgraphTransformer(_Inside):
    """The graphs right inside, each with projections of its own."""

    deep = False
    supports_sync = True

    def _projection(self) -> dict[str, Any]:
        self._channel: StreamChannel[Any] = StreamChannel()
        return {"subgraphs": self._channel}

    def _on_register(self, mux: StreamMux) -> None:
        self._mux = mux

    def _inner(self, event: ProtocolEvent) -> Any:
        """Return the stream of the graph that an event is of, after beginning it if it is new."""
        ns = self._begun(event)
        if ns is not None:
            around = self._mux
            mux = StreamMux(around.factories, ns, is_async=around.is_async, spawn=around.spawn)
            mux.connect(around.pump, around.apump)
            name, _, task = ns[-1].partition(NS_END)
            kind = AsyncSubgraphRunStream if around.is_async else SubgraphRunStream
            self._open[ns] = made = kind(mux, path=ns, graph_name=name, trigger_call_id=task)
            self._channel.push(made)
        return self._open.get(tuple(event["params"]["namespace"][: len(self.scope) + 1]))

    def _settle(self, event: ProtocolEvent) -> Any:
        ended = self._ended(event)
        if ended is None:
            return None
        ns, status, error = ended
        inner = self._open.pop(ns)
        inner.status, inner.error = status, error
        return inner

    def process(self, event: ProtocolEvent) -> bool:
        """Hand an event on to the graph that it is of."""
        inner = self._inner(event)
        if inner is not None:
            inner._mux.push(event.copy())
        over = self._settle(event)
        if over is not None:
            over._mux.finish()
        return True

    async def aprocess(self, event: ProtocolEvent) -> bool:
        """Hand it on, on the event loop."""
        inner = self._inner(event)
        if inner is not None:
            await inner._mux.apush(event.copy())
        over = self._settle(event)
        if over is not None:
            await over._mux.afinish()
        return True

    def finalize(self) -> None:
        """End what is open."""
        for inner in self._open.values():
            inner._mux.finish()

    async def afinalize(self) -> None:
        """End what is open, on the event loop."""
        for inner in self._open.values():
            await inner._mux.afinish()

    def fail(self, err: BaseException) -> None:
        """End what is open, which has failed."""
        for inner in self._open.values():
            inner.status, inner.error = "failed", str(err)
            inner._mux.break_off(err)

    async def afail(self, err: BaseException) -> None:
        """End what is open, which has failed, on the event loop."""
        for inner in self._open.values():
            inner.status, inner.error = "failed", str(err)
            await inner._mux.abreak_off(err)
