"""
ToolCallTransformer: the calls of tools in a run, each with what it hands out while it goes on.

Rule: known from the stream mode `tools` alone; it is opt-in, and agents of langchain bring it.
"""

from __future__ import annotations

from typing import Any

from otgraph.stream.projections.channel import StreamChannel
from otgraph.stream.projections.mux import StreamMux
from otgraph.stream.projections.transformer import ProtocolEvent, StreamTransformer

__all__ = ["ToolCallStream", "ToolCallTransformer"]


class ToolCallStream:
    """A call of a tool."""

    def __init__(self, tool_call_id: str, tool_name: str, input: Any) -> None:
        self.tool_call_id = tool_call_id
        self.tool_name = tool_name
        self.input = input
        self.output_deltas: StreamChannel[Any] = StreamChannel()
        """What it hands out while it goes on."""
        self.output: Any = None
        """What it returned, once it has ended."""
        self.error: str | None = None
        """Why it failed, if it did."""
        self.completed = False


class ToolCallTransformer(StreamTransformer):
    """See the module."""

    _native = True
    required_stream_modes = ("tools",)

    def init(self) -> dict[str, Any]:
        """Return the channel of the calls."""
        self._channel: StreamChannel[ToolCallStream] = StreamChannel()
        self._open: dict[str, ToolCallStream] = {}
        return {"tool_calls": self._channel}

    def _on_register(self, mux: StreamMux) -> None:
        self._mux = mux

    def process(self, event: ProtocolEvent) -> bool:
        """Begin a call, or go on with one."""
        params = event["params"]
        if event["method"] != "tools" or tuple(params["namespace"]) != self.scope:
            return True
        told = params["data"]
        key, kind = told["tool_call_id"], told["event"]
        if kind == "tool-started":
            call = self._open[key] = ToolCallStream(key, told["tool_name"], told.get("input"))
            deltas = call.output_deltas
            deltas.bind(self._mux.is_async)
            deltas.pump, deltas.apump = self._mux.pump, self._mux.apump
            self._channel.push(call)
        elif key in self._open:
            call = self._open[key]
            if kind == "tool-output-delta":
                call.output_deltas.push(told["delta"])
            else:
                call.output, call.error = told.get("output"), told.get("message")
                call.completed = True
                call.output_deltas.close()
                del self._open[key]
        return True

    def finalize(self) -> None:
        """End the calls that are in progress: their tools ask a human."""
        for call in self._open.values():
            call.output_deltas.close()

    def fail(self, err: BaseException) -> None:
        """End them with what the run failed with."""
        for call in self._open.values():
            call.output_deltas.fail(err)
