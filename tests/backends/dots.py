"""
A service that goes on with a bit of everything, so that there are exemplars of everything.

    python -m backends.dots

An exemplar is exported once, after its measurement, and the next export takes its place: to see them, somebody has to
look meanwhile.

Rule: it works until its standard input is closed, and then prints the ids of all its traces.
"""

from __future__ import annotations

import asyncio
import json
import sys
import warnings
from threading import Event, Thread
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from backends import graphs
from backends.agent import librarian
from backends.mishaps import answer, runs
from otgraph.checkpoint.memory import InMemorySaver
from otgraph.telemetry import setup
from otgraph.types import Command


class Ids(SpanProcessor):
    """Notes the traces that there are."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def on_end(self, span: ReadableSpan) -> None:
        """Note the trace of a span."""
        context = span.get_span_context()
        assert context is not None
        self.seen.add(f"{context.trace_id:032x}")


def a_bit_of_everything(saver: InMemorySaver, number: int) -> None:
    """Have nodes wait for others, an agent call tools, a model stream, a human answer, and a reader read."""
    thread: Any = {"configurable": {"thread_id": str(number)}}
    asyncio.run(graphs.crowd().ainvoke({}))
    librarian().invoke({"messages": [("user", "Where is Emma?")]})
    runs("reader", answer).invoke({"number": 0})
    graphs.approval(saver).invoke({}, thread)
    graphs.approval(saver).invoke(Command(resume="yes"), thread)
    asyncio.run(read())


async def read() -> None:
    """Read what a node says."""
    async for _ in graphs.board(10).astream({}, stream_mode="custom"):
        pass


def main() -> None:
    """Work until standard input is closed."""
    warnings.simplefilter("ignore")
    setup("dots")
    provider, ids, over = trace.get_tracer_provider(), Ids(), Event()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(ids)
    Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    saver, number = InMemorySaver(), 0
    while not over.wait(0.2):
        a_bit_of_everything(saver, number)
        number += 1
    print(json.dumps(sorted(ids.seen)))


if __name__ == "__main__":
    main()
