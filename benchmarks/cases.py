"""
What can be timed: each case is prepared once in a worker and then run again and again.

Rule: a case checks its own result. A run that came out wrong is an error, never a fast run.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from benchmarks import graphs
from benchmarks.engine import Bench
from benchmarks.models import MODELS
from benchmarks.runs import NOTHING, Figures, Run, expect
from benchmarks.saved import SAVED

__all__ = ["CASES", "CHAINS", "CONCURRENT", "EVENTS", "STEPS"]

EVENTS = 10_000
STEPS = 10_000
CONCURRENT = 1_000
CHAINS = 100
_THOUSAND = 1_000


def _fresh() -> dict[str, Any]:
    return {"n": 0, "log": []}


def _chain_invoke(bench: Bench, **graph: Any) -> Run:
    app = graphs.chain(bench.engine, **graph)

    def run() -> Figures:
        expect(graphs.LENGTH, app.invoke(_fresh())["n"])
        return NOTHING

    return run


def _chains_on_thread(bench: Bench) -> Run:
    """Processor time of the thread that runs the chain: what other threads do meanwhile does not count."""
    app = graphs.chain(bench.engine)

    def run() -> Figures:
        begin = time.thread_time()
        for _ in range(CHAINS):
            expect(graphs.LENGTH, app.invoke(_fresh())["n"])
        return {"thread": (time.thread_time() - begin) / CHAINS}

    return run


def _chain_ainvoke(bench: Bench, **graph: Any) -> Run:
    app = graphs.chain(bench.engine, colour="async", **graph)

    async def run() -> Figures:
        expect(graphs.LENGTH, (await app.ainvoke(_fresh()))["n"])
        return NOTHING

    return run


def _chain_stream(bench: Bench, mode: str | list[str], *, write: bool = False) -> Run:
    app = graphs.chain(bench.engine, write=write)

    def run() -> Figures:
        return _enough(sum(1 for _ in app.stream(_fresh(), stream_mode=mode)), mode)

    return run


def _chain_astream(bench: Bench, mode: str, *, write: bool = False) -> Run:
    app = graphs.chain(bench.engine, colour="async", write=write)

    async def run() -> Figures:
        chunks = 0
        async for _ in app.astream(_fresh(), stream_mode=mode):
            chunks += 1
        return _enough(chunks, mode)

    return run


def _enough(chunks: int, mode: str | list[str]) -> Figures:
    if chunks < graphs.LENGTH:
        raise AssertionError(f"{chunks} chunks of {mode!r} for {graphs.LENGTH} nodes")
    return {"chunks": chunks}


def _by_hand(bench: Bench) -> Run:
    from benchmarks.handwritten import run_by_hand

    def run() -> Figures:
        expect(graphs.LENGTH, run_by_hand()["n"])
        return NOTHING

    return run


def _fan_out(bench: Bench) -> Run:
    app = graphs.fan_out(bench.engine)

    def run() -> Figures:
        expect(graphs.FANOUT, len(app.invoke({"found": []})["found"]))
        return NOTHING

    return run


def _afan_out(bench: Bench) -> Run:
    app = graphs.fan_out(bench.engine, colour="async")

    async def run() -> Figures:
        expect(graphs.FANOUT, len((await app.ainvoke({"found": []}))["found"]))
        return NOTHING

    return run


def _calls(bench: Bench) -> Run:
    app = graphs.calls(bench.engine)

    def run() -> Figures:
        expect(graphs.FANOUT, app.invoke(graphs.FANOUT))
        return NOTHING

    return run


def _acalls(bench: Bench) -> Run:
    app = graphs.calls(bench.engine, colour="async")

    async def run() -> Figures:
        expect(graphs.FANOUT, await app.ainvoke(graphs.FANOUT))
        return NOTHING

    return run


def _events(bench: Bench) -> Run:
    get_stream_writer = bench.engine.get_stream_writer

    def node(state: graphs.Number) -> dict[str, int]:
        writer = get_stream_writer()
        for number in range(EVENTS):
            writer(number)
        return {"n": 1}

    app = graphs.one_node(bench.engine, node)

    def run() -> Figures:
        expect(EVENTS, sum(1 for _ in app.stream({"n": 0}, stream_mode="custom")))
        return {"chunks": EVENTS}

    return run


def _aevents(bench: Bench) -> Run:
    """The node awaits now and then, as a node that reads from a model does."""
    get_stream_writer = bench.engine.get_stream_writer

    async def node(state: graphs.Number) -> dict[str, int]:
        writer = get_stream_writer()
        for number in range(EVENTS):
            writer(number)
            if not number % 100:
                await asyncio.sleep(0)
        return {"n": 1}

    app = graphs.one_node(bench.engine, node)

    async def run() -> Figures:
        chunks = 0
        async for _ in app.astream({"n": 0}, stream_mode="custom"):
            chunks += 1
        expect(EVENTS, chunks)
        return {"chunks": EVENTS}

    return run


def _loop(bench: Bench) -> Run:
    """Processor time of the thread that runs the node: one run of a second has no peer to share its noise with."""
    marks: list[float] = []

    def mark(step: int) -> None:
        if not step % _THOUSAND:
            marks.append(time.thread_time())

    app = graphs.loop(bench.engine, STEPS + 1, mark=mark)

    def run() -> Figures:
        marks.clear()
        expect(STEPS + 1, app.invoke({"n": 0}, {"recursion_limit": STEPS + 10})["n"])
        return {"first": (marks[1] - marks[0]) / _THOUSAND, "last": (marks[-1] - marks[-2]) / _THOUSAND}

    return run


def _loop_memory(bench: Bench) -> Run:
    """Traced memory after the first thousand steps and after the last, exported spans let go of."""
    marks: list[int] = []

    def mark(step: int) -> None:
        if step in {_THOUSAND, STEPS}:
            bench.settle()
            gc.collect()
            marks.append(tracemalloc.get_traced_memory()[0])

    app = graphs.loop(bench.engine, STEPS + 1, mark=mark)

    def run() -> Figures:
        marks.clear()
        tracemalloc.start()
        try:
            expect(STEPS + 1, app.invoke({"n": 0}, {"recursion_limit": STEPS + 10})["n"])
        finally:
            tracemalloc.stop()
        return {"growth": (marks[-1] - marks[0]) / (STEPS - _THOUSAND)}

    return run


def _concurrent(bench: Bench) -> Run:
    app = graphs.chain(bench.engine, colour="async")

    async def run() -> Figures:
        ends = await asyncio.gather(*(app.ainvoke(_fresh()) for _ in range(CONCURRENT)))
        expect({graphs.LENGTH}, {end["n"] for end in ends})
        return NOTHING

    return run


def _import(bench: Bench, module: str | None) -> Run:
    """
    A whole process that imports `module`; with None, the process alone.

    All modules are compiled in the first run and kept in a folder of this case's own: how each was installed,
    and whether it may write beside its source, makes no difference.
    """
    command = [sys.executable, "-c", f"import {module}" if module else "pass"]
    compiled = tempfile.TemporaryDirectory(prefix="otgraph-benchmarks-")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def run() -> Figures:
        environment["PYTHONPYCACHEPREFIX"] = compiled.name
        subprocess.run(command, check=True, capture_output=True, env=environment)
        return NOTHING

    return run


_FOUR = ["values", "updates", "tasks", "debug"]

CASES: Final[Mapping[str, Callable[[Bench], Run]]] = {
    "chain": _chain_invoke,
    "chain async": _chain_ainvoke,
    "chains on their thread": _chains_on_thread,
    "chain by hand": _by_hand,
    **{f"chain {mode}": partial(_chain_stream, mode=mode) for mode in [*_FOUR, "spans"]},
    "chain all four": partial(_chain_stream, mode=_FOUR),
    **SAVED,
    **MODELS,
    "chain writing": partial(_chain_invoke, write=True),
    "chain writing async": partial(_chain_ainvoke, write=True),
    "chain writing custom": partial(_chain_stream, mode="custom", write=True),
    "chain writing custom async": partial(_chain_astream, mode="custom", write=True),
    "chain spans async": partial(_chain_astream, mode="spans"),
    "fan-out": _fan_out,
    "fan-out async": _afan_out,
    "calls": _calls,
    "calls async": _acalls,
    "events": _events,
    "events async": _aevents,
    "loop": _loop,
    "loop memory": _loop_memory,
    "concurrent": _concurrent,
    "import nothing": partial(_import, module=None),
    "import sdk": partial(_import, module="opentelemetry.sdk.trace"),
    "import otgraph": partial(_import, module="otgraph.graph"),
    "import otgraph, all": partial(_import, module="otgraph.graph.compiled"),
    "import langgraph": partial(_import, module="langgraph.graph"),
}
"""Name -> what prepares it. Asynchronous cases prepare a coroutine function."""
