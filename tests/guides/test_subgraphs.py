"""A graph as a node of another graph, seen from outside."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from typing_extensions import TypedDict

from otgraph.graph import START, StateGraph

Stream = Callable[..., "list[Any]"]


class SubgraphState(TypedDict):
    foo: str
    bar: str


class ParentState(TypedDict):
    foo: str


@pytest.fixture
def graph() -> Any:
    inner = StateGraph(SubgraphState)
    inner.add_node("subgraph_node_1", lambda state: {"bar": "bar"})
    inner.add_node("subgraph_node_2", lambda state: {"foo": state["foo"] + state["bar"]})
    inner.add_edge(START, "subgraph_node_1")
    inner.add_edge("subgraph_node_1", "subgraph_node_2")

    outer = StateGraph(ParentState)
    outer.add_node("node_1", lambda state: {"foo": "hi! " + state["foo"]})
    outer.add_node("node_2", inner.compile())
    outer.add_edge(START, "node_1")
    outer.add_edge("node_1", "node_2")
    return outer.compile()


def printed(chunks: list[Any]) -> str:
    return re.sub(r"node_2:[-0-9a-f]{36}", "node_2:ID", "\n".join(map(str, chunks)))


WITH_SUBGRAPHS = """\
((), {'node_1': {'foo': 'hi! foo'}})
(('node_2:ID',), {'subgraph_node_1': {'bar': 'bar'}})
(('node_2:ID',), {'subgraph_node_2': {'foo': 'hi! foobar'}})
((), {'node_2': {'foo': 'hi! foobar'}})"""

WITHOUT_SUBGRAPHS = """\
{'node_1': {'foo': 'hi! foo'}}
{'node_2': {'foo': 'hi! foobar'}}"""


def test_inner_chunks_carry_their_namespace(graph: Any, stream: Stream) -> None:
    """With `subgraphs=True` every chunk says which graph it is from, and the outer ones enclose the inner."""
    chunks = stream(graph, {"foo": "foo"}, stream_mode="updates", subgraphs=True)
    assert WITH_SUBGRAPHS == printed(chunks)
    assert chunks[1][0] == chunks[2][0]


def test_inner_chunks_are_hidden_unless_asked_for(graph: Any, stream: Stream) -> None:
    """Without `subgraphs=True` a subgraph shows as one node."""
    assert WITHOUT_SUBGRAPHS == printed(stream(graph, {"foo": "foo"}, stream_mode="updates"))


def test_namespaces_come_before_modes(graph: Any, stream: Stream) -> None:
    """Several modes and `subgraphs=True` give `(namespace, mode, chunk)`."""
    chunks = stream(graph, {"foo": "foo"}, stream_mode=["updates", "values"], subgraphs=True)
    updates = [(ns, chunk) for ns, mode, chunk in chunks if mode == "updates"]
    assert WITH_SUBGRAPHS == printed(updates)
    assert ((), "values", {"foo": "hi! foobar"}) == chunks[-1]
