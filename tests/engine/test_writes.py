"""What a node returned becomes writes, whatever kind of thing it is."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import pytest

from otgraph.command import Command, Send
from otgraph.constants import ROOT, TASKS
from otgraph.engine.effects import Rest
from otgraph.engine.loop import run_flow
from otgraph.engine.run import Run, RunOptions
from otgraph.engine.task import Task
from otgraph.engine.writes import apply_writes, packet_write, result_writes
from otgraph.errors import InvalidUpdateError, ParentCommand
from otgraph.graph import START, StateGraph

KEYS = frozenset({"x", "y"})


@dataclass
class Both:
    x: int
    y: int


class State(TypedDict):
    x: int
    log: Annotated[list[str], operator.add]


class Nobody:
    """An observer that looks away."""

    def __getattr__(self, name: str) -> Any:
        return lambda *given: None


def new_run() -> Run:
    """Return a run of a graph with the nodes a and b, before its first superstep."""
    builder = StateGraph(State).add_node("a", lambda state: None).add_node("b", lambda state: None)
    graph = builder.add_edge(START, "a").add_edge("a", "b").compile()
    return Run(graph.plan, Nobody(), RunOptions())  # type: ignore[arg-type]


def task(run: Run, name: str, *writes: Any, path: tuple[Any, ...] | None = None) -> Task:
    """Return a task that has finished with these writes."""
    made = Task(run, run.plan.nodes[name], f"id of {name}", None, (), path or ("__pregel_pull", name))
    made.writes = writes
    return made


@pytest.mark.parametrize(
    ("result", "writes"),
    [
        (None, []),
        ({}, []),
        ({"x": 1, "unknown": 2}, [("x", 1)]),
        (Both(1, 2), [("x", 1), ("y", 2)]),
        (Send("b", 5), [(TASKS, Send("b", 5))]),
        (Command(update={"x": 1}, goto="b"), [("x", 1), ("branch:to:b", None)]),
        (Command(update=[("x", 1), ("x", 2)]), [("x", 1), ("x", 2)]),
        (Command(goto="__end__"), []),
        (
            [Command(update={"x": 1}, goto=[Send("b", 1), "b"]), {"y": 2}],
            [("x", 1), ("y", 2), (TASKS, Send("b", 1)), ("branch:to:b", None)],
        ),
    ],
)
def test_results_become_writes(result: Any, writes: Any) -> None:
    """State first, then routes; keys that the state does not have are dropped."""
    assert writes == result_writes(result, KEYS)


@pytest.mark.parametrize("result", [5, "text", [Send("b", 1)], object()])
def test_other_results_are_refused(result: Any) -> None:
    """The error shows what was returned."""
    with pytest.raises(InvalidUpdateError, match="Expected dict, got "):
        result_writes(result, KEYS)


def test_a_root_state_takes_anything() -> None:
    """Where the state is one bare value, the whole result is the write."""
    assert [(ROOT, [1])] == result_writes([1], frozenset({ROOT}))
    assert [] == result_writes(None, frozenset({ROOT}))


def test_a_command_to_the_parent_leaves() -> None:
    """It is not for this graph to write down."""
    command: Command[str] = Command(graph=Command.PARENT, update={"x": 1})
    with pytest.raises(ParentCommand) as caught:
        result_writes(command, KEYS)
    assert command is caught.value.args[0]


def test_nothing_is_sent_to_the_end() -> None:
    """A packet for END has no node to run."""
    with pytest.raises(InvalidUpdateError, match="Cannot send a packet to the END node"):
        packet_write(Send("__end__", 1))


def test_writes_are_applied_in_the_order_of_paths() -> None:
    """Pulled tasks come before pushed ones, and those by position, whoever finished first."""
    run = new_run()
    tasks = [
        task(run, "b", ("log", ["push 10"]), path=("__pregel_push", 10, False)),
        task(run, "b", ("log", ["pull b"])),
        task(run, "b", ("log", ["push 9"]), path=("__pregel_push", 9, False)),
        task(run, "a", ("log", ["pull a"]), ("x", 1)),
    ]
    changed, written = apply_writes(run, tasks)
    assert {"log": ["pull a", "pull b", "push 9", "push 10"], "x": 1} == run.read(("log", "x"))
    assert {"log", "x"} == set(changed) == set(written)


def test_all_changes_of_a_superstep_have_one_version() -> None:
    """A version says in which superstep a channel changed last."""
    run = new_run()
    apply_writes(run, [task(run, "a", ("x", 1), ("log", ["a"]))])
    first = dict(run.versions)
    apply_writes(run, [task(run, "b", ("x", 2))])
    assert first["x"] == first["log"] == run.versions["log"] < run.versions["x"]


def test_a_conflict_changes_nothing_that_was_there() -> None:
    """Two writes to a plain key in one superstep are an error that names the key."""
    run = new_run()
    apply_writes(run, [task(run, "a", ("x", 1))])
    with pytest.raises(InvalidUpdateError, match="At key 'x': Can receive only one value per step"):
        apply_writes(run, [task(run, "a", ("x", 2)), task(run, "b", ("x", 3))])
    assert 1 == run.read("x")


def test_unknown_channels_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    """A route to a node that is not there is a warning, as in LangGraph."""
    run = new_run()
    apply_writes(run, [task(run, "a", ("branch:to:nowhere", None))])
    assert "wrote to unknown channel branch:to:nowhere, ignoring it" in caplog.text


def test_the_flow_asks_before_it_plans() -> None:
    """The first thing a run asks for is the id of the checkpoint it starts from."""
    run = new_run()
    flow = run_flow(run, {"x": 0})
    assert type(next(flow)) is Rest
    flow.close()
