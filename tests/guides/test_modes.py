"""The graph that the guides begin with, and its `values`, `updates` and `debug` streams."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from typing_extensions import TypedDict

from otgraph.graph import END, START, StateGraph

Stream = Callable[..., "list[Any]"]

VALUES = """\
{'topic': 'ice cream'}
{'topic': 'ice cream and cats'}
{'topic': 'ice cream and cats', 'joke': 'This is a joke about ice cream and cats'}"""

UPDATES = """\
{'refine_topic': {'topic': 'ice cream and cats'}}
{'generate_joke': {'joke': 'This is a joke about ice cream and cats'}}"""

DEBUG = """\
{'step': 1, 'timestamp': TIME, 'type': 'task', 'payload': {'id': ID-1, 'name': 'refine_topic', \
'input': {'topic': 'ice cream'}, 'triggers': ('branch:to:refine_topic',)}}
{'step': 1, 'timestamp': TIME, 'type': 'task_result', 'payload': {'id': ID-1, 'name': 'refine_topic', \
'error': None, 'result': {'topic': 'ice cream and cats'}, 'interrupts': []}}
{'step': 2, 'timestamp': TIME, 'type': 'task', 'payload': {'id': ID-2, 'name': 'generate_joke', \
'input': {'topic': 'ice cream and cats'}, 'triggers': ('branch:to:generate_joke',)}}
{'step': 2, 'timestamp': TIME, 'type': 'task_result', 'payload': {'id': ID-2, 'name': 'generate_joke', \
'error': None, 'result': {'joke': 'This is a joke about ice cream and cats'}, 'interrupts': []}}"""


class State(TypedDict):
    topic: str
    joke: str


def refine_topic(state: State) -> dict[str, str]:
    return {"topic": state["topic"] + " and cats"}


def generate_joke(state: State) -> dict[str, str]:
    return {"joke": f"This is a joke about {state['topic']}"}


def named_nodes() -> Any:
    return (
        StateGraph(State)
        .add_node("refine_topic", refine_topic)
        .add_node("generate_joke", generate_joke)
        .add_edge(START, "refine_topic")
        .add_edge("refine_topic", "generate_joke")
        .add_edge("generate_joke", END)
        .compile()
    )


def nodes_named_after_functions() -> Any:
    return (
        StateGraph(State)
        .add_node(refine_topic)
        .add_node(generate_joke)
        .add_edge(START, "refine_topic")
        .add_edge("refine_topic", "generate_joke")
        .compile()
    )


@pytest.fixture(params=[named_nodes, nodes_named_after_functions])
def graph(request: pytest.FixtureRequest) -> Any:
    return request.param()


def printed(chunks: list[Any]) -> str:
    """Return what printing the chunks shows, with ids numbered and times left out."""
    text = re.sub(r"'\d{4}-\d\d-\d\dT[\d:.]+\+00:00'", "TIME", "\n".join(map(str, chunks)))
    ids: dict[str, str] = {}
    uuid = r"'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'"
    return re.sub(uuid, lambda found: ids.setdefault(found[0], f"ID-{len(ids) + 1}"), text)


@pytest.mark.parametrize(("mode", "expected"), [("values", VALUES), ("updates", UPDATES), ("debug", DEBUG)])
def test_a_mode_prints_what_the_guide_shows(graph: Any, stream: Stream, mode: str, expected: str) -> None:
    """`values` shows whole states, `updates` what nodes return, `debug` each task's start and result."""
    assert expected == printed(stream(graph, {"topic": "ice cream"}, stream_mode=mode))


def test_updates_are_what_a_graph_streams_unasked(graph: Any, stream: Stream) -> None:
    """Without `stream_mode` a compiled graph streams updates."""
    assert UPDATES == printed(stream(graph, {"topic": "ice cream"}))


def test_several_modes_come_as_pairs(graph: Any, stream: Stream) -> None:
    """A list of modes gives `(mode, chunk)` pairs, each mode in its own order."""
    chunks = stream(graph, {"topic": "ice cream"}, stream_mode=["updates", "values"])
    assert UPDATES == printed([chunk for mode, chunk in chunks if mode == "updates"])
    assert VALUES == printed([chunk for mode, chunk in chunks if mode == "values"])
    assert ["values", "updates", "values", "updates", "values"] == [mode for mode, _ in chunks]
