"""What is not there yet says so."""

from __future__ import annotations

from typing import Any, TypedDict

import pytest

from otgraph.graph import START, StateGraph


class State(TypedDict):
    x: int


def build() -> Any:
    return StateGraph(State).add_node("a", lambda state: {"x": 1}).add_edge(START, "a")


def test_a_root_graph_cannot_inherit_a_saver() -> None:
    """`checkpointer=True` asks for the saver of the graph around, and a root graph has none."""
    with pytest.raises(RuntimeError, match="checkpointer=True cannot be used for root graphs"):
        build().compile(checkpointer=True).invoke({"x": 0})


def test_no_saver_is_no_reason_to_refuse() -> None:
    """`checkpointer=False` runs."""
    assert {"x": 1} == build().compile(checkpointer=False).invoke({"x": 0})
