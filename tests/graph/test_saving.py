"""Where a run is saved, and what is refused before it begins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypedDict

import pytest

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.errors import EmptyInputError
from otgraph.graph import START, StateGraph
from otgraph.types import Command


class State(TypedDict):
    x: Any


def build(result: Any = 1, **given: Any) -> Any:
    return StateGraph(State).add_node("a", lambda state: {"x": result}).add_edge(START, "a").compile(**given)


@pytest.fixture(params=["sync", "async"])
def invoke(request: pytest.FixtureRequest) -> Callable[..., Any]:
    if request.param == "sync":
        return lambda graph, *args, **kwargs: graph.invoke(*args, **kwargs)
    return lambda graph, *args, **kwargs: asyncio.run(graph.ainvoke(*args, **kwargs))


CONFIG = {"configurable": {"thread_id": "1"}}


def test_an_answer_needs_a_checkpointer(invoke: Callable[..., Any]) -> None:
    """Without a saver there is no paused run that an answer could be for, and the error says what to do."""
    with pytest.raises(RuntimeError, match=r"Cannot use Command\(resume=...\) without checkpointer.*compile"):
        invoke(build(), Command(resume="yes"), CONFIG)


def test_a_durability_needs_a_checkpointer(invoke: Callable[..., Any]) -> None:
    """Without a saver a durability is a warning, and the run goes on."""
    with pytest.warns(UserWarning, match="`durability` has no effect"):
        assert invoke(build(), {"x": 0}, durability="sync") == {"x": 1}


def test_an_unknown_durability_is_refused(invoke: Callable[..., Any]) -> None:
    """The error names what was given and what there is."""
    with pytest.raises(ValueError, match="must be one of sync, async, exit, not 'often'"):
        invoke(build(checkpointer=InMemorySaver()), {"x": 0}, CONFIG, durability="often")


@pytest.mark.parametrize("config", [None, {}, {"configurable": {}}, {"configurable": {"user": "u"}}])
def test_a_saved_run_needs_a_thread(invoke: Callable[..., Any], config: Any) -> None:
    """A graph with a saver does not run without a thread, and says what is missing."""
    with pytest.raises(ValueError, match="thread_id"):
        invoke(build(checkpointer=InMemorySaver()), {"x": 0}, config)


def test_nothing_to_go_on_from(invoke: Callable[..., Any]) -> None:
    """No input on a thread that nobody has begun is an error, and so is an empty command."""
    graph = build(checkpointer=InMemorySaver())
    with pytest.raises(EmptyInputError, match="Received no input"):
        invoke(graph, None, CONFIG)
    invoke(graph, {"x": 0}, CONFIG)
    with pytest.raises(EmptyInputError, match="Received empty Command input"):
        invoke(graph, Command(), CONFIG)


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_what_cannot_be_stored_harms_nothing(invoke: Callable[..., Any], durability: str) -> None:
    """A value that no saver can hold fails its run by the name of its channel; the thread is what it was."""
    saver = InMemorySaver()
    graph = build(checkpointer=saver)
    invoke(graph, {"x": 0}, CONFIG)
    before = list(graph.get_state_history(CONFIG))
    with pytest.raises(TypeError, match="channel 'x'"):
        invoke(build(lambda: 1, checkpointer=saver), {"x": 0}, CONFIG, durability=durability)
    assert list(graph.get_state_history(CONFIG))[-len(before) :] == before
    assert invoke(graph, {"x": 0}, CONFIG) == {"x": 1}
