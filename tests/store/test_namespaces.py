"""Namespaces: how they are matched and listed, and how rows stand for them."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otgraph.store.base.namespaces import check_labels, list_page
from otgraph.store.base.ops import ListNamespacesOp, MatchCondition
from otgraph.store.sqlite.tables import decode_namespace, encode_namespace, under

from .model import Model, namespaces

labels = st.text(st.characters(blacklist_characters=".", blacklist_categories=["Cs"]), min_size=1, max_size=3)
anything = st.lists(labels, max_size=3).map(tuple)
paths = st.lists(st.sampled_from(["a", "b", "*"]), max_size=2).map(tuple)
A_TO_F = [("a", "b", "c"), ("a", "b", "d", "e"), ("a", "c", "f"), ("b", "a", "f"), ("a",)]


@given(anything)
def test_a_namespace_survives_its_text(namespace: tuple[str, ...]) -> None:
    """Whatever labels a namespace has, its text gives it back; the text is what a label cannot contain."""
    check_labels(namespace)
    assert namespace == decode_namespace(encode_namespace(namespace))


@given(anything, anything | namespaces)
def test_a_row_is_under_what_its_namespace_is_under(
    prefix: tuple[str, ...], namespace: tuple[str, ...]
) -> None:
    """The condition in SQL holds of a namespace and all below it, and of no other."""
    condition, operands = under(prefix, "store")
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE store (prefix TEXT)")
        connection.execute("INSERT INTO store VALUES (?)", (encode_namespace(namespace),))
        (found,) = connection.execute(f"SELECT count(*) FROM store WHERE {condition}", operands).fetchone()
    connection.close()
    assert (namespace[: len(prefix)] == prefix) is bool(found)


@given(st.lists(namespaces, max_size=8), paths, paths, st.none() | st.integers(0, 3))
def test_lists_what_the_model_lists(
    kept: list[tuple[str, ...]], prefix: tuple[str, ...], suffix: tuple[str, ...], depth: int | None
) -> None:
    """Prefix, suffix, wildcards and depth mean what the model says they mean."""
    model = Model()
    for namespace in kept:
        model.put(namespace, "k", {})
    conditions = (MatchCondition("prefix", prefix), MatchCondition("suffix", suffix))
    assert model.listed(prefix, suffix, depth) == list_page(kept, ListNamespacesOp(conditions, depth))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (MatchCondition("prefix", ("a", "b")), [("a", "b", "c"), ("a", "b", "d", "e")]),
        (MatchCondition("prefix", ("*", "b")), [("a", "b", "c"), ("a", "b", "d", "e")]),
        (MatchCondition("prefix", ("a", "*", "f")), [("a", "c", "f")]),
        (MatchCondition("suffix", ("f",)), [("a", "c", "f"), ("b", "a", "f")]),
        (MatchCondition("suffix", ("*", "f")), [("a", "c", "f"), ("b", "a", "f")]),
        (MatchCondition("suffix", ("x", "a", "b", "c")), []),
        (MatchCondition("prefix", ()), sorted(A_TO_F)),
    ],
)
def test_examples(condition: MatchCondition, expected: list[tuple[str, ...]]) -> None:
    """A star is any one label, never none and never two."""
    assert expected == list_page(A_TO_F, ListNamespacesOp((condition,)))
