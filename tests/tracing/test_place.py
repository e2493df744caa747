"""otgraph.tracing.place: what a run leaves behind."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typing_extensions import TypedDict

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.graph import START, StateGraph

from .kept import Kept


class State(TypedDict, total=False):
    n: int


@pytest.fixture
def counted() -> Iterator[Callable[[], int]]:
    """Return what says how many objects only the garbage collector could free since the last time."""
    gc.collect()
    gc.disable()
    yield gc.collect
    gc.enable()


@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.parametrize("mode", [None, "updates", "custom"])
def test_a_run_leaves_no_garbage(counted: Callable[[], int], mode: Any, saved: bool) -> None:
    """What a run was made of is freed with its end, and does not wait for the garbage collector."""
    graph = StateGraph(State).add_sequence([("a", lambda state: {"n": 1}), ("b", lambda state: {"n": 2})])
    app: Any = graph.add_edge(START, "a").compile(checkpointer=InMemorySaver() if saved else None)
    options = {"config": {"configurable": {"thread_id": "t"}}, "telemetry": Kept().options}

    def run() -> None:
        if mode is None:
            app.invoke({"n": 0}, **options)
        else:
            list(app.stream({"n": 0}, stream_mode=mode, **options))

    run()
    counted()
    run()
    assert 0 == counted()
