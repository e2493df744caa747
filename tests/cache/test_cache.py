"""What every cache does, in memory and on disk."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otgraph.cache.base import BaseCache, FullKey
from otgraph.cache.memory import InMemoryCache
from otgraph.cache.sqlite import SqliteCache
from otgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from .clock import Clock

NODE, CHILD, OTHER = ("graph", "node"), ("graph", "node", "child"), ("graph",)
ONE: FullKey = (NODE, "1")
TWO: FullKey = (NODE, "2")


def test_keeps_what_it_is_given(cache: BaseCache[Any]) -> None:
    """Values come back by namespace and key; keys without a value are left out."""
    cache.set({ONE: ({"x": [1, None]}, None), (CHILD, "1"): ("child", None), TWO: (None, None)})
    expected = {ONE: {"x": [1, None]}, (CHILD, "1"): "child", TWO: None}
    assert expected == cache.get([ONE, TWO, (CHILD, "1"), (OTHER, "1"), (NODE, "3")])
    assert {} == cache.get([])
    cache.set({})


def test_gives_copies(cache: BaseCache[Any]) -> None:
    """What is done to a value that was given or got does not change what is kept."""
    value: dict[str, Any] = {"x": []}
    cache.set({ONE: (value, None)})
    value["x"].append(1)
    cache.get([ONE])[ONE]["x"].append(2)
    assert {ONE: {"x": []}} == cache.get([ONE])


def test_the_last_value_counts(cache: BaseCache[Any], clock: Clock) -> None:
    """A value, and its time to live, replaces the one before it."""
    cache.set({ONE: ("old", 1), TWO: ("old", None)})
    cache.set({ONE: ("new", None), TWO: ("new", 1)})
    clock.now += 2
    assert {ONE: "new"} == cache.get([ONE, TWO])


@pytest.mark.parametrize(
    ("ttl", "after", "there"),
    [(5, 4.9, True), (5, 5, False), (0, 0, False), (-1, 0, False), (0.5, 0.4, True)],
)
def test_values_expire(cache: BaseCache[Any], clock: Clock, ttl: Any, after: float, there: bool) -> None:
    """A value lives its seconds and not a moment longer."""
    cache.set({ONE: ("value", ttl)})
    clock.now += after
    assert ({ONE: "value"} if there else {}) == cache.get([ONE])
    assert ({ONE: "value"} if there else {}) == cache.get([ONE, ONE])


def test_clears_namespaces(cache: BaseCache[Any]) -> None:
    """`clear` forgets the namespaces named, not those below or above; without names it forgets all."""
    keys: list[FullKey] = [(NODE, "1"), (CHILD, "1"), (OTHER, "1")]
    cache.set(dict.fromkeys(keys, (1, None)))
    cache.clear([])
    assert 3 == len(cache.get(keys))
    cache.clear([NODE, ("never", "heard")])
    assert {(CHILD, "1"): 1, (OTHER, "1"): 1} == cache.get(keys)
    cache.clear()
    assert {} == cache.get(keys)


namespaces = st.lists(st.text(st.characters(blacklist_categories=["Cs"]), max_size=3), max_size=3).map(tuple)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.dictionaries(st.tuples(namespaces, st.text("ab", max_size=2)), st.integers(0, 9), max_size=6),
    namespaces,
)
def test_no_two_namespaces_are_one(
    cache: BaseCache[Any], kept: dict[FullKey, int], cleared: tuple[str, ...]
) -> None:
    """Labels may hold anything, and there may be none: each namespace is its own."""
    cache.clear()
    cache.set({key: (value, None) for key, value in kept.items()})
    assert kept == cache.get(list(kept))
    cache.clear([cleared])
    assert {key: value for key, value in kept.items() if key[0] != cleared} == cache.get(list(kept))


def test_a_value_that_cannot_be_written_keeps_nothing(cache: BaseCache[Any]) -> None:
    """One value without bytes is an error, and the values beside it are not kept."""
    with pytest.raises(TypeError):
        cache.set({ONE: (1, None), TWO: (lambda: 0, None)})
    assert {} == cache.get([ONE, TWO])


def test_coroutines_do_the_same(cache: BaseCache[Any], clock: Clock) -> None:
    """The asynchronous methods are the others, awaited."""

    async def use() -> list[Any]:
        await cache.aset({ONE: (1, None), TWO: (2, 1)})
        found = [await cache.aget([ONE, TWO])]
        clock.now += 1
        found.append(await cache.aget([ONE, TWO]))
        await cache.aclear([NODE])
        found.append(await cache.aget([ONE]))
        await cache.aset({ONE: (1, None)})
        await cache.aclear()
        return [*found, await cache.aget([ONE])]

    assert [{ONE: 1, TWO: 2}, {ONE: 1}, {}, {}] == asyncio.run(use())


def test_threads_share_a_cache(cache: BaseCache[Any]) -> None:
    """Threads that keep, read and clear at once disturb nobody."""

    def work(number: int) -> dict[FullKey, Any]:
        key: FullKey = (("t", str(number)), "k")
        for turn in range(30):
            cache.set({key: (turn, None), ONE: (turn, 1)})
            assert {key: turn} == cache.get([key])
            cache.clear([NODE])
        return cache.get([key])

    with ThreadPoolExecutor(6) as pool:
        assert [29] * 6 == [value for found in pool.map(work, range(6)) for value in found.values()]


class Shouting(JsonPlusSerializer):
    """Writes all in capitals."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        return "shout", str(obj).upper().encode()

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        assert data[0] == "shout"
        return data[1].decode()


def test_the_serialiser_can_be_chosen(tmp_path: Any) -> None:
    """`serde` writes and reads the values."""
    with SqliteCache[Any](path=str(tmp_path / "c.db"), serde=Shouting()) as on_disk:
        for cache in (InMemoryCache[Any](serde=Shouting()), on_disk):
            cache.set({ONE: ("hello", None)})
            assert {ONE: "HELLO"} == cache.get([ONE])


def test_memory_does_not_grow_with_what_has_expired(clock: Clock) -> None:
    """Entries that nobody asks for again are dropped once they have expired."""
    cache = InMemoryCache[int](clock=clock)
    cache.set({(NODE, "ever"): (0, None)})
    for number in range(10_000):
        clock.now += 1
        cache.set({(NODE, str(number)): (number, 10), ((str(number),), "k"): (number, 10)})
        assert len(cache._entries) < 2000
        assert sum(map(len, cache._entries.values())) < 2000
    assert {(NODE, "ever"): 0} == cache.get([(NODE, "ever")])
