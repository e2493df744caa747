"""The mistakes that everybody makes once: what is said of them besides LangGraph's text."""

import operator
import sys
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from typing_extensions import TypedDict

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.constants import END, START
from otgraph.graph.state import StateGraph
from otgraph.telemetry import TelemetryOptions

hints = pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have notes from Python 3.11 on")


class State(TypedDict, total=False):
    number: int
    log: Annotated[list[str], operator.add]


def one(state: State) -> State:
    return {"number": 1}


def two(state: State) -> State:
    return {"number": 2}


async def slow(state: State) -> State:
    return {"number": 3}


def builder(*nodes: Any) -> StateGraph[State]:
    """Nodes that are due at the same time, named n0, n1, …"""
    made = StateGraph(State)
    for index, node in enumerate(nodes or (one,)):
        made.add_node(f"n{index}", node).add_edge(START, f"n{index}")
    return made


def hint_of(run: Callable[[], object], kind: type[Exception]) -> str:
    """The hint that an error bears."""
    with pytest.raises(kind) as caught:
        run()
    return "\n".join(note for note in caught.value.__notes__ if not note.startswith("During task"))


def nowhere(state: State) -> str:
    return "maybe"


@hints
@pytest.mark.parametrize(
    ("run", "kind", "hint"),
    [
        (lambda: builder().add_edge("n0", "x").compile(), ValueError, "The nodes are 'n0'"),
        (lambda: builder().add_edge("x", "n0").compile(), ValueError, "The nodes are 'n0'"),
        (lambda: builder().compile(interrupt_before=["x"]), ValueError, "The nodes are 'n0'"),
        (
            lambda: builder().add_conditional_edges("n0", nowhere, ["x"]).compile(),
            ValueError,
            "The nodes are 'n0'",
        ),
        (
            lambda: builder().add_node("sub", builder()),
            TypeError,
            "Compile it first: add_node('sub', builder.compile())",
        ),
        (
            lambda: builder().add_node("n", slow({})),
            TypeError,
            "Give the async function itself: add_node('n', slow)",
        ),
        (
            lambda: builder().add_node("n", 5),
            TypeError,
            "It was given as 'n': give a function itself, not what a call of it returns",
        ),
        (
            lambda: builder().compile(SqliteSaver.from_conn_string(":memory:")),
            TypeError,
            "It is a context manager: write `with ... as saver:`, and give `saver`",
        ),
        (
            lambda: builder().compile().get_state({"configurable": {"thread_id": "1"}}),
            ValueError,
            "Nothing is saved without compile(checkpointer=...)",
        ),
    ],
)
def test_a_builder_says_what_to_do(run, kind, hint):
    """An error of a builder comes with what there is, or with what to write."""
    assert hint_of(run, kind) == hint


@hints
def test_an_update_as_a_node_that_is_none_is_told_the_nodes():
    """`update_state(as_node=...)` lists whom an update can be from."""
    graph, thread = builder().compile(InMemorySaver()), {"configurable": {"thread_id": "1"}}
    graph.invoke({"log": []}, thread)
    said = hint_of(lambda: graph.update_state(thread, {"number": 3}, as_node="x"), Exception)
    assert said == "as_node may be one of '__start__', 'n0'"


@hints
def test_two_writes_of_a_plain_key_are_told_with_their_nodes(colour):
    """Who wrote to a key that takes one value is said, and how it may take several."""
    graph = builder(one, two).compile()
    said = hint_of(lambda: colour.invoke(graph, {"log": []}), Exception)
    assert said.startswith("'n0' and 'n1' wrote to it in one superstep")
    assert "number: Annotated[" in said


@hints
@pytest.mark.parametrize("saved", [False, True])
def test_a_reducer_that_fails_is_told_with_key_and_node(colour, saved):
    """What a reducer could not take is told by who wrote it and of which type it was, not by its value."""
    graph = builder(colour.node(lambda state: {"log": "secret"})).compile(InMemorySaver() if saved else None)
    said = hint_of(lambda: colour.invoke(graph, {"log": []}, {"configurable": {"thread_id": "1"}}), TypeError)
    of = " of thread '1'" if saved else ""
    assert said.startswith(
        f"While the key 'log'{of}, which held a list, took what was written to it: a str by 'n0'"
    )
    assert "secret" not in said


@hints
def test_a_branch_that_returns_what_its_map_has_not(colour):
    """A KeyError of a branch names the branch, its node and its path map."""
    ways = {"yes": END, "no": "n0"}
    graph = builder().add_conditional_edges("n0", nowhere, ways).compile()
    said = hint_of(lambda: colour.invoke(graph, {"log": []}), KeyError)
    assert said.startswith("The branch 'nowhere' of 'n0' returned it, and its path map has 'yes' and 'no'")


@hints
@pytest.mark.parametrize("saved", [False, True])
def test_a_run_that_does_not_stop_is_told_where_it_was(colour, saved):
    """The error of a recursion limit names the nodes that were due."""
    graph = builder().add_edge("n0", "n0").compile(InMemorySaver() if saved else None)
    config = {"recursion_limit": 3, "configurable": {"thread_id": "1"}}
    assert (
        hint_of(lambda: colour.invoke(graph, {"log": []}, config), Exception) == "Next would have been 'n0'"
    )


def test_a_coroutine_is_no_update():
    """A node that calls an async function and does not await it is told to."""
    call = slow({})
    with pytest.raises(Exception, match="await it, in a node that is an async function"):
        builder(lambda state: call).compile().invoke({"log": []})
    call.close()


@pytest.mark.parametrize("name", ["invoke", "astream", "get_state"])
def test_a_builder_does_not_run(name):
    """Who forgets to compile is told so; what else is not there is Python's own error."""
    with pytest.raises(AttributeError, match=rf"builder.compile\(\); graph.{name}\("):
        getattr(builder(), name)
    with pytest.raises(AttributeError, match="'StateGraph' object has no attribute 'nonsense'"):
        getattr(builder(), "nonsense")  # noqa: B009 (a type checker would refuse it)


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"config": "1"}, TypeError, "config must be a dict, such as .* not '1'"),
        ({"config": {"recursion_limit": "9"}}, TypeError, "recursion_limit must be a whole number, not '9'"),
        ({"telemetry": True}, TypeError, "telemetry must be TelemetryOptions, not True"),
        ({"stream_mod": "values"}, TypeError, r"invoke\(\) got an unexpected keyword argument 'stream_mod'"),
    ],
)
def test_a_call_says_which_argument_is_wrong(colour, options, kind, text):
    """What a call cannot take is named with its value and what was expected."""
    with pytest.raises(kind, match=text):
        colour.invoke(builder().compile(), {"log": []}, **options)


@pytest.mark.parametrize("option", ["capture", "capture_events", "exceptions"])
def test_telemetry_options_are_of_their_kind(option):
    """A word where a switch belongs is refused when it is said, not when a run is recorded."""
    with pytest.raises(ValueError, match=f"{option} must be .* not 'yes'"):
        TelemetryOptions(**{option: "yes"})


def test_a_timeout_is_a_span_of_time():
    """A timeout that is no time is named."""
    with pytest.raises(
        ValueError, match="run_timeout must be seconds, a timedelta or a TimeoutPolicy, not '3s'"
    ):
        builder().add_node("late", one, timeout="3s")
