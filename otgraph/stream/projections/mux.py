"""
StreamMux: the events of one run, or of one graph inside it, and the transformers that see them.

Rule: every transformer sees every event, in the order in which they were given; an event that one of them hides is in
no log. What a named channel is given is an event too, at once, and no transformer sees that one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from time import time_ns
from typing import Any

from otgraph.stream.projections.channel import StreamChannel
from otgraph.stream.projections.transformer import ProtocolEvent, StreamTransformer, TransformerFactory

__all__ = ["StreamMux", "protocol_event"]


def protocol_event(method: str, ns: Iterable[str], data: Any, **more: Any) -> ProtocolEvent:
    """Return an event that happens now."""
    params: Any = {"namespace": list(ns), "timestamp": time_ns() // 1_000_000, "data": data, **more}
    return {"type": "event", "method": method, "params": params}


class StreamMux:
    """
    See the module.

    Args:
        scope: the namespace.
        factories: make the transformers; those that every run has among them.
        spawn: runs a coroutine beside the run; None where there is no event loop.
    """

    def __init__(
        self,
        factories: Sequence[TransformerFactory],
        scope: tuple[str, ...] = (),
        *,
        is_async: bool = False,
        spawn: Callable[..., Any] | None = None,
    ) -> None:
        self.factories = factories
        self.scope = scope
        self.is_async = is_async
        self.spawn = spawn
        self.events: StreamChannel[ProtocolEvent] = StreamChannel()
        self._events = self.events  # the name that transformers of packages know it by
        self.channels: list[StreamChannel[Any]] = [self.events]
        self.extensions: dict[str, Any] = {}
        """All projections by name."""
        self.native: dict[str, Any] = {}
        """Those that are attributes of the run stream."""
        self.output: Any = None
        """The state that was shown last."""
        self.interrupts: list[Any] = []
        self.error: BaseException | None = None
        self._numbers = count(1)
        self.pump: Callable[[], bool] | None = None
        self.apump: Callable[[], Any] | None = None
        self.transformers = [factory(scope) for factory in _first_things_first(factories)]
        for transformer in self.transformers:
            self._register(transformer)

    def _register(self, transformer: StreamTransformer) -> None:
        if not self.is_async and transformer.is_async:
            raise RuntimeError(
                f"{type(transformer).__name__} works on the event loop only: use astream_events(version='v3')"
            )
        transformer._spawn = self.spawn
        projections = transformer.init()
        for name, projection in projections.items():
            if name in self.extensions:
                raise ValueError(f"two transformers make a projection named {name!r}; rename one of them")
            self.extensions[name] = projection
            if isinstance(projection, StreamChannel):
                self._wire(projection, native=transformer._native)
        if transformer._native:
            self.native.update(projections)
        transformer._on_register(self)

    def _wire(self, channel: StreamChannel[Any], *, native: bool) -> None:
        self.channels.append(channel)
        name = channel.name
        if name is not None:
            method = name if native else f"custom:{name}"
            channel.forward = lambda item: self.log(protocol_event(method, (), item))

    def _make_child(self, ns: tuple[str, ...]) -> StreamMux:
        """Return the mux of a graph inside, which goes on as this one does."""
        mux = StreamMux(self.factories, ns, is_async=self.is_async, spawn=self.spawn)
        mux.connect(self.pump, self.apump)
        return mux

    def connect(self, pump: Callable[[], bool] | None, apump: Callable[[], Any] | None) -> None:
        """Let readers of the channels have the run go on."""
        self.pump, self.apump = pump, apump
        for channel in self.channels:
            channel.bind(self.is_async)
            channel.pump, channel.apump = pump, apump

    # ---- events

    def log(self, event: ProtocolEvent) -> None:
        """Show an event to those who read the events."""
        event["seq"] = next(self._numbers)
        self.events.push(event)

    def push(self, event: ProtocolEvent) -> None:
        """Have the transformers see an event."""
        self._note(event)
        shown = [transformer.process(event) for transformer in self.transformers]
        if all(shown):
            self.log(event)

    async def apush(self, event: ProtocolEvent) -> None:
        """Have the transformers see an event, on the event loop."""
        self._note(event)
        shown = [await transformer.aprocess(event) for transformer in self.transformers]
        if all(shown):
            self.log(event)

    def _note(self, event: ProtocolEvent) -> None:
        params: Mapping[str, Any] = event["params"]
        if event["method"] == "values" and tuple(params["namespace"]) == self.scope:
            self.output = params["data"]
            self.interrupts = [*self.interrupts, *params.get("interrupts", ())]

    # ---- the end

    def close(self) -> None:
        """End all projections: the run has ended."""
        for transformer in self.transformers:
            transformer.finalize()
        self.end_channels()

    async def aclose(self) -> None:
        """End all projections, on the event loop."""
        for transformer in self.transformers:
            await transformer.afinalize()
        self.end_channels()

    def fail(self, error: BaseException) -> None:
        """End all projections: the run has failed."""
        self.error = error
        for transformer in self.transformers:
            transformer.fail(error)
        for channel in self.channels:
            channel.fail(error)

    async def afail(self, error: BaseException) -> None:
        """End all projections of a run that has failed, on the event loop."""
        self.error = error
        for transformer in self.transformers:
            await transformer.afail(error)
        for channel in self.channels:
            channel.fail(error)

    def end_channels(self) -> None:
        """End all channels."""
        for channel in self.channels:
            channel.close()


def _first_things_first(factories: Sequence[TransformerFactory]) -> list[TransformerFactory]:
    return sorted(factories, key=lambda factory: not getattr(factory, "before_builtins", False))
