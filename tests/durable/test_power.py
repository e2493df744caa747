"""
Power that is lost: what SQLite had not yet made sure of is gone, from some byte of the log on, or is garbage.

Rule: the disk is what a copy of the file and of a beginning of its log say. A process that is killed is another
matter, see `test_crash.py`: what it wrote stays with the system.
"""

from __future__ import annotations

import asyncio
import operator
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from opentelemetry.sdk.trace import TracerProvider
from otgraph_exporters.trace_store import TraceStore, TraceStoreProcessor

from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from otgraph.graph import START, StateGraph
from otgraph.telemetry import TelemetryOptions

STEPS = 12
FULL = 2
"""What SQLite calls the mode in which a commit waits until the disk has it."""


class State(TypedDict, total=False):
    done: Annotated[list[str], operator.add]


def build(sizes: list[int] | None = None, path: Path | None = None) -> StateGraph[Any]:
    """Return a chain of nodes, each of which notes how long the log was when it began."""
    builder = StateGraph(State)
    before = START
    for step in range(STEPS):

        def node(state: State, step: int = step) -> State:
            if sizes is not None and path is not None:
                sizes.append(log_of(path).stat().st_size)
            return {"done": [f"{step}" * 300]}

        node.__annotations__.clear()
        builder.add_node(f"n{step}", node)
        builder.add_edge(before, f"n{step}")
        before = f"n{step}"
    return builder


def log_of(path: Path) -> Path:
    """Return where SQLite keeps the log of a file."""
    return path.with_name(f"{path.name}-wal")


def left_over(path: Path, folder: Path, sure: list[int]) -> Iterator[tuple[Path, int]]:
    """Yield what a loss of power may leave of a file, and how much of its log was left."""
    chance = random.Random(path.name)
    log = log_of(path).read_bytes()
    cuts = [*sure, *(chance.randrange(len(log)) for _ in range(25)), len(log)]
    for number, cut in enumerate(cuts):
        left = folder / f"{number}.db"
        shutil.copyfile(path, left)
        garbage = chance.randbytes(chance.choice([0, 0, 100, 9_000]))
        log_of(left).write_bytes(log[:cut] + garbage)
        yield left, cut


def place() -> Any:
    return {"configurable": {"thread_id": "t"}}


@pytest.mark.parametrize("colour", ["threads", "asyncio"])
def test_a_thread_goes_on_after_a_loss_of_power(colour: str, tmp_path: Path) -> None:
    """Wherever the log ends, the file is whole, and under `sync` has what was finished when the next step began."""
    path = tmp_path / "saved.db"
    sizes: list[int] = []
    folder = tmp_path / "left"
    folder.mkdir()

    def leave() -> list[tuple[Path, int]]:
        assert len(sizes) == STEPS
        assert sizes == sorted(set(sizes)), "the log began anew"
        return list(left_over(path, folder, sizes))

    async def run() -> list[tuple[Path, int]]:
        async with AsyncSqliteSaver.from_conn_string(path) as saver:
            graph = build(sizes, path).compile(checkpointer=saver)
            await graph.ainvoke({"done": ["in"]}, place(), durability="sync")
            return leave()

    if colour == "asyncio":
        found = asyncio.run(run())
    else:
        with SqliteSaver.from_conn_string(path) as saver:
            build(sizes, path).compile(checkpointer=saver).invoke(
                {"done": ["in"]}, place(), durability="sync"
            )
            found = leave()
    whole = ["in", *(f"{step}" * 300 for step in range(STEPS))]
    for left, cut in found:
        with closing(sqlite3.connect(left)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        with SqliteSaver.from_conn_string(left) as saver:
            graph = build().compile(checkpointer=saver)
            before = graph.get_state(place())
            done = before.values.get("done", [])
            assert whole[: len(done)] == done
            finished = sum(size <= cut for size in sizes)
            assert len(done) >= finished
            given = None if before.created_at else {"done": ["in"]}
            assert graph.invoke(given, place())["done"] == whole


@pytest.mark.parametrize("colour", ["threads", "asyncio"])
def test_commits_of_savers_wait_for_the_disk(colour: str, tmp_path: Path) -> None:
    """However SQLite was built, a saver that opens its file has SQLite wait for the disk at each commit."""
    path = tmp_path / "saved.db"

    async def ask() -> Any:
        async with AsyncSqliteSaver.from_conn_string(path) as saver:
            await saver.setup()
            return saver._database.connection.execute("PRAGMA synchronous").fetchone()

    if colour == "asyncio":
        assert asyncio.run(ask()) == (FULL,)
    else:
        with SqliteSaver.from_conn_string(path) as saver:
            saver.conn.execute("PRAGMA synchronous = NORMAL")
            saver.setup()
            assert saver.conn.execute("PRAGMA synchronous").fetchone() == (FULL,)


def test_the_callers_connection_keeps_what_the_caller_chose(tmp_path: Path) -> None:
    """A saver changes nothing about when a connection that was given to it waits for the disk."""
    with closing(sqlite3.connect(tmp_path / "saved.db", check_same_thread=False)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        SqliteSaver(connection).setup()
        assert connection.execute("PRAGMA synchronous").fetchone() == (0,)


def test_a_trace_store_is_whole_after_a_loss_of_power(tmp_path: Path) -> None:
    """Wherever the log ends, a trace store opens, and its runs are those that were there, from the first on."""
    path = tmp_path / "traces.db"
    folder = tmp_path / "left"
    folder.mkdir()
    provider = TracerProvider(shutdown_on_exit=False)
    processor = TraceStoreProcessor(path)
    provider.add_span_processor(processor)
    graph = build().compile(telemetry=TelemetryOptions(provider=provider, capture=True))
    sizes = []
    for _ in range(5):
        graph.invoke({"done": ["in"]})
        assert processor.force_flush()
        sizes.append(log_of(path).stat().st_size)
    with TraceStore(path) as store:
        runs = [run.run_id for run in reversed(store.runs())]
    assert sizes == sorted(set(sizes)), "the log began anew"
    found = list(left_over(path, folder, sizes))
    processor.shutdown()
    opened = 0
    for left, cut in found:
        with closing(sqlite3.connect(left)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            if not connection.execute("SELECT 1 FROM sqlite_master").fetchall():
                continue
        with TraceStore(left) as store:
            kept = [run.run_id for run in reversed(store.runs())]
            assert runs[: len(kept)] == kept
            assert len(kept) >= sum(size <= cut for size in sizes)
            for run in kept[:-1]:
                assert len(store.spans(run)) == 1 + 2 * STEPS
        opened += 1
    assert opened > 5
