"""The words of the interface: items, operations, what a subclass of `BaseStore` is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any

import pytest

from otgraph.store.base import (
    NOT_PROVIDED,
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    SearchItem,
    SearchOp,
    TTLConfig,
    validate_op_namespace,
)

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
TEXT = "2026-01-02T03:04:05+00:00"


def item(**changes: Any) -> Item:
    given: dict[str, Any] = {"value": {"n": 1}, "key": "k", "namespace": ("a",)}
    return Item(**{**given, "created_at": WHEN, "updated_at": WHEN, **changes})


class Asked(BaseStore):
    """Notes the operations it is asked for."""

    supports_ttl = True

    def __init__(self, ttl: TTLConfig | None = None) -> None:
        self.ttl_config = ttl
        self.ops: list[Op] = []

    def batch(self, ops: Iterable[Op]) -> list[Any]:
        self.ops += ops
        return [[]]

    async def abatch(self, ops: Iterable[Op]) -> list[Any]:
        return self.batch(ops)


def test_an_item_as_json() -> None:
    """`dict()` has lists for tuples and ISO texts for times, in a fixed order; a found one has its score."""
    expected = {"namespace": ["a"], "key": "k", "value": {"n": 1}, "created_at": TEXT, "updated_at": TEXT}
    assert list(expected.items()) == list(item().dict().items())
    found = SearchItem(("a",), "k", {"n": 1}, WHEN, WHEN, 0.5)
    assert [*expected.items(), ("score", 0.5)] == list(found.dict().items())


def test_an_item_shows_its_json() -> None:
    """The repr of an item is a call with what `dict()` holds."""
    expected = f"Item(namespace=['a'], key='k', value={{'n': 1}}, created_at='{TEXT}', updated_at='{TEXT}')"
    assert expected == repr(item())


@pytest.mark.parametrize("text", [TEXT, "2026-01-02T03:04:05Z"])
def test_an_item_reads_its_json(text: str) -> None:
    """Times may be ISO texts and a namespace a list, as they come over HTTP."""
    assert item() == item(created_at=text, updated_at=text, namespace=["a"])


def test_when_items_are_equal() -> None:
    """Items are equal by all they hold but the score; equal items have equal hashes."""
    found = SearchItem(("a",), "k", {"n": 1}, WHEN, WHEN, 0.5)
    assert item() == found
    assert found == SearchItem(("a",), "k", {"n": 1}, WHEN, WHEN, 0.7)
    assert hash(found) == hash(item())
    assert item() != "item"
    for change in (
        {"value": {}},
        {"key": "l"},
        {"namespace": ("b",)},
        {"created_at": datetime.now(timezone.utc)},
    ):
        assert item() != item(**change)


def test_operations_have_the_fields_of_langgraph() -> None:
    """Operations are tuples; their fields and defaults are LangGraph's."""
    assert (("a",), "k", True) == GetOp(("a",), "k")
    assert (("a",), None, 10, 0, None, True) == SearchOp(("a",))
    assert (("a",), "k", {}, None, None) == PutOp(("a",), "k", {})
    assert (None, None, 100, 0) == ListNamespacesOp()
    assert ("prefix", ("a", "*")) == MatchCondition("prefix", ("a", "*"))


def test_each_method_is_one_operation() -> None:
    """What a method asks is one operation with its arguments, the same for both colours."""
    store = Asked()

    async def ask() -> None:
        await store.aget(("a",), 5)  # type: ignore[arg-type]
        await store.asearch(("a",), query="q", filter={"x": 1}, limit=1, offset=2, refresh_ttl=False)
        await store.aput(("a",), "k", {"n": 1}, ["x"], ttl=3)
        await store.aput(("a",), "k", {"n": 1}, False)
        await store.adelete(("a",), "k")
        await store.alist_namespaces(prefix=("a",), suffix=("b",), max_depth=1, limit=2, offset=3)
        await store.alist_namespaces()

    asyncio.run(ask())
    coroutines, store.ops = store.ops, []
    store.get(("a",), 5)  # type: ignore[arg-type]
    store.search(("a",), query="q", filter={"x": 1}, limit=1, offset=2, refresh_ttl=False)
    store.put(("a",), "k", {"n": 1}, ["x"], ttl=3)
    store.put(("a",), "k", {"n": 1}, False)
    store.delete(("a",), "k")
    store.list_namespaces(prefix=("a",), suffix=("b",), max_depth=1, limit=2, offset=3)
    store.list_namespaces()
    conditions = (MatchCondition("prefix", ("a",)), MatchCondition("suffix", ("b",)))
    expected = [
        GetOp(("a",), "5"),
        SearchOp(("a",), {"x": 1}, 1, 2, "q", False),
        PutOp(("a",), "k", {"n": 1}, ["x"], 3),
        PutOp(("a",), "k", {"n": 1}, False),
        PutOp(("a",), "k", None),
        ListNamespacesOp(conditions, 1, 2, 3),
        ListNamespacesOp(()),
    ]
    assert expected == store.ops
    assert expected == coroutines


@pytest.mark.parametrize(
    ("config", "refresh", "ttl"),
    [
        (None, True, None),
        ({}, True, None),
        ({"refresh_on_read": False}, False, None),
        ({"default_ttl": 5}, True, 5),
    ],
)
def test_the_configuration_fills_in(config: TTLConfig | None, refresh: bool, ttl: float | None) -> None:
    """What is left out is as configured; what is given, None too, is as given."""
    store = Asked(config)
    store.get(("a",), "k")
    store.get(("a",), "k", refresh_ttl=not refresh)
    store.put(("a",), "k", {})
    store.put(("a",), "k", {}, ttl=None)
    store.put(("a",), "k", {}, ttl=7)
    one, other, *puts = store.ops
    assert [refresh, not refresh] == [one.refresh_ttl, other.refresh_ttl]  # type: ignore[union-attr]
    assert [ttl, None, 7] == [put.ttl for put in puts]  # type: ignore[union-attr]


def test_any_mapping_is_a_value() -> None:
    """A value need not be a dict itself."""
    store = Asked()
    store.put(("a",), "k", MappingProxyType({"n": 1}))
    assert {"n": 1} == store.ops[0].value  # type: ignore[union-attr]


def test_operations_can_be_checked() -> None:
    """`validate_op_namespace` refuses bad labels in any operation, and what is none; roots it lets pass."""
    bad: list[Op] = [
        GetOp(("",), "k"),
        PutOp(("a.b",), "k", {}),
        SearchOp(("",)),
        ListNamespacesOp((MatchCondition("suffix", ("a", "")),)),
    ]
    for op in bad:
        with pytest.raises(InvalidNamespaceError):
            validate_op_namespace(op)
    for op in (PutOp((), "k", {}), GetOp(("langgraph",), "k"), ListNamespacesOp()):
        validate_op_namespace(op)
    with pytest.raises(ValueError, match="cannot perform 5"):
        validate_op_namespace(5)  # type: ignore[arg-type]


def test_not_provided_is_no_value() -> None:
    """The mark of an argument left out is falsy and says what it is."""
    assert (False, "<not provided>") == (bool(NOT_PROVIDED), repr(NOT_PROVIDED))
