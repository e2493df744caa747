"""
What the processes of the workload do.

    python -m backends.stories STORY FOLDER

A story is told in a process of its own, which sends its telemetry where the standard OTEL_* variables say, and writes
down, for each trace, every span that it has ended: the truth that the servers are held to.

Rule: what a story does, and how often, is in `STORIES`; how it ends is in `backends.workload`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from backends import graphs
from otgraph.checkpoint.memory import InMemorySaver
from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.errors import GraphRecursionError
from otgraph.graph.state import CompiledStateGraph
from otgraph.stream.view import Buffer
from otgraph.telemetry import Price, TelemetryOptions, setup
from otgraph.types import Command

__all__ = ["SECRETS", "STORIES"]

PRICES: Final = {"scripted-1": Price(input=1.0, output=2.0)}


SECRETS: Final = ("Heartbreak House", "sk-proj-A1b2C3d4E5f6G7h8", "jane.doe@example.com", "hunter2hunter2")
"""Something private, which nothing tells from other words; a key; an address; a password."""


class Witness(SpanProcessor):
    """Writes down the spans that end."""

    def __init__(self) -> None:
        self.traces: dict[str, list[dict[str, Any]]] = {}

    def on_end(self, span: ReadableSpan) -> None:
        """Note a span under its trace."""
        context, attributes = span.get_span_context(), span.attributes or {}
        assert context is not None
        self.traces.setdefault(f"{context.trace_id:032x}", []).append(
            {
                "id": f"{context.span_id:016x}",
                "parent": span.parent and f"{span.parent.span_id:016x}",
                "links": [f"{link.context.trace_id:032x}:{link.context.span_id:016x}" for link in span.links],
                "name": span.name,
                "workflow": attributes.get("gen_ai.workflow.name"),
                "outcome": attributes.get("otgraph.outcome"),
            }
        )


def survey(folder: Path) -> None:
    """Forty runs that go well."""
    graph = graphs.survey()
    for number in range(40):
        graph.invoke({"number": number})


def crowd(folder: Path) -> None:
    """Thirty runs that go well, all at once."""

    async def together() -> None:
        graph = graphs.crowd()
        await asyncio.gather(*(graph.ainvoke({}) for _ in range(30)))

    asyncio.run(together())


def division(folder: Path) -> None:
    """Seven runs that fail."""
    for _ in range(7):
        with suppress(ZeroDivisionError):
            graphs.division().invoke({})


def fetch(folder: Path) -> None:
    """Five runs that try a node three times."""
    graph = graphs.fetch()
    for _ in range(5):
        graph.invoke({})


def question(folder: Path) -> None:
    """Six runs that stop to ask."""
    with SqliteSaver.from_conn_string(str(folder / "threads.sqlite")) as saver:
        for thread in range(6):
            graphs.approval(saver).invoke({}, _thread(thread))


def answer(folder: Path) -> None:
    """Four of them go on: three are told yes, one is told no and fails."""
    with SqliteSaver.from_conn_string(str(folder / "threads.sqlite")) as saver:
        for thread, said in enumerate(("yes", "yes", "yes", "no")):
            with suppress(PermissionError):
                graphs.approval(saver).invoke(Command(resume=said), _thread(thread))


def late(folder: Path) -> None:
    """A run that stops to ask, and goes on in the same trace when the Collector has long decided about it."""
    graph = graphs.approval(InMemorySaver(), "late")
    graph.invoke({}, _thread(0))
    time.sleep(10.0)
    graph.invoke(Command(resume="yes"), _thread(0), telemetry=TelemetryOptions(trace_resume="continue"))


def _thread(number: int) -> Any:
    return {"configurable": {"thread_id": f"thread-{number}"}}


def feed(folder: Path) -> None:
    """Three streams that are left in the middle."""
    for _ in range(3):
        stream = graphs.feed().stream({"number": 0}, stream_mode="values")
        next(stream), next(stream)
        stream.close()


def endless(folder: Path) -> None:
    """Two runs that hit the recursion limit."""
    for _ in range(2):
        _run_out(graphs.endless(), 5)


def _run_out(graph: CompiledStateGraph[Any, Any, Any, Any], limit: int) -> None:
    with suppress(GraphRecursionError):
        graph.invoke({"number": 0}, {"recursion_limit": limit})


def matryoshka(folder: Path) -> None:
    """Four runs of graphs in graphs, two of which fail in the innermost."""
    for number in range(4):
        with suppress(LookupError):
            graphs.matryoshka().invoke({"fails": number % 2 == 1})


def wide(folder: Path) -> None:
    """A run of five hundred tasks at once, one of which is tried twice."""
    graphs.wide(500).invoke({})


def diary(folder: Path) -> None:
    """Five runs whose every step is saved."""
    graph = graphs.survey("diary", InMemorySaver())
    for number in range(5):
        graph.invoke({"number": number}, _thread(number), durability="sync")


def board(folder: Path) -> None:
    """Three streams of a hundred items whose reader is too slow for all but eight."""

    async def read() -> int:
        stream = graphs.board(100).astream({}, stream_mode="custom", buffer=Buffer(8, "drop_oldest"))
        return len([chunk async for chunk in stream])

    for _ in range(3):
        assert asyncio.run(read()) == 8


def slow(folder: Path) -> None:
    """A run that takes longer than the Collector's threshold."""
    graphs.pause("slow").invoke({"seconds": 5.0})


def long(folder: Path) -> None:
    """A run that goes on after the Collector has decided on its trace."""
    graphs.pause("long").invoke({"seconds": 12.0})


def librarian(folder: Path) -> None:
    """Five runs of an agent, each with two calls of its model and of its tools, one of which fails."""
    from backends.agent import librarian

    for _ in range(5):
        question = {"messages": [("user", "Where is Emma?")]}
        librarian().invoke(question, telemetry=TelemetryOptions(prices=PRICES))


def giant(folder: Path) -> None:
    """One run of five thousand steps, which makes a trace of ten thousand spans."""
    _run_out(graphs.endless("giant"), 5000)


def secrets(folder: Path) -> None:
    """Two runs full of `SECRETS`, with content capture on; they fail, so that they are kept."""
    from backends.agent import librarian

    telemetry = TelemetryOptions(capture=True)
    config: Any = {"tags": [SECRETS[1]], "metadata": {"contact": SECRETS[2]}}
    with suppress(RuntimeError):
        graphs.leak(*SECRETS).invoke({}, config, telemetry=telemetry)
    librarian(SECRETS[0]).invoke({"messages": [("user", f"Where is {SECRETS[0]}?")]}, telemetry=telemetry)


def heavy(folder: Path) -> None:
    """A run whose state is a megabyte, and whose exception is long, with content capture on."""
    with suppress(MemoryError):
        graphs.heavy(1_000_000).invoke({}, telemetry=TelemetryOptions(capture=True))


STORIES: Final[dict[str, Callable[[Path], None]]] = {
    story.__name__: story
    for story in (
        *(survey, crowd, division, fetch, question, answer, late, feed, endless),
        *(matryoshka, wide, diary, board, slow, long, librarian, giant, secrets, heavy),
    )
}


def main(name: str, folder: Path) -> None:
    """Tell a story and write `NAME.json`, the spans of each trace."""
    setup("workload")
    witness, provider = Witness(), trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(witness)
    STORIES[name](folder)
    # Spans get more time than at the end of a process, for machines that are busy. Metrics are exported at that end and
    # not before: a second export has no exemplars any more, and takes the place of the first.
    assert provider.force_flush(300_000)
    (folder / f"{name}.json").write_text(json.dumps(witness.traces))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
