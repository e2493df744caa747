"""What a program sees of an error: its own lines, and few of the engine's."""

import asyncio
import operator
import traceback
from pathlib import Path
from typing import Annotated, Any

import pytest
from typing_extensions import TypedDict

import otgraph
from otgraph.constants import START
from otgraph.errors import InvalidUpdateError
from otgraph.graph.state import StateGraph

ENGINE = str(Path(otgraph.__file__).parent)


class State(TypedDict, total=False):
    number: int
    log: Annotated[list[str], operator.add]


def divide(state: State) -> State:
    return {"number": 1 // state["number"]}


async def divide_async(state: State) -> State:
    await asyncio.sleep(0)
    return divide(state)


def steady(state: State) -> State:
    return {"log": ["steady"]}


def graph_of(*nodes: Any) -> Any:
    """A graph in which all of some nodes run at the same time."""
    builder = StateGraph(State)
    for node in nodes:
        builder.add_node(node).add_edge(START, node.__name__)
    return builder.compile()


def frames(error: BaseException) -> tuple[list[str], int]:
    """The functions of the program in a traceback, below the call of the graph; how many frames are the engine's."""
    stack = traceback.extract_tb(error.__traceback__)
    ours = [index for index, frame in enumerate(stack) if frame.filename.startswith(ENGINE)]
    return [frame.name for frame in stack[ours[-1] + 1 :]], len(ours)


def raised(run: Any) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011 (the tests look at it)
        run()
    return caught.value


@pytest.mark.parametrize("beside", [(), (steady,)], ids=["alone", "beside another"])
def test_an_error_leads_from_the_call_to_the_node(colour, beside):
    """Between the call of a graph and the line that failed there are two frames of the engine at most."""
    graph = graph_of(divide, *beside)
    for run in (colour.invoke, colour.stream):
        names, ours = frames(raised(lambda run=run: run(graph, {"number": 0})))
        assert names == ["divide"]
        assert ours <= 2


def test_an_async_node_is_where_its_error_leads_to():
    """An error of an async node has the node's own frames, those of the functions that it awaits included."""
    error = raised(lambda: asyncio.run(graph_of(divide_async).ainvoke({"number": 0})))
    assert frames(error) == (["divide_async", "divide"], 2)


def test_graphs_inside_graphs_add_no_frames(colour):
    """An error in a graph that is a node is as short as one of a node."""
    outer = StateGraph(State).add_node("inner", graph_of(divide)).add_edge(START, "inner").compile()
    names, ours = frames(raised(lambda: colour.invoke(outer, {"number": 0})))
    assert names == ["divide"]
    assert ours <= 2


def test_a_graph_called_in_a_node_is_in_the_traceback():
    """A node that calls a graph itself stands between the two calls."""
    inner = graph_of(divide)

    def call(state: State) -> State:
        return inner.invoke(state)

    stack = traceback.extract_tb(raised(lambda: graph_of(call).invoke({"number": 0})).__traceback__)
    program = [frame.name for frame in stack if not frame.filename.startswith(ENGINE)]
    assert program[-2:] == ["call", "divide"]


def test_an_error_of_the_engine_s_own_ends_where_it_was_raised(colour):
    """What a node may not return is told by one frame of the engine, besides those of the call."""

    def wrong(state: State) -> Any:
        return 5

    error = raised(lambda: colour.invoke(graph_of(wrong), {"number": 0}))
    assert isinstance(error, InvalidUpdateError)
    assert frames(error)[1] <= 3


def test_a_fault_inside_keeps_all_frames(colour):
    """An error that no line of the program raised shows how the engine came to it."""
    error = raised(lambda: colour.invoke(graph_of(steady), {"log": 5}))
    assert isinstance(error, TypeError)
    assert frames(error)[1] > 3


def test_all_frames_can_be_had(colour, monkeypatch):
    """`OTGRAPH_TRACEBACK=full` leaves every traceback as it was."""
    monkeypatch.setenv("OTGRAPH_TRACEBACK", "full")
    assert frames(raised(lambda: colour.invoke(graph_of(divide), {"number": 0})))[1] > 3


def test_ctrl_c_leads_to_the_line_that_it_stopped():
    """What is no Exception, as KeyboardInterrupt in a node, is as short."""

    def stopped(state: State) -> State:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        graph_of(stopped).invoke({"number": 0})
    assert frames(caught.value) == (["stopped"], 2)
