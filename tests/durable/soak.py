"""
A process that runs graphs over and over, and measures what is left behind.

Run as `soak RUNS FILE`; prints a JSON object: what was there after a fifth of the runs, in the middle and at the end.
Rule: every thread has checkpoints, a question and an answer, and is deleted when it is done.
"""

from __future__ import annotations

import asyncio
import gc
import json
import operator
import sys
from collections import Counter, deque
from pathlib import Path
from typing import Annotated, Any, TypedDict

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.func import entrypoint, task
from otgraph.graph import START, StateGraph
from otgraph.telemetry import TelemetryOptions, set_telemetry
from otgraph.types import Command, Send, interrupt

REPEATS = 10
"""How often each of the graphs of a round is played."""


class State(TypedDict):
    log: Annotated[list[Any], operator.add]


class Dropped(SpanExporter):
    """Counts spans and lets them go."""

    count = 0

    def export(self, spans: Any) -> SpanExportResult:
        self.count += len(spans)
        return SpanExportResult.SUCCESS


def ask(state: State) -> State:
    return {"log": [interrupt({"about": len(state["log"])})]}


def graph(saver: Any) -> Any:
    """Return a graph with packets, a graph inside, and a question in it."""
    inner = StateGraph(State).add_node("ask", ask).add_node("end", lambda state: {"log": ["end"]})
    inner.add_edge(START, "ask").add_edge("ask", "end")
    builder = StateGraph(State)
    builder.add_node("plan", lambda state: {"log": ["plan"]})
    builder.add_node("work", lambda state: {"log": [state["item"]]})
    builder.add_node("inner", inner.compile())
    builder.add_edge(START, "plan")
    builder.add_conditional_edges("plan", lambda state: [Send("work", {"item": i}) for i in range(2)])
    builder.add_edge("work", "inner")
    return builder.compile(checkpointer=saver)


def function(saver: Any) -> Any:
    """Return an entrypoint that calls tasks and asks."""
    double = task(lambda number: number * 2, name="double")

    @entrypoint(checkpointer=saver)
    def work(number: int) -> Any:
        both = [double(number), double(number + 1)]
        return [interrupt("go on?"), *(future.result() for future in both)]

    return work


def play(app: Any, saver: Any, given: Any, name: str, colour: str) -> None:
    """Begin a thread, look at it, answer it, and delete it."""
    config: Any = {"configurable": {"thread_id": name}}
    if colour == "stream":
        assert list(app.stream(given, config, stream_mode=["updates", "checkpoints"]))
        assert app.get_state(config).interrupts
        assert list(app.stream(Command(resume="yes"), config, stream_mode=["values", "tasks"]))
    elif colour == "async":
        asyncio.run(answered(app, given, config))
    else:
        app.invoke(given, config, durability="sync")
        app.invoke(Command(resume="yes"), config)
        assert 2 <= len(list(app.get_state_history(config)))
    assert () == app.get_state(config).next
    saver.delete_thread(name)


async def answered(app: Any, given: Any, config: Any) -> None:
    await app.ainvoke(given, config)
    await app.ainvoke(Command(resume="yes"), config)


def round_of(savers: dict[Any, tuple[str, ...]], number: int) -> int:
    """Build graphs and play threads of every kind; return how many runs that were."""
    runs = 0
    for saver, colours in savers.items():
        for app, given in ((graph(saver), {"log": []}), (function(saver), 1)):
            for repeat in range(REPEATS):
                for colour in colours:
                    play(app, saver, given, f"{number}-{repeat}-{colour}", colour)
                    runs += 2
    return runs


def tables() -> dict[str, int]:
    """Return how many entries every container has that a module or class of otgraph keeps."""
    sizes: dict[str, int] = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] != "otgraph":
            continue
        for key, value in list(vars(module).items()):
            measure(f"{name}.{key}", value, sizes)
            if isinstance(value, type) and value.__module__ == name:
                for inner, held in list(vars(value).items()):
                    measure(f"{name}.{key}.{inner}", held, sizes)
            elif type(value).__module__.startswith("otgraph."):
                for inner, held in list(getattr(value, "__dict__", {}).items()):
                    measure(f"{name}.{key}.{inner}", held, sizes)
    return sizes


def measure(name: str, value: Any, into: dict[str, int]) -> None:
    if hasattr(value, "cache_info"):
        into[name] = value.cache_info().currsize
    elif (
        isinstance(value, (dict, list, set, deque))
        or hasattr(value, "__len__")
        and "Weak" in type(value).__name__
    ):
        into[name] = len(value)


def left_behind() -> dict[str, Any]:
    """Return the process's memory, otgraph's live objects and its tables."""
    for _ in range(3):
        gc.collect()
    objects = Counter(
        f"{type(each).__module__}.{type(each).__qualname__}"
        for each in gc.get_objects()
        if type(each).__module__.startswith("otgraph.")
    )
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {"pages": pages, "objects": objects, "everything": len(gc.get_objects()), "tables": tables()}


def main(runs: int, path: str) -> None:
    exporter = Dropped()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    set_telemetry(TelemetryOptions(provider=provider))
    memory = InMemorySaver()
    with SqliteSaver.from_conn_string(path) as sqlite:
        savers = {memory: ("invoke", "stream", "async"), sqlite: ("invoke", "stream")}
        done = number = 0
        marks = []
        for share in (0.2, 0.6, 1.0):
            while done < runs * share:
                done += round_of(savers, number)
                number += 1
            marks.append(left_behind())
    kept = [len(memory.storage), len(memory.writes), len(memory.blobs)]
    print(json.dumps({"runs": done, "spans": exporter.count, "kept": kept, "marks": marks}))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
