"""States of threads: read, listed and written between runs; the parity suite compares the details with LangGraph."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.errors import InvalidUpdateError
from otgraph.graph import END, START, StateGraph
from otgraph.types import Command, StateSnapshot, interrupt


class State(TypedDict):
    log: Annotated[list[str], operator.add]


def plan(state: State) -> dict[str, Any]:
    return {"log": ["plan"]}


def ask(state: State) -> dict[str, Any]:
    return {"log": [interrupt("go on?")]}


def act(state: State) -> dict[str, Any]:
    return {"log": ["act"]}


def builder() -> Any:
    return StateGraph(State).add_sequence([plan, ask, act]).add_edge(START, "plan")


class Colour:
    """One colour of the methods that read and write states."""

    def __init__(self, name: str) -> None:
        self._async = name == "async"

    def __call__(self, graph: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        if not self._async:
            return getattr(graph, method)(*args, **kwargs)
        return asyncio.run(getattr(graph, "a" + method)(*args, **kwargs))

    def history(self, graph: Any, config: Any, **kwargs: Any) -> list[StateSnapshot]:
        if not self._async:
            return list(graph.get_state_history(config, **kwargs))

        async def gather() -> list[StateSnapshot]:
            return [state async for state in graph.aget_state_history(config, **kwargs)]

        return asyncio.run(gather())


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Colour:
    return Colour(request.param)


CONFIG = {"configurable": {"thread_id": "1"}}


def test_a_state_says_what_is_due_and_what_is_asked(call: Colour) -> None:
    """A paused thread shows its values, the node that waits and its question."""
    graph = builder().compile(checkpointer=InMemorySaver())
    call(graph, "invoke", {"log": []}, CONFIG)
    state = call(graph, "get_state", CONFIG)
    assert (state.values, state.next) == ({"log": ["plan"]}, ("ask",))
    assert [question.value for question in state.interrupts] == ["go on?"]
    assert state.metadata["step"] == 1
    call(graph, "invoke", Command(resume="yes"), CONFIG)
    state = call(graph, "get_state", CONFIG)
    assert (state.values, state.next, state.interrupts) == ({"log": ["plan", "yes", "act"]}, (), ())


def test_a_history_goes_back_to_the_input(call: Colour) -> None:
    """Each checkpoint is a state, the newest first, and leads to its parent."""
    graph = builder().compile(checkpointer=InMemorySaver())
    call(graph, "invoke", {"log": []}, CONFIG)
    states = call.history(graph, CONFIG)
    assert [state.next for state in states] == [("ask",), ("plan",), ("__start__",)]
    assert [state.parent_config for state in states] == [states[1].config, states[2].config, None]
    assert call.history(graph, CONFIG, limit=1) == states[:1]
    assert call.history(graph, CONFIG, before=states[0].config) == states[1:]
    assert call.history(graph, CONFIG, filter={"source": "input"}) == states[2:]


def test_an_update_goes_the_way_of_a_node(call: Colour) -> None:
    """An update as a node is reduced into the state, and the node's edges say what is next."""
    graph = builder().compile(checkpointer=InMemorySaver())
    call(graph, "invoke", {"log": []}, CONFIG)
    config = call(graph, "update_state", CONFIG, {"log": ["skipped"]}, as_node="ask")
    state = call(graph, "get_state", CONFIG)
    assert state.config == config
    assert (state.values, state.next) == ({"log": ["plan", "skipped"]}, ("act",))
    assert call(graph, "invoke", None, CONFIG) == {"log": ["plan", "skipped", "act"]}


def test_the_past_can_take_another_way(call: Colour) -> None:
    """A run from an older checkpoint makes a branch; the old one stays."""
    graph = builder().compile(checkpointer=InMemorySaver())
    call(graph, "invoke", {"log": []}, CONFIG)
    call(graph, "invoke", Command(resume="yes"), CONFIG)
    before = [state.config for state in call.history(graph, CONFIG)]
    asked = next(state for state in call.history(graph, CONFIG) if state.next == ("ask",))
    call(graph, "invoke", None, asked.config)
    call(graph, "invoke", Command(resume="no"), CONFIG)
    states = call.history(graph, CONFIG)
    assert states[0].values == {"log": ["plan", "no", "act"]}
    assert [state.config for state in states[-len(before) :]] == before
    assert {"log": ["plan", "yes", "act"]} in [state.values for state in states]


def test_an_unknown_thread_is_empty(call: Colour) -> None:
    """A thread that nobody has begun has no values, no history and nothing due."""
    graph = builder().compile(checkpointer=InMemorySaver())
    state = call(graph, "get_state", CONFIG)
    assert (state.values, state.next, state.metadata, state.config) == ({}, (), None, CONFIG)
    assert call.history(graph, CONFIG) == []


BAD: dict[str, tuple[Callable[[Any, Any], Any], type[Exception], str]] = {
    "no saver": (
        lambda graph, call: call(builder().compile(), "get_state", CONFIG),
        ValueError,
        "No checkpointer set",
    ),
    "no thread": (lambda graph, call: call(graph, "get_state", {}), ValueError, "thread_id"),
    "no such node": (
        lambda graph, call: call(graph, "update_state", CONFIG, {}, "zz"),
        InvalidUpdateError,
        "Node zz does not exist",
    ),
    "no supersteps": (
        lambda graph, call: call(graph, "bulk_update_state", CONFIG, []),
        ValueError,
        "No supersteps provided",
    ),
    "no updates": (
        lambda graph, call: call(graph, "bulk_update_state", CONFIG, [[]]),
        ValueError,
        "No updates provided",
    ),
    "an input for two": (
        lambda graph, call: call(graph, "bulk_update_state", CONFIG, [[({}, "__input__"), ({}, "plan")]]),
        InvalidUpdateError,
        "Cannot apply multiple updates when updating as input",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_changes_nothing(call: Colour, case: str) -> None:
    """What makes no sense is an error that says so, and the thread is what it was."""
    graph = builder().compile(checkpointer=InMemorySaver())
    call(graph, "invoke", {"log": []}, CONFIG)
    before = call.history(graph, CONFIG)
    act, error, text = BAD[case]
    with pytest.raises(error, match=text):
        act(graph, call)
    assert call.history(graph, CONFIG) == before


def test_a_state_outlives_its_saver(tmp_path: Path) -> None:
    """What one saver wrote to a file another one reads."""
    path = str(tmp_path / "threads.db")
    with SqliteSaver.from_conn_string(path) as saver:
        builder().compile(checkpointer=saver).invoke({"log": []}, CONFIG)
    with SqliteSaver.from_conn_string(path) as saver:
        graph = builder().compile(checkpointer=saver)
        assert graph.get_state(CONFIG).next == ("ask",)
        assert graph.invoke(Command(resume="yes"), CONFIG) == {"log": ["plan", "yes", "act"]}
        graph.update_state(CONFIG, None, as_node=END)
        assert graph.get_state(CONFIG).next == ()
