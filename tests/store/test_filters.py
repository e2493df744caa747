"""Filters: equality in depth, operators, what cannot be compared, and the first pass in SQL."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest
from hypothesis import example, given, settings

from otgraph.store.base.filters import read_filter
from otgraph.store.sqlite.prefilter import prefilter
from otgraph.store.sqlite.tables import encode_value

from .kinds import ON_DISK, Loop, opened
from .model import filters, meets, values


def passes(value: dict[str, Any], conditions: dict[str, Any], **options: Any) -> bool:
    check = read_filter(conditions, **options)
    return check is None or check(value)


@settings(max_examples=500)
@given(values, filters)
def test_a_filter_means_what_the_model_says(value: dict[str, Any], conditions: dict[str, Any]) -> None:
    """Whatever the value and the filter, both read it alike."""
    assert meets(value, conditions) is passes(value, conditions)


@settings(max_examples=500)
@given(values, filters)
@example({"x": 0.1}, {"x": {"$gte": 0.1}})
@example({"x": 2**70}, {"x": {"$lte": float(2**70)}})
@example({"x": True}, {"x": 1})
@example({"x": "\ud800", "y": 1}, {"y": 1})
@example({"x": {"y": float("1e-320")}, "y": -1e-320}, {"y": {"$lt": 0}})
def test_the_first_pass_loses_nothing(value: dict[str, Any], conditions: dict[str, Any]) -> None:
    """A value that meets a filter gets through the filter's condition in SQL."""
    condition, operands = prefilter(conditions)
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE store (value TEXT)")
        connection.execute("INSERT INTO store VALUES (?)", (encode_value(value),))
        (through,) = connection.execute(f"SELECT count(*) FROM store WHERE {condition}", operands).fetchone()
    connection.close()
    assert through or not meets(json.loads(encode_value(value)), conditions)


@pytest.mark.parametrize(
    ("value", "conditions", "expected"),
    [
        ({"n": 1, "s": "x"}, {"n": 1, "s": "x"}, True),
        ({"n": 1, "s": "x"}, {"n": 1, "s": "y"}, False),
        ({"n": True}, {"n": 1}, True),
        ({}, {"n": None}, True),
        ({"d": {"p": 1, "q": 2}}, {"d": {"p": 1}}, True),
        ({"d": {"q": 2}}, {"d": {"p": 1}}, False),
        ({"d": 3}, {"d": {}}, False),
        ({}, {"d": {}}, False),
        ({"l": [1, 2]}, {"l": (1, 2)}, True),
        ({"l": [1, 2]}, {"l": [1]}, False),
        ({"l": [{"p": 1}, 2]}, {"l": [{"p": {"$gt": 0}}, 2]}, True),
        ({"n": 2}, {"n": {"$gt": 1, "$lt": 3}}, True),
        ({"n": 2}, {"n": {"$gt": 1, "$lt": 2}}, False),
        ({}, {"n": {"$ne": 1}}, True),
        ({}, {"n": {"$gt": 0}}, False),
        ({"n": "10"}, {"n": {"$gt": 9}}, True),
        ({"n": "10"}, {"n": {"$gt": "9"}}, True),
        ({"day": "2026-02-01"}, {"day": {"$gte": "2026-01-31"}}, True),
        ({"n": "ten"}, {"n": {"$gt": 9}}, False),
        ({"n": [1]}, {"n": {"$lt": 9}}, False),
        ({"d": {"p": 2, "q": 3}}, {"d": {"$eq": {"p": 2}}}, False),
        ({"n": float("nan")}, {"n": {"$gte": 0}}, False),
        ({"n": 10**400}, {"n": {"$gt": 1.5}}, True),
    ],
)
def test_examples(value: dict[str, Any], conditions: dict[str, Any], expected: bool) -> None:
    """Objects need the keys asked for, lists all elements; numbers in texts count; the rest never matches."""
    assert expected is passes(value, conditions)


@pytest.mark.parametrize(
    "wanted", [{"$in": [1]}, {"$eq": 1, "x": 2}, {"x": 1, "$eq": 1}, {"d": {"$exists": 1}}]
)
def test_an_unknown_operator_is_an_error(wanted: dict[str, Any]) -> None:
    """An operator that nobody knows is refused at once, with those that are known."""
    with pytest.raises(ValueError, match=r"Unsupported operator: .* knows \$eq, \$ne, \$gt"):
        read_filter({"n": wanted})


@pytest.mark.parametrize("kind", ON_DISK)
def test_on_disk_a_period_leads_inside(kind: str, loop: Loop) -> None:
    """On disk `a.b` means `b` inside `a`, unless a key is called that; in memory it is a key like any other."""
    inside, called = {"a": {"b": 1}}, {"a.b": 2, "a": {"b": 1}}
    with opened(kind, loop) as store:
        store.put(("n",), "inside", inside)
        store.put(("n",), "called", called)
        assert ["inside"] == [item.key for item in store.search(("n",), filter={"a.b": 1})]
        assert ["called"] == [item.key for item in store.search(("n",), filter={"a.b": 2})]
        assert [] == store.search(("n",), filter={"a.b.c": 1})
    assert not passes(inside, {"a.b": 1})
    assert passes(called, {"a.b": 2})


def test_no_filter_is_no_check() -> None:
    """Neither None nor an empty filter costs anything."""
    assert (None, None) == (read_filter(None), read_filter({}))
