"""
What the tests of durable runs share: a thread that is kept by any saver and driven in either colour.

Rule: a call opens the saver anew, so that whatever it knows of the call before has come out of the store.
"""

from __future__ import annotations

import asyncio
import operator
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from typing_extensions import TypedDict

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from otgraph.graph import START, StateGraph
from otgraph.telemetry import ExportedSpan, TelemetryOptions, read_otlp
from otgraph.tracing import names
from otgraph.types import interrupt

from .kept import Kept

__all__ = ["Durable", "State", "Trace", "asker", "interrupted"]


class State(TypedDict, total=False):
    """What the graphs work on."""

    log: Annotated[list[Any], operator.add]


def asker(*questions: Any) -> Any:
    """Return a node that asks one question after another, and logs the answers."""
    return lambda state: {"log": [interrupt(question) for question in questions]}


def chained(*nodes: tuple[str, Any]) -> Any:
    """Return a graph of nodes one after another, not compiled."""
    graph = StateGraph(State)
    before = START
    for name, node in nodes:
        graph.add_node(name, node).add_edge(before, name)
        before = name
    return graph


interrupted = chained(("a", lambda state: {"log": ["a"]}), ("ask", asker("why?")))
"""A graph that waits for a human in its second superstep."""


class Trace:
    """The spans of one call, as an OTLP exporter sends them."""

    def __init__(self, spans: Sequence[ReadableSpan]) -> None:
        self.spans: list[ExportedSpan] = list(read_otlp(encode_spans(spans).SerializeToString()))

    @property
    def run(self) -> ExportedSpan:
        """The span of the root run."""
        (found,) = [span for span in self.named(names.RUN_SPAN) if names.NESTED not in span["attributes"]]
        return found

    def named(self, start: str) -> list[ExportedSpan]:
        """Return the spans whose names begin so, in the order in which they started."""
        found = [span for span in self.spans if span["name"].startswith(start)]
        return sorted(found, key=lambda span: span["attributes"][names.SEQ])

    def one(self, name: str) -> ExportedSpan:
        """Return the only span of that name."""
        (found,) = [span for span in self.spans if span["name"] == name]
        return found


class Durable:
    """
    One thread of one store.

    Args:
        colour: `threads` or `asyncio`.
        kind: `memory` or `sqlite`.
        folder: for the file.
    """

    def __init__(self, colour: str, kind: str, folder: Path) -> None:
        self.colour = colour
        self._memory = InMemorySaver() if kind == "memory" else None
        self._file = folder / "thread.db"

    def call(self, graph: Any, given: Any, *, kept: Kept | None = None, **options: Any) -> Trace:
        """Run a graph on the thread by a provider of its own, and return what that exported."""
        kept = kept or Kept()
        before = len(kept.exporter.get_finished_spans())
        wanted = options.pop("telemetry", {})
        telemetry = TelemetryOptions(**{"provider": kept.provider, **wanted})
        self.chunks(graph, given, telemetry=telemetry, **options)
        return Trace(kept.exporter.get_finished_spans()[before:])

    def chunks(self, graph: Any, given: Any, **options: Any) -> list[Any]:
        """Return the chunks of a run on the thread; where it fails, its exception is the last."""
        return asyncio.run(self._chunks(graph, given, **options))

    async def _chunks(
        self,
        graph: Any,
        given: Any,
        *,
        checkpoint_id: str | None = None,
        compiled: Any = None,
        **options: Any,
    ) -> list[Any]:
        named = {"checkpoint_id": checkpoint_id} if checkpoint_id else {}
        config = {"configurable": {"thread_id": "7", **named}}
        options = {"stream_mode": "values", **options}
        chunks: list[Any] = []
        try:
            async with self._opened() as saver:
                ready = graph.compile(checkpointer=saver, name="g", **(compiled or {}))
                if self.colour == "threads":
                    for chunk in ready.stream(given, config, **options):
                        chunks.append(chunk)
                else:
                    async for chunk in ready.astream(given, config, **options):
                        chunks.append(chunk)
        except Exception as error:
            chunks.append(error)
        return chunks

    def with_graph(self, graph: Any, use: Any) -> Any:
        """Return what a function makes of the compiled graph; it calls methods that are not asynchronous."""

        async def call() -> Any:
            async with self._opened() as saver:
                return use(graph.compile(checkpointer=saver, name="g"))

        return asyncio.run(call())

    def saved(self, ns: str | None = "") -> list[Any]:
        """Return what the store has of the thread, the newest first."""

        async def read() -> list[Any]:
            async with self._opened() as saver:
                place = {} if ns is None else {"checkpoint_ns": ns}
                return list(saver.list({"configurable": {"thread_id": "7", **place}}))

        return asyncio.run(read())

    def spoil(self, carrier: Any) -> None:
        """Give all checkpoints another `__otgraph`, and forget who left them."""

        async def write() -> None:
            async with self._opened() as saver:
                found = list(saver.list({"configurable": {"thread_id": "7", "checkpoint_ns": ""}}))
                saver.delete_thread("7")
                for each in reversed(found):
                    parent = each.parent_config or {"configurable": {"thread_id": "7", "checkpoint_ns": ""}}
                    metadata = {**each.metadata, "__otgraph": carrier}
                    config = saver.put(parent, each.checkpoint, metadata, each.checkpoint["channel_versions"])
                    for task, channel, value in each.pending_writes:
                        if "__otgraph" not in repr(value):
                            saver.put_writes(config, [(channel, value)], task)

        asyncio.run(write())

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Any]:
        if self._memory is not None:
            yield self._memory
        elif self.colour == "threads":
            with SqliteSaver.from_conn_string(self._file) as saver:
                yield saver
        else:
            async with AsyncSqliteSaver.from_conn_string(self._file) as saver:
                yield saver
