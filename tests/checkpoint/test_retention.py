"""What a saver lets go of by itself, and what it must not."""

from __future__ import annotations

import sqlite3
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.checkpoint.retention import Entry, Retention, doomed
from otgraph.checkpoint.serde.types import DeltaSnapshot
from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.ids import uuid6

from .savers import COLOURS, checkpoint, config, opened

SINCE = {"counters_since_delta_snapshot": {"d": [1, 1]}}


def entry(id: str, parent: str | None = None, ns: str = "", **metadata: Any) -> Entry:
    return Entry(ns, id, parent, metadata)


def test_the_newest_of_each_namespace_stay() -> None:
    """`keep_last` counts in each namespace by itself."""
    entries = [entry(str(n)) for n in range(5)] + [entry(str(n), ns="sub") for n in range(3)]
    expected = {("", "0"), ("", "1"), ("", "2"), ("sub", "0")}
    assert expected == doomed(entries, keep_last=2)


def test_the_old_go_but_not_the_last() -> None:
    """Of a thread in use, what is older than the cutoff goes, except the newest of each namespace."""
    entries = [entry("1"), entry("3"), entry("5"), entry("1", ns="memory"), entry("2", ns="memory")]
    assert {("", "1"), ("", "3"), ("memory", "1")} == doomed(entries, cutoff="4")


def test_an_idle_thread_goes_whole() -> None:
    """A thread whose newest checkpoint is too old goes with all namespaces."""
    entries = [entry("1"), entry("3", ns="sub")]
    assert {("", "1"), ("sub", "3")} == doomed(entries, cutoff="4")
    assert set() == doomed([], cutoff="4")


def test_a_subgraph_goes_with_its_task() -> None:
    """A task's namespace goes with the checkpoint it was planned from; a subgraph with a memory of its own stays."""
    parents = {"parents": {"": "1"}}
    entries = [
        entry("1"),
        entry("2", "1"),
        entry("1a", ns="n:task", **parents),
        entry("1b", "1a", ns="n:task", **parents),
        entry("1c", ns="n:task|m:task", parents={"": "1", "n:task": "1a"}),
        entry("1d", ns="memory", **parents),
        entry("2a", ns="n:other", parents={"": "2"}),
    ]
    gone = {("", "1"), ("n:task", "1a"), ("n:task", "1b"), ("n:task|m:task", "1c")}
    assert gone == doomed(entries, keep_last=1)
    assert {("", "1"), ("n:task", "1a")} == doomed(entries, keep_last=1, orphans=False)


def test_ancestors_of_deltas_stay() -> None:
    """As far as the newest checkpoint's channels are stored in ancestors, those stay."""
    two = {"counters_since_delta_snapshot": {"d": [1, 1], "e": [2, 2]}}
    entries = [
        entry("1"),
        entry("2", "1"),
        entry("3", "2", **two),
        entry("4", "3", **SINCE),
        entry("5", "4", **two),
    ]
    assert {("", "1")} == doomed(entries, keep_last=1)
    entries[-1] = entry("5", "4", **SINCE)
    assert {("", "1")} == doomed(entries, keep_last=1)
    entries[-1] = entry("5", "4")
    assert {("", name) for name in "1234"} == doomed(entries, keep_last=1)


def test_a_broken_chain_is_no_trap() -> None:
    """An ancestor that is gone, or is its own, ends the search for what is needed."""
    assert {("", "2")} == doomed([entry("2"), entry("3", "1", **SINCE)], keep_last=1)
    loop = [entry("3", "4", **SINCE), entry("4", "3", **SINCE), entry("1")]
    assert {("", "1")} == doomed(loop, keep_last=1)


ids = st.integers(0, 9).map(str)
unsaved = st.sets(st.sampled_from("de")).map(lambda channels: {channel: [1, 1] for channel in channels})
entries = st.lists(
    st.builds(
        lambda name, parent, ns, counters: entry(name, parent, ns, counters_since_delta_snapshot=counters),
        ids,
        st.none() | ids,
        st.sampled_from(["", "sub"]),
        unsaved,
    ),
    max_size=20,
)


@given(entries, st.integers(1, 5), ids)
def test_nothing_that_is_needed_goes(entries: list[Entry], keep_last: int, cutoff: str) -> None:
    """Whatever the thread looks like: the newest stay, and their channels can be rebuilt as far as before."""
    by_place = {(e.ns, e.id): e for e in entries}
    gone = doomed(entries, keep_last=keep_last, cutoff=cutoff)
    assert gone <= by_place.keys()
    if by_place and max(name for _, name in by_place) < cutoff:
        assert by_place.keys() == gone
        return
    for ns in {ns for ns, _ in by_place}:
        newest = max(name for at, name in by_place if at == ns)
        for channel in "de":
            assert rebuilt(by_place, (ns, newest), channel, set()) <= by_place.keys() - gone


def rebuilt(by_place: Any, place: Any, channel: str, met: set[Any]) -> set[Any]:
    """Return the places that are read to rebuild a channel at `place`."""
    found = by_place.get(place)
    if found is None or place in met:
        return met
    met.add(place)
    return rebuilt(by_place, (place[0], found.parent), channel, met) if channel in found.unsaved else met


@given(st.floats(0, 4e9), st.floats(0.001, 4e9))
def test_the_cutoff_is_a_time(now: float, ttl: float) -> None:
    """Cutoffs grow with time and shrink with the time to live."""
    assert Retention(ttl=ttl).cutoff(now) <= Retention(ttl=ttl).cutoff(now + 1)
    assert Retention(ttl=ttl + 1).cutoff(now) <= Retention(ttl=ttl).cutoff(now)


def test_the_cutoff_divides_ids_by_age() -> None:
    """An id made now is older than none a second ago, and than all in a second."""
    now = time.time()
    assert Retention(ttl=1).cutoff(now) < uuid6() < Retention(ttl=1).cutoff(now + 2)
    assert "" == Retention(keep_last=1).cutoff(now)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"keep_last": 0}, "keep_last must be at least 1, not 0"),
        ({"ttl": 0}, "ttl must be more than 0 seconds, not 0"),
        ({"ttl": timedelta(seconds=-1)}, "ttl must be more than 0 seconds"),
        ({"ttl": float("nan")}, "ttl must be more than 0 seconds"),
    ],
)
def test_limits_that_leave_nothing_are_refused(wrong: Any, message: str, tmp_path: Path) -> None:
    """A limit below the smallest is an error of the constructor."""
    with pytest.raises(ValueError, match=message):
        InMemorySaver(**wrong)
    with (
        pytest.raises(ValueError, match=message),
        SqliteSaver.from_conn_string(tmp_path / "x", **wrong),
    ):
        pass


@pytest.mark.parametrize("colour", COLOURS)
async def test_a_saver_that_is_refused_leaves_no_file_open(
    colour: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection that was opened for it is closed."""
    made: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def noting(*args: Any, **options: Any) -> sqlite3.Connection:
        made.append(connect(*args, **options))
        return made[-1]

    monkeypatch.setattr(sqlite3, "connect", noting)
    with pytest.raises(ValueError, match="keep_last"):
        async with opened(colour, tmp_path, keep_last=0):
            pass
    for connection in made:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")
    assert len(made) == ("sqlite" in colour)


@pytest.mark.parametrize("colour", COLOURS)
async def test_a_saver_keeps_the_last(colour: str, tmp_path: Path) -> None:
    """After each `put` a namespace has no more than `keep_last` checkpoints, with their writes."""
    async with opened(colour, tmp_path, keep_last=3) as saver:
        parent = None
        for turn in range(8):
            await saver.save(str(turn), {"a": turn}, parent=parent, versions={"a": turn})
            await saver.write(str(turn), [("a", turn)])
            await saver.save(str(turn), ns="memory")
            parent = str(turn)
            assert [str(n) for n in range(turn, max(-1, turn - 3), -1)] == await saver.ids(config())
        assert ["7", "6", "5"] == await saver.ids(config(ns="memory"))
        assert {"a": 5} == (await saver.found("5")).checkpoint["channel_values"]
        await saver.save("4")
        assert ["7", "6", "5"] == await saver.ids(config())
        await saver.save("45", thread="u")
        await saver.save("4", thread="u")
        assert [] == (await saver.found("4", "u")).pending_writes


@pytest.mark.parametrize("colour", COLOURS)
async def test_a_saver_keeps_what_deltas_need(colour: str, tmp_path: Path) -> None:
    """With `keep_last=1` the ancestors up to the last stored value stay, until there is a new one."""
    async with opened(colour, tmp_path, keep_last=1) as saver:
        await saver.save("1", {"d": DeltaSnapshot([0])})
        for turn in (2, 3, 4):
            await saver.write(str(turn - 1), [("d", turn)])
            await saver.save(str(turn), parent=str(turn - 1), versions={"d": turn}, metadata=SINCE)
        assert ["4", "3", "2", "1"] == await saver.ids(config())
        history = (await saver.history(config(), ["d"]))["d"]
        assert (DeltaSnapshot([0]), [2, 3, 4]) == (
            history["seed"],
            [value for _, _, value in history["writes"]],
        )
        await saver.save("5", {"d": DeltaSnapshot([9])}, parent="4", versions={"d": 5})
        assert ["5"] == await saver.ids(config())


@pytest.mark.parametrize("colour", COLOURS)
async def test_a_saver_lets_old_checkpoints_and_idle_threads_go(colour: str, tmp_path: Path) -> None:
    """After `ttl` what was followed goes with the thread's next checkpoint, and idle threads with anybody's."""
    async with opened(colour, tmp_path, ttl=timedelta(seconds=0.4)) as saver:
        for thread in ("idle", "busy"):
            await saver.save(uuid6(), {"a": 1}, thread=thread)
            await saver.save(uuid6(), {"a": 1}, thread=thread, ns="memory")
            await saver.save(last := uuid6(), {"a": 1}, thread=thread)
            await saver.write(last, [("a", 1)], thread=thread)
        assert 6 == len(await saver.list(None))
        time.sleep(0.6)
        await saver.save(newest := uuid6(), {"a": 2}, thread="busy", versions={"a": 2})
        left = {(thread, ns) for thread, ns, _ in await saver.places()}
        assert {("busy", ""), ("busy", "memory")} == left
        assert [newest] == await saver.ids(config(thread="busy"))


def test_memory_stays_flat() -> None:
    """A long thread in a saver with `keep_last` keeps few values, writes and checkpoints."""
    saver = InMemorySaver(keep_last=5)
    for turn in range(300):
        name = f"{turn:04}"
        saver.put(config(), checkpoint(name, {"a": turn}, {"a": turn}), {}, {"a": turn})
        saver.put_writes(config(name), [("a", turn)], "task")
    assert 5 == len(saver.storage["t"][""])
    assert 6 >= len(saver.writes)
    assert 12 >= len(saver.blobs)
