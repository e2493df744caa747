"""What the tests of spans share: a provider that keeps what is exported, and a way to look at it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otgraph.telemetry import TelemetryOptions
from otgraph.tracing import names

__all__ = ["Kept", "drive", "streamed"]


class Kept:
    """
    A provider, and all spans that it exported.

    Args:
        capture: whether content is recorded.
        options: of the provider.
    """

    def __init__(self, *, capture: bool = False, **options: Any) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False, **options)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.options = TelemetryOptions(provider=self.provider, capture=capture)

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans, in the order in which they started."""
        return sorted(
            self.exporter.get_finished_spans(),
            key=lambda span: (span.start_time, span.attributes.get(names.SEQ, 0)),
        )

    def named(self, name: str) -> ReadableSpan:
        """Return the one span whose name ends in `name`."""
        (found,) = [span for span in self.spans if span.name.split()[-1] == name or span.name == name]
        return found

    def tree(self, show: Callable[[ReadableSpan], str] = lambda span: span.name) -> list[str]:
        """Return the spans, each indented below its parent."""
        children: dict[int, list[ReadableSpan]] = {}
        here = {span.context.span_id for span in self.spans}
        for span in self.spans:
            above = span.parent.span_id if span.parent is not None and span.parent.span_id in here else 0
            children.setdefault(above, []).append(span)
        lines: list[str] = []

        def walk(parent: int, depth: int) -> None:
            for span in children.get(parent, ()):
                lines.append("  " * depth + show(span))
                walk(span.context.span_id, depth + 1)

        walk(0, 0)
        return lines


def drive(graph: Any, colour: str, given: Any, *args: Any, **options: Any) -> Any:
    """Invoke a graph by either driver."""
    if colour == "threads":
        return graph.invoke(given, *args, **options)
    return asyncio.run(graph.ainvoke(given, *args, **options))


def streamed(graph: Any, colour: str, given: Any, *args: Any, **options: Any) -> Sequence[Any]:
    """Return the chunks of a run by either driver."""

    async def collect() -> list[Any]:
        return [chunk async for chunk in graph.astream(given, *args, **options)]

    if colour == "threads":
        return list(graph.stream(given, *args, **options))
    return asyncio.run(collect())
