"""LangGraph's cache in memory beside otgraph's: the same operations, the same results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store.oracle import Oracle

from .interpreter import interpret

pytestmark = pytest.mark.oracle


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    """LangGraph's caches in their own environment; the test fails if that is missing."""
    with Oracle("cache.oracle_worker") as process:
        yield process


namespaces = st.lists(st.sampled_from(["a", "b", "a,b", ""]), max_size=2)
keys = st.tuples(namespaces, st.sampled_from("kl"))
values = st.none() | st.integers(-9, 9) | st.text("ab", max_size=2) | st.lists(st.integers(-9, 9), max_size=2)
ttls = st.none() | st.sampled_from([0, -1, 1000])
op = (
    st.tuples(st.just("get"), st.lists(keys, max_size=4))
    | st.tuples(
        st.just("set"),
        st.lists(st.tuples(keys, values, ttls), max_size=3, unique_by=lambda each: repr(each[0])),
    )
    | st.tuples(st.just("clear"), st.none() | st.lists(namespaces, max_size=2))
)


@settings(max_examples=150)
@given(ops=st.lists(op, max_size=12), colour=st.sampled_from(["sync", "async"]))
def test_programs(oracle: Oracle, ops: list[Any], colour: str) -> None:
    """Any program of gets, sets and clears sees the same on both engines."""
    program = {"ops": ops, "colour": colour}
    assert oracle.ask(program) == interpret("otgraph", program)
