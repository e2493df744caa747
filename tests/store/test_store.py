"""What every store does, in memory and on disk, asked by functions and by coroutines."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otgraph.store.base import (
    NOT_PROVIDED,
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchItem,
    SearchOp,
)

from .kinds import KINDS, Face, Loop, opened
from .model import LABELS, Model, filters, namespaces, values

HERE = ("users", "ann")


def places(found: list[Any]) -> list[tuple[tuple[str, ...], str]]:
    return [(item.namespace, item.key) for item in found]


def test_keeps_what_is_put(store: Face) -> None:
    """An item comes back with its place and value, and with the time it was put, in UTC."""
    assert store.put(HERE, "k", {"a": [1, {"b": None}]}) is None
    item = store.get(HERE, "k")
    assert ({"a": [1, {"b": None}]}, "k", HERE) == (item.value, item.key, item.namespace)
    assert timedelta(0) == item.created_at.utcoffset()
    assert item.created_at == item.updated_at


def test_gives_nothing_for_nothing(store: Face) -> None:
    """What was never put, or was put elsewhere, is None."""
    store.put(HERE, "k", {})
    assert store.get(HERE, "other") is None
    assert store.get(("users",), "k") is None
    assert store.get((*HERE, "deeper"), "k") is None


def test_replaces_and_deletes(store: Face) -> None:
    """A second put replaces the value; delete, and a put of None, remove the item and its namespace."""
    store.put(HERE, "k", {"n": 1})
    store.put(HERE, "k", {"n": 2})
    assert {"n": 2} == store.get(HERE, "k").value
    store.delete(HERE, "k")
    store.delete(HERE, "k")
    assert store.get(HERE, "k") is None
    store.put(HERE, "k", {"n": 3})
    store.put(HERE, "k", None)
    assert (None, [], []) == (store.get(HERE, "k"), store.search(()), store.list_namespaces())


def test_keys_are_strings(store: Face) -> None:
    """A key of another type is its text; it may be empty and hold any character."""
    for key in (5, "", "a.b", "é\n'\"%"):
        store.put(HERE, key, {"key": key})
        assert (str(key), {"key": key}) == (store.get(HERE, key).key, store.get(HERE, str(key)).value)


def test_a_namespace_may_come_as_a_list(store: Face) -> None:
    """Labels in a list, as JSON has them, mean the same namespace."""
    store.put(list(HERE), "k", {"n": 1})
    assert store.get(HERE, "k") == store.get(list(HERE), "k")
    assert [HERE] == store.list_namespaces(prefix=["users"])


@pytest.mark.parametrize("namespace", [("",), ("a", ""), ("a.b",), (1,), ("a", None)])
def test_bad_labels_are_refused_everywhere(store: Face, namespace: Any) -> None:
    """An empty label, one with a period and one that is no string are refused by every method."""
    calls: list[Any] = [
        lambda: store.put(namespace, "k", {}),
        lambda: store.get(namespace, "k"),
        lambda: store.delete(namespace, "k"),
        lambda: store.search(namespace),
        lambda: store.list_namespaces(prefix=namespace),
        lambda: store.list_namespaces(suffix=namespace),
    ]
    for call in calls:
        with pytest.raises(InvalidNamespaceError, match="label"):
            call()


def test_some_namespaces_can_only_be_read(store: Face) -> None:
    """Nothing can be put under no labels at all, nor under `langgraph`; asking there finds nothing."""
    with pytest.raises(InvalidNamespaceError, match="is empty"):
        store.put((), "k", {})
    with pytest.raises(InvalidNamespaceError, match="reserved"):
        store.put(("langgraph", "x"), "k", {})
    store.put(("x", "langgraph"), "k", {})
    assert (None, []) == (store.get(("langgraph",), "k"), store.search(("langgraph",)))


@pytest.mark.parametrize("value", [1, "text", [("a", 1)], {1}])
def test_a_value_is_a_dict(store: Face, value: Any) -> None:
    """Whatever is no mapping is refused, with the place it was meant for."""
    with pytest.raises(TypeError, match=r"under key 'k' of \('users', 'ann'\)"):
        store.put(HERE, "k", value)


def test_search_takes_all_below(store: Face) -> None:
    """A search finds what lies at its namespace and below, not what merely begins with the same letters."""
    below = [("a",), ("a", "x"), ("a", "x", "y")]
    for namespace in [*below, ("ab",), ("b", "a"), ("a-",), ("A",)]:
        store.put(namespace, "k", {})
    assert {(each, "k") for each in below} == set(places(store.search(("a",))))
    assert 7 == len(store.search(()))
    assert [] == store.search(("a", "y"))


def test_search_gives_pages(store: Face) -> None:
    """`limit`, ten by default, and `offset` cut a search into pages without gaps."""
    for number in range(25):
        store.put(HERE, str(number), {})
    assert 10 == len(store.search(HERE))
    whole = places(store.search(HERE, limit=100))
    pages = [places(store.search(HERE, limit=10, offset=offset)) for offset in (0, 10, 20, 30)]
    assert [whole[:10], whole[10:20], whole[20:], []] == pages
    assert [] == store.search(HERE, limit=0)


def test_the_order_of_a_search(store: Face, kind: str) -> None:
    """In memory items come in the order they were first put; on disk what was put last comes first."""
    for key in ("1", "2", "3"):
        store.put(HERE, key, {})
    store.put(HERE, "2", {"again": True})
    expected = ["1", "2", "3"] if kind.startswith("memory") else ["2", "3", "1"]
    assert expected == [item.key for item in store.search(HERE)]


def test_without_an_index_a_query_says_nothing(store: Face) -> None:
    """A query on a store that embeds nothing finds all, without scores."""
    store.put(HERE, "k", {"text": "hello"})
    (found,) = store.search(HERE, query="hello")
    assert (SearchItem, None) == (type(found), found.score)


def test_created_at(store: Face, kind: str) -> None:
    """On disk a replaced item keeps the time it was first put; in memory it does not."""
    store.put(HERE, "k", {})
    first = store.get(HERE, "k")
    store.put(HERE, "k", {"n": 2})
    second = store.get(HERE, "k")
    assert first.updated_at < second.updated_at
    assert (not kind.startswith("memory")) is (first.created_at == second.created_at)


def test_a_batch_reads_before_it_writes(store: Face) -> None:
    """The reads of a batch see what was there before; of its puts to one key the last counts."""
    store.put(HERE, "k", {"n": 1})
    got, put, again, found, listed = store.batch(
        [
            GetOp(HERE, "k"),
            PutOp(HERE, "k", {"n": 2}),
            PutOp(HERE, "k", {"n": 3}),
            SearchOp(HERE),
            ListNamespacesOp(),
        ]
    )
    assert ({"n": 1}, None, None) == (got.value, put, again)
    assert ([{"n": 1}], [HERE]) == ([item.value for item in found], listed)
    assert {"n": 3} == store.get(HERE, "k").value
    assert [] == store.batch([])


def test_a_batch_that_fails_changes_nothing(store: Face) -> None:
    """What is no operation is refused, and the puts beside it do not happen."""
    store.put(HERE, "other", {})
    infix = ListNamespacesOp((MatchCondition("infix", ("a",)),))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cannot perform 'nonsense'"):
        store.batch([PutOp(HERE, "k", {}), "nonsense"])
    with pytest.raises(ValueError, match="'prefix' or its 'suffix', not 'infix'"):
        store.batch([PutOp(HERE, "k", {}), infix])
    assert store.get(HERE, "k") is None


def test_a_generator_of_operations_will_do(store: Face) -> None:
    """A batch may be any iterable."""
    store.batch(PutOp(HERE, key, {}) for key in "ab")
    assert 2 == len(store.search(HERE))


def test_a_time_to_live_needs_a_store_that_forgets(store: Face, kind: str) -> None:
    """In memory items live for ever and a ttl is refused; None and none given are not."""
    store.put(HERE, "k", {}, ttl=None)
    store.put(HERE, "k", {}, ttl=NOT_PROVIDED)
    if kind.startswith("memory"):
        with pytest.raises(NotImplementedError, match="InMemoryStore live for ever, so ttl=5"):
            store.put(HERE, "k", {}, ttl=5)
    else:
        store.put(HERE, "k", {}, ttl=5)
    store.get(HERE, "k", refresh_ttl=True)


def test_listing_cuts_and_turns_pages(store: Face) -> None:
    """Namespaces are cut to `max_depth`, named once, sorted, and given in pages of a hundred."""
    for number in range(120):
        store.put(("many", f"{number:03}", "x"), "k", {})
    assert [("many",)] == store.list_namespaces(max_depth=1)
    assert [("many", f"{number:03}") for number in range(100)] == store.list_namespaces(max_depth=2)
    assert [("many", "119", "x")] == store.list_namespaces(offset=119)
    assert [("many", "005", "x"), ("many", "006", "x")] == store.list_namespaces(limit=2, offset=5)
    assert [] == store.list_namespaces(limit=0)


steps = st.lists(
    st.tuples(st.just("put"), namespaces, st.sampled_from("kl"), st.none() | values)
    | st.tuples(st.just("found"), namespaces.map(lambda labels: labels[:1]) | st.just(()), filters, st.none())
    | st.tuples(
        st.just("listed"),
        st.lists(LABELS, max_size=2).map(tuple),
        st.lists(LABELS, max_size=2).map(tuple),
        st.none() | st.integers(1, 3),
    ),
    max_size=12,
)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_does_what_the_model_does(kind: str, loop: Loop, data: st.DataObject) -> None:
    """After any puts and deletes, gets, searches and listings give what a dict and loops give."""
    model = Model()
    with opened(kind, loop) as store:
        for step, *arguments in data.draw(steps):
            if step == "put":
                namespace, key, value = arguments
                model.put(namespace, key, value)
                store.put(namespace, key, value)
            elif step == "found":
                prefix, wanted, _ = arguments
                wanted = {key: each for key, each in wanted.items() if key != "a.b"}
                found = store.search(prefix, filter=wanted, limit=100)
                assert model.found(prefix, wanted) == {(i.namespace, i.key): i.value for i in found}
            else:
                prefix, suffix, depth = arguments
                listed = store.list_namespaces(prefix=prefix, suffix=suffix, max_depth=depth)
                assert model.listed(prefix, suffix, depth) == listed
        for (namespace, key), value in model.kept.items():
            assert value == store.get(namespace, key).value


def test_dates_are_dates(store: Face) -> None:
    """The times of an item are those of the clock, not of 1970 or another zone."""
    store.put(HERE, "k", {})
    assert store.get(HERE, "k").created_at > datetime(2026, 1, 1, tzinfo=timezone.utc)
