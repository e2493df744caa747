"""Metrics of savers: what runs ask of them, how long it takes, how large a checkpoint is."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driven import Driven

from otgraph.checkpoint.base import BaseCheckpointSaver
from otgraph.checkpoint.memory import InMemorySaver
from otgraph.checkpoint.records import size_of
from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from otgraph.tracing import names

from .conftest import Measured
from .graphs import State, line

THREAD: Any = {"configurable": {"thread_id": "t"}}
INPUT: Any = {"log": []}


class Shelf(InMemorySaver):
    """A saver of somebody else's: its methods are slow, or fail, and it says no size."""

    fails = ""
    slow = 0.0

    def get_tuple(self, config: Any) -> Any:
        return super().get_tuple(config)

    def put(self, *args: Any) -> Any:
        time.sleep(self.slow)
        if self.fails == "put":
            raise OSError("the disk is full")
        return dict(super().put(*args))

    async def aput(self, *args: Any) -> Any:
        return self.put(*args)


def run(drive: Driven, measured: Measured, saver: Any, *, durability: Any = "sync") -> None:
    """Run two nodes, saved."""
    graph = line(a=drive.node(lambda state: {"log": ["a"]}), b=drive.node(lambda state: {"log": ["b"]}))
    drive.invoke(
        graph.compile(checkpointer=saver), INPUT, THREAD, durability=durability, telemetry=measured.options
    )


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_counts(drive: Driven, measured: Measured, durability: Any) -> None:
    """Every read and write that a run asks for is measured, whoever makes it and whenever; so is each size."""
    run(drive, measured, InMemorySaver(), durability=durability)
    counts = measured.counts(names.SAVE_DURATION)
    # The input, and what follows from it: `__start__`, a, b; each of the three has written something before that.
    saves = {("InMemorySaver", "put"): 4, ("InMemorySaver", "put_writes"): 3}
    if durability == "exit":
        saves = {("InMemorySaver", "put"): 1}
    assert {("get", "InMemorySaver"): 1, **{(op, who): n for (who, op), n in saves.items()}} == {
        tuple(sorted(labels)): count for labels, count in counts.items()
    } or counts == {("get", "InMemorySaver"): 1} | {(op, who): n for (who, op), n in saves.items()}
    assert {("InMemorySaver",): saves["InMemorySaver", "put"]} == measured.counts(names.SAVE_SIZE)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """Return a file for a database."""
    return tmp_path / "checkpoints.sqlite"


def test_the_size_is_that_in_the_file(drive: Driven, measured: Measured, file: Path) -> None:
    """What is recorded as size is what is stored of checkpoints; nothing was serialised to learn it."""
    if drive.sync:
        with SqliteSaver.from_conn_string(str(file)) as saver:
            run(drive, measured, saver)
    else:

        async def go() -> None:
            async with AsyncSqliteSaver.from_conn_string(str(file)) as saver:
                graph = line(
                    a=drive.node(lambda state: {"log": ["a"]}), b=drive.node(lambda state: {"log": ["b"]})
                )
                await graph.compile(checkpointer=saver).ainvoke(INPUT, THREAD, telemetry=measured.options)

        asyncio.run(go())
    connection = sqlite3.connect(file)
    try:
        ((stored, count),) = connection.execute(
            "SELECT sum(length(checkpoint) + length(metadata)), count(*) FROM checkpoints"
        )
    finally:
        connection.close()
    ((_, sizes),) = measured.points(names.SAVE_SIZE).items()
    assert (stored, count) == (sizes.sum, sizes.count)
    assert sizes.attributes == {names.SAVER: "SqliteSaver" if drive.sync else "AsyncSqliteSaver"}


def test_savers_of_others(drive: Driven, measured: Measured) -> None:
    """A saver that says nothing of a size has none; its time is that of the call."""
    saver = Shelf()
    saver.slow = 0.02
    run(drive, measured, saver)
    assert {} == measured.counts(names.SAVE_SIZE)
    (took,) = [point for labels, point in measured.points(names.SAVE_DURATION).items() if "put" in labels]
    assert took.min >= 0.02


def test_savers_that_fail(drive: Driven, measured: Measured) -> None:
    """What a saver raises is told by its class, and has no size."""
    saver = Shelf()
    saver.fails = "put"
    with pytest.raises(OSError, match="disk"):
        run(drive, measured, saver)
    failed = {labels: n for labels, n in measured.counts(names.SAVE_DURATION).items() if "OSError" in labels}
    assert {("OSError", "put", "Shelf"): 1} == failed
    assert {} == measured.counts(names.SAVE_SIZE)


def test_what_put_returns() -> None:
    """A config that knows a size is a config like any other."""
    saver: BaseCheckpointSaver[Any] = InMemorySaver()
    graph = line(a=lambda state: None).compile(checkpointer=saver)
    graph.invoke(INPUT, THREAD)
    found = saver.get_tuple(THREAD)
    assert found is not None
    config: Any = {"configurable": {"thread_id": "u", "checkpoint_ns": ""}}
    saved = saver.put(config, found.checkpoint, found.metadata, {})
    size = size_of(saved)
    assert size is not None
    assert size > 0
    assert saved == {
        "configurable": {"thread_id": "u", "checkpoint_ns": "", "checkpoint_id": found.checkpoint["id"]}
    }
    assert size_of(dict(saved)) is None


def test_errands_are_no_runs(drive: Driven, measured: Measured) -> None:
    """Reading and updating a thread is no run, and not measured."""

    def node(state: State) -> None:
        return None

    graph = line(a=drive.node(node)).compile(checkpointer=InMemorySaver(), telemetry=measured.options)
    drive.invoke(graph, INPUT, THREAD)
    before = measured.counts(names.SAVE_DURATION)
    graph.get_state(THREAD)
    graph.update_state(THREAD, {"log": ["x"]})
    assert before == measured.counts(names.SAVE_DURATION)
