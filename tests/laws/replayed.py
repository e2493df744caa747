"""
A watch over every stream of a process: each is recorded, exported, read back and replayed, and must be the same again.

Rule: what is compared is JSON of the live chunk, taken as it was handed out, with JSON of the replayed one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otgraph.events import Outcome
from otgraph.graph.session import Session
from otgraph.runtime import SCOPE
from otgraph.stream.envelope import check_modes
from otgraph.telemetry import TelemetryOptions, read_otlp, replay
from otgraph.tracing import names
from otgraph.tracing.payload import dumps

__all__ = ["Recorder", "line", "watched"]


class Recorder:
    """A provider of its own that keeps what is exported."""

    def __init__(self, **options: Any) -> None:
        self.exporter = InMemorySpanExporter()
        # The ring of the newest events is not what is tested here.
        self.provider = TracerProvider(span_limits=SpanLimits(max_events=100_000), shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.options = TelemetryOptions(provider=self.provider, capture=True, **options)

    @property
    def spans(self) -> tuple[Any, ...]:
        """What has been exported."""
        return self.exporter.get_finished_spans()

    def otlp(self) -> bytes:
        """Return what an OTLP exporter would have sent."""
        return encode_spans(self.spans).SerializeToString()

    def replayed(self, mode: Any, **wishes: Any) -> list[str]:
        """Return the chunks of a stream as the spans tell them."""
        return [line(chunk) for chunk in replay(read_otlp(self.otlp()), mode, run_id=self.run_id, **wishes)]

    @property
    def run_id(self) -> str:
        """The id of the run that began first; its nodes may have begun others with threads of their own."""
        return str(self._first[names.RUN_ID])

    @property
    def cut_off(self) -> bool:
        """Whether that run was cut off, as where its stream could not show what came next."""
        return bool(self._first[names.OUTCOME] == Outcome.CANCELLED)

    @property
    def _first(self) -> Any:
        return min(self.spans, key=lambda span: span.start_time).attributes


class _Watch:
    """One stream."""

    def __init__(
        self,
        make: Callable[[], Recorder],
        session: Session,
        mode: Any,
        version: str,
        wishes: dict[str, Any],
    ) -> None:
        self.recorder = make()
        session._given.telemetry = self.recorder.options
        self.mode = session._resolved(mode)
        self.version, self.wishes = version, wishes
        self.live: list[str] = []
        self.left = False
        """Whether its reader has left before its end."""

    def compare(self) -> tuple[list[str], list[str]] | None:
        """Return what was streamed and what is replayed; None if there is nothing to replay."""
        if not self.recorder.spans or {"messages", "spans"} & set(check_modes(self.mode)):
            return None
        told = self.recorder.replayed(
            self.mode, subgraphs=self.wishes.get("subgraphs", False), version=self.version
        )
        return self.live, told[: len(self.live)] if self.left or self.recorder.cut_off else told


def line(chunk: Any) -> str:
    """Return a chunk as text, with what a part of version 2 knows besides."""
    return f"{getattr(chunk, 'seq', '')} {getattr(chunk, 'attempt', '')} {getattr(chunk, 'task_id', '')} {dumps(chunk)}"


@contextmanager
def watched(
    report: Callable[[list[str], list[str]], None], make: Callable[[], Recorder] = Recorder
) -> Iterator[None]:
    """
    Have every stream of a root run, of either colour, recorded and replayed, and both told to `report`.

    Where a stream has come to no end of its own, as much is compared as was streamed.

    Args:
        make: makes who records it.
    """
    stream, astream = Session.stream, Session.astream

    def watched_stream(self: Session, mode: Any, version: str, **wishes: Any) -> Iterator[Any]:
        if SCOPE.get() is not None or self._given.telemetry is not None:
            yield from stream(self, mode, version, **wishes)
            return
        watch = _Watch(make, self, mode, version, wishes)
        inner = stream(self, mode, version, **wishes)
        try:
            for chunk in inner:
                watch.live.append(line(chunk))
                yield chunk
        except GeneratorExit:
            watch.left = True
            raise
        finally:
            inner.close()  # type: ignore[attr-defined]
            compared = watch.compare()
            if compared is not None:
                report(*compared)

    async def watched_astream(self: Session, mode: Any, version: str, **wishes: Any) -> AsyncIterator[Any]:
        if SCOPE.get() is not None or self._given.telemetry is not None:
            async for chunk in astream(self, mode, version, **wishes):
                yield chunk
            return
        watch = _Watch(make, self, mode, version, wishes)
        inner = astream(self, mode, version, **wishes)
        try:
            async for chunk in inner:
                watch.live.append(line(chunk))
                yield chunk
        except (GeneratorExit, asyncio.CancelledError):
            watch.left = True
            raise
        finally:
            await inner.aclose()
            compared = watch.compare()
            if compared is not None:
                report(*compared)

    Session.stream, Session.astream = watched_stream, watched_astream  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        Session.stream, Session.astream = stream, astream  # type: ignore[method-assign]
