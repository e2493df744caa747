"""Threads that old releases of LangGraph have left: they go on here, from where they stopped."""

from __future__ import annotations

import asyncio
import gzip
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from otgraph.engine.migrate import migrate, place_of_packets
from otgraph.graph import START, StateGraph
from otgraph.types import Command

from .fixtures.old_threads import CALLS, THREADS, State, build

FIXTURES = Path(__file__).parent / "fixtures"
OLDEST = "0.2.28"
RELEASES = ["0.2.53", "0.3.18", "0.3.22", "0.3.34", "0.4.10", "0.6.11"]

CHAIN = ["in", "a", "b", "c"]
PACKETS = ["in", "other", "split", "w3", "w1", "w2", "end"]
EXPECTED: dict[str, tuple[list[str], list[str], list[str]]] = {
    "chain, done": ([], [], CHAIN),
    "chain, before a": (["a"], ["a", "b", "c"], CHAIN),
    "chain, before b": (["b"], ["b", "c"], CHAIN),
    "chain, after b": (["c"], ["c"], CHAIN),
    "chain, c failed": (["c"], ["c"], CHAIN),
    "join, a2 failed": (["a2"], ["a2", "c"], ["in", "a1", "b", "a2", "c"]),
    "join, before c": (["c"], ["c"], ["in", "a1", "b", "a2", "c"]),
    "branch, before both": (["b", "c"], ["b", "c"], CHAIN),
    "branch, c failed": (["c"], ["c"], CHAIN),
    "entry, before b": (["b"], ["b"], ["in", "b"]),
    "packets, before": (["work"] * 3, ["end", "w1", "w2", "w3"], PACKETS),
    "packets, w2 failed": (["work"], ["end", "w2"], PACKETS),
    "question": (["ask"], ["ask"], ["in", "first", "A", "side"]),
    "question inside": (["sub"], ["ask"], ["in", "pre", "in", "pre", "first", "A", "side"]),
}
"""Thread -> what is due, what runs when it goes on, and the words at the end."""

IN_TURN = ["in", "split", "other", "w1", "w2", "w3", "end"]
EXPECTED_OF_OLDEST = {
    **EXPECTED,
    "packets, before": (["work"] * 3, ["end", "w1", "w2", "w3"], IN_TURN),
    "packets, w2 failed": (["work"] * 2, ["end", "w2", "w3"], IN_TURN),
}
"""The same where nobody could be asked yet, and packets followed those who sent them."""


def restored(release: str, path: Path) -> Path:
    """Return a file with the threads that a release made."""
    connection = sqlite3.connect(path)
    connection.executescript(gzip.decompress((FIXTURES / f"{release}.sql.gz").read_bytes()).decode())
    connection.close()
    return path


def place(thread: str) -> Any:
    return {"configurable": {"thread_id": thread}}


@pytest.mark.parametrize("colour", ["threads", "asyncio"])
@pytest.mark.parametrize(
    ("release", "thread"),
    [
        (release, thread)
        for release in (OLDEST, *RELEASES)
        for thread in THREADS
        if release != OLDEST or "question" not in thread
    ],
)
def test_a_thread_goes_on(release: str, colour: str, thread: str, tmp_path: Path) -> None:
    """The same is due as then, what is finished is not done again, and questions are still there to be answered."""
    path = restored(release, tmp_path / "old.db")
    due, calls, words = (EXPECTED_OF_OLDEST if release == OLDEST else EXPECTED)[thread]
    given = Command(resume="A") if "question" in thread else None
    CALLS.clear()
    if colour == "threads":
        with SqliteSaver.from_conn_string(path) as saver:
            graph = build("otgraph", THREADS[thread][0]).compile(checkpointer=saver)
            before = graph.get_state(place(thread))
            told = graph.invoke(given, place(thread))
    else:
        before, told = asyncio.run(go_on(path, thread, given))
    assert due == list(before.next)
    assert calls == sorted(CALLS)
    assert words == told["words"]
    assert ["?"] * ("question" in thread) == [question.value for question in before.interrupts]


async def go_on(path: Path, thread: str, given: Any) -> Any:
    async with AsyncSqliteSaver.from_conn_string(path) as saver:
        graph = build("otgraph", THREADS[thread][0]).compile(checkpointer=saver)
        before = await graph.aget_state(place(thread))
        return before, await graph.ainvoke(given, place(thread))


@pytest.mark.parametrize("release", RELEASES)
def test_the_past_of_an_old_thread(release: str, tmp_path: Path) -> None:
    """All states of the past are shown with what was due then and what it did, and each can be gone on from."""
    with SqliteSaver.from_conn_string(restored(release, tmp_path / "old.db")) as saver:
        graph = build("otgraph", "chain").compile(checkpointer=saver)
        states = list(graph.get_state_history(place("chain, done")))
        assert [(), ("c",), ("b",), ("a",), ("__start__",)] == [state.next for state in states]
        assert ["c", "b", "a"] == [state.tasks[0].result["words"][0] for state in states[1:4]]
        for state in states[1:]:
            assert CHAIN == graph.invoke(None, state.config)["words"]
        assert [*CHAIN, "u"] == graph.get_state(
            graph.update_state(states[0].config, {"words": ["u"]})
        ).values["words"]
        rows = saver.conn.execute(
            "SELECT checkpoint_id FROM checkpoints WHERE thread_id = 'chain, done'"
        ).fetchall()
    assert {state.config["configurable"]["checkpoint_id"] for state in states} < {row[0] for row in rows}


@pytest.mark.parametrize("release", RELEASES)
def test_reading_changes_nothing(release: str, tmp_path: Path) -> None:
    """What an old release stored stays byte for byte what it was, whatever is read or added."""
    path = restored(release, tmp_path / "old.db")
    query = "SELECT thread_id, checkpoint_id, checkpoint, metadata FROM checkpoints ORDER BY 1, 2"
    with closing(sqlite3.connect(path)) as connection:
        stored = set(connection.execute(query))
    with SqliteSaver.from_conn_string(path) as saver:
        for thread, (kind, _, _) in THREADS.items():
            graph = build("otgraph", kind).compile(checkpointer=saver)
            assert list(graph.get_state_history(place(thread)))
            graph.invoke({"words": ["new"]}, place(thread))
    with closing(sqlite3.connect(path)) as connection:
        assert stored < set(connection.execute(query))


def test_packets_among_the_writes_of_the_parent(tmp_path: Path) -> None:
    """Where the saver does not say which packets were pending, they are among the writes of the parent's tasks."""
    with SqliteSaver.from_conn_string(restored("0.3.34", tmp_path / "old.db")) as saver:
        found = saver.get_tuple(place("packets, before"))
        assert found is not None
        assert found.parent_config is not None
        parent = saver.get_tuple(found.parent_config)
    plan = build("otgraph", "packets").compile().plan
    told, _ = migrate(plan, found, None)
    assert place_of_packets(found) is None
    del found.checkpoint["pending_sends"]  # type: ignore[misc]
    assert found.parent_config == place_of_packets(found)
    again, _ = migrate(plan, found, parent)
    items = [
        sorted(packet.arg["item"] for packet in each.checkpoint["channel_values"]["__pregel_tasks"])
        for each in (told, again)
    ]
    assert ["w1", "w2", "w3"] == items[0] == items[1]
    assert place_of_packets(again) is None


def test_a_saver_that_lacks_packets(tmp_path: Path) -> None:
    """A run asks its saver for the parent of an old checkpoint if it does not know which packets were pending."""
    memory = InMemorySaver()
    with SqliteSaver.from_conn_string(restored("0.3.34", tmp_path / "old.db")) as saver:
        for found in reversed(list(saver.list(place("packets, before")))):
            checkpoint: Any = found.checkpoint
            del checkpoint["pending_sends"]
            memory.put(
                found.parent_config or found.config,
                checkpoint,
                found.metadata,
                checkpoint["channel_versions"],
            )
            for task, channel, value in found.pending_writes or ():
                memory.put_writes(found.config, [(channel, value)] * 1, f"{task}{channel}{value}")
    graph = build("otgraph", "packets").compile(checkpointer=memory)
    assert ("work",) * 3 == graph.get_state(place("packets, before")).next
    assert sorted(PACKETS) == sorted(graph.invoke(None, place("packets, before"))["words"])


def test_a_deferred_node_of_an_old_thread(tmp_path: Path) -> None:
    """A node that by now waits for all others is due all the same, where it was due then."""
    with SqliteSaver.from_conn_string(restored("0.2.53", tmp_path / "old.db")) as saver:
        builder = StateGraph(State)
        for name in "abc":
            builder.add_node(name, lambda state, name=name: {"words": [name]}, defer=name == "b")
        builder.add_edge(START, "a")
        builder.add_edge("a", "b")
        builder.add_edge("b", "c")
        graph = builder.compile(checkpointer=saver)
        assert CHAIN == graph.invoke(None, place("chain, before b"))["words"]
