"""
Cases with a saver: each engine on its own saver of the same kind.

Rule: what a run saved does not slow down the next one. Each has a thread of its own, or reads one that stays as it is.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from itertools import count
from typing import Any, Final

from benchmarks import graphs
from benchmarks.engine import Bench
from benchmarks.runs import NOTHING, Figures, Run, expect

__all__ = ["HISTORY", "SAVED", "TURNS"]

HISTORY = 1_000
"""Checkpoints of the history that is read."""

TURNS = 1_000
"""Turns of the long conversation."""

_open = ExitStack()
"""Holds what a worker keeps open until it ends."""


def _thread(name: object) -> dict[str, Any]:
    return {"configurable": {"thread_id": str(name)}, "recursion_limit": HISTORY + 10}


def _fresh() -> dict[str, Any]:
    return {"n": 0, "log": []}


def _file() -> str:
    folder = _open.enter_context(tempfile.TemporaryDirectory(prefix="otgraph-benchmarks-"))
    return os.path.join(folder, "checkpoints.db")


def _saver(bench: Bench, kind: str) -> Any:
    if kind == "memory":
        return bench.engine.InMemorySaver()
    return _open.enter_context(bench.engine.SqliteSaver.from_conn_string(_file()))


def _chain(bench: Bench, kind: str, mode: str | None = None) -> Run:
    """Each run's thread is deleted at its end."""
    saver = _saver(bench, kind)
    app = graphs.chain(bench.engine, saver=saver)
    threads = count()

    def run() -> Figures:
        config = _thread(next(threads))
        chunks = 0
        if mode is None:
            expect(graphs.LENGTH, app.invoke(_fresh(), config)["n"])
        else:
            chunks = sum(1 for _ in app.stream(_fresh(), config, stream_mode=mode))
            expect(graphs.LENGTH + 2, chunks)
        saver.delete_thread(config["configurable"]["thread_id"])
        return {"chunks": chunks}

    return run


def _achain(bench: Bench) -> Run:
    """The file is opened anew in each run: a connection belongs to the event loop that it was opened on."""
    path = _file()
    saver_type = bench.engine.AsyncSqliteSaver
    threads = count()

    async def run() -> Figures:
        async with saver_type.from_conn_string(path) as saver:
            app = graphs.chain(bench.engine, colour="async", saver=saver)
            for _ in range(20):
                config = _thread(next(threads))
                expect(graphs.LENGTH, (await app.ainvoke(_fresh(), config))["n"])
                await saver.adelete_thread(config["configurable"]["thread_id"])
        return NOTHING

    return run


def _state(bench: Bench, kind: str) -> Run:
    app = graphs.chain(bench.engine, saver=_saver(bench, kind))
    app.invoke(_fresh(), _thread("read"))

    def run() -> Figures:
        expect(graphs.LENGTH, app.get_state(_thread("read")).values["n"])
        return NOTHING

    return run


def _history(bench: Bench, kind: str) -> Run:
    steps = HISTORY - 2  # and those of the input and of what it became
    app = graphs.loop(bench.engine, steps, mark=lambda _: None, saver=_saver(bench, kind))
    app.invoke({"n": 0}, _thread("read"), durability="sync")

    def run() -> Figures:
        expect(HISTORY, sum(1 for _ in app.get_state_history(_thread("read"))))
        return NOTHING

    return run


def _conversation(bench: Bench) -> Run:
    """A turn adds two messages, and is saved in a file; the whole list is in every checkpoint."""

    def run() -> Figures:
        path = _file()
        with bench.engine.SqliteSaver.from_conn_string(path) as saver:
            app = graphs.conversation(bench.engine, saver=saver)
            for turn in range(TURNS):
                state = app.invoke({"messages": [graphs.message("user", turn)]}, _thread("long"))
            expect(2 * TURNS, len(state["messages"]))
        size = os.path.getsize(path)
        os.remove(path)
        return {"bytes": size / TURNS, "turns": TURNS}

    return run


SAVED: Final[Mapping[str, Callable[[Bench], Run]]] = {
    "chain saved": partial(_chain, kind="memory"),
    "chain saved checkpoints": partial(_chain, kind="memory", mode="checkpoints"),
    "chain saved in sqlite": partial(_chain, kind="sqlite"),
    "chains saved in sqlite, async": _achain,
    **{f"state from {kind}": partial(_state, kind=kind) for kind in ("memory", "sqlite")},
    **{f"history from {kind}": partial(_history, kind=kind) for kind in ("memory", "sqlite")},
    "conversation": _conversation,
}
"""Name -> what prepares it; part of `CASES`."""
