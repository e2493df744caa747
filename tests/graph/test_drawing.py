"""Drawable graphs: edge for edge and character for character those of LangGraph, and what can be done with them."""

from __future__ import annotations

import json
import operator
from types import SimpleNamespace
from typing import Annotated, Any, TypedDict

import pytest
from drawn_graphs import CASES, GOLDEN, RANDOM, chain, described, draw, edges_of, golden_path
from pydantic import BaseModel

from otgraph.command import Command
from otgraph.constants import END, START
from otgraph.graph.drawing import Graph, build_function_graph, build_graph
from otgraph.graph.elements import Edge, Node
from otgraph.graph.mermaid import CurveStyle, NodeStyles
from otgraph.graph.state import StateGraph


class Engine:
    """The names that `drawn_graphs` builds with."""

    StateGraph = StateGraph
    Command = Command
    CurveStyle = CurveStyle
    NodeStyles = NodeStyles


class State(TypedDict):
    log: Annotated[list[str], operator.add]


def step(state: State) -> dict[str, Any]:
    return {}


@pytest.mark.parametrize("name", CASES)
def test_a_graph_is_drawn_as_langgraph_draws_it(name: str) -> None:
    """Nodes, edges, their order and the Mermaid text are those recorded from LangGraph."""
    assert golden_path(name).read_text(encoding="utf-8") == draw(name, Engine)


def test_every_recorded_drawing_has_a_graph() -> None:
    """No file in `golden/` is left from a graph that is gone."""
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(CASES)


@pytest.mark.parametrize("number", range(100))
def test_random_graphs_have_langgraphs_edges(number: int) -> None:
    """Edges of graphs with loops, joins, deferred nodes and branches are those recorded from LangGraph."""
    recorded = json.loads(RANDOM.read_text().splitlines()[number])
    assert recorded["drawn"] == edges_of(described(Engine, recorded["graph"]))


def hand_made(*ids: str, edges: tuple[str, ...] = ()) -> Graph:
    """Return a graph of one-letter nodes; an edge is two letters."""
    graph = Graph()
    for name in ids:
        graph.add_node(None, name)
    for source, target in edges:
        graph.add_edge(graph.nodes[source], graph.nodes[target])
    return graph


def test_a_node_is_called_by_its_id() -> None:
    """A chosen id is the name; an object without one gives its own name, and gets an id of its own."""
    graph = Graph()
    assert Node("a", "a", step, {"k": 1}) == graph.add_node(step, "a", metadata={"k": 1})
    unnamed = graph.add_node(step)
    assert ("step", 32) == (unnamed.name, len(unnamed.id))
    assert ["a", unnamed.id] == list(graph.nodes)


def test_a_runnable_is_called_by_the_name_it_gives_itself() -> None:
    """`RunnableSequence` is written `Sequence`."""

    class Runnable:
        def get_name(self) -> str:
            return "RunnableSequence"

    assert "Sequence" == Graph().add_node(Runnable()).name


def test_an_id_is_taken_once() -> None:
    """A second node of the same id is refused."""
    with pytest.raises(ValueError, match="^Node with id a already exists$"):
        hand_made("a", "a")


def test_an_edge_joins_nodes_of_the_graph() -> None:
    """An edge from or to a node that was not added is refused."""
    graph, stranger = hand_made("a"), Node("x", "x", None, None)
    with pytest.raises(ValueError, match="^Source node x not in graph$"):
        graph.add_edge(stranger, graph.nodes["a"])
    with pytest.raises(ValueError, match="^Target node x not in graph$"):
        graph.add_edge(graph.nodes["a"], stranger)


def test_an_edge_has_a_label_and_a_kind() -> None:
    """`add_edge` returns the edge it adds."""
    graph = hand_made("a", "b")
    edge = graph.add_edge(graph.nodes["a"], graph.nodes["b"], "why", conditional=True)
    assert Edge("a", "b", "why", True) == edge
    assert [edge] == graph.edges


def test_a_node_goes_with_its_edges() -> None:
    """Removing a node removes the edges at it."""
    graph = hand_made("a", "b", "c", edges=("ab", "bc", "ac"))
    graph.remove_node(graph.nodes["b"])
    assert (["a", "c"], [Edge("a", "c")]) == (list(graph.nodes), graph.edges)


@pytest.mark.parametrize(
    ("edges", "first", "last"),
    [
        (("ab", "bc"), "a", "c"),
        (("ab", "ac"), "a", None),
        (("ac", "bc"), None, "c"),
        (("ab", "bc", "ca"), None, None),
    ],
)
def test_ends_are_known_where_there_is_one(
    edges: tuple[str, ...], first: str | None, last: str | None
) -> None:
    """The first node is the only one without an edge to it, the last the only one without an edge from it."""
    graph = hand_made("a", "b", "c", edges=edges)
    found_first, found_last = graph.first_node(), graph.last_node()
    assert (first, last) == (found_first and found_first.id, found_last and found_last.id)


@pytest.mark.parametrize(
    ("edges", "rest"),
    [(("ab", "bc"), "b"), (("ab", "ac", "bc"), "abc"), (("ab", "bb", "bc"), "abc")],
)
def test_an_end_is_trimmed_where_another_takes_its_place(edges: tuple[str, ...], rest: str) -> None:
    """An end with one edge is removed if that leaves an end; otherwise the graph stays as it is."""
    graph = hand_made("a", "b", "c", edges=edges)
    graph.trim_first_node()
    graph.trim_last_node()
    assert rest == "".join(graph.nodes)


def test_a_graph_is_put_into_another_under_a_prefix() -> None:
    """`extend` prefixes ids, keeps names, and returns where the added graph begins and ends."""
    graph = hand_made("a")
    ends = graph.extend(hand_made("a", "b", edges=("ab",)), prefix="in")
    assert (Node("in:a", "a", None, None), Node("in:b", "b", None, None)) == ends
    assert (["a", "in:a", "in:b"], [Edge("in:a", "in:b")]) == (list(graph.nodes), graph.edges)


def test_ids_that_nobody_chose_become_readable() -> None:
    """`reid` numbers nodes of one name, and leaves chosen ids alone."""
    graph = Graph()
    graph.add_edge(graph.add_node(step), graph.add_node(step))
    graph.add_node(None, "step")
    graph.add_node(len)
    assert ["step_1", "step_2", "step", "len"] == list(graph.reid().nodes)
    assert [Edge("step_1", "step_2")] == graph.reid().edges


def test_an_empty_graph_is_false() -> None:
    """A graph without nodes is falsy, and can be drawn."""
    graph = Graph()
    assert not graph
    assert bool(hand_made("a"))
    assert ("graph TD;\n", "") == (graph.draw_mermaid(with_styles=False), graph.draw_ascii())


def test_json_says_what_nodes_are() -> None:
    """`to_json` names the object behind a node, gives metadata, labels and kinds of edges, and nothing else."""
    graph = (
        chain(Engine, "a", a={"k": 1}).add_conditional_edges("a", step, {"done": END}).compile().get_graph()
    )
    expected = {
        "nodes": [
            {
                "id": "__start__",
                "type": "runnable",
                "data": {"id": ["otgraph", "graph", "drawing", "pass_on"], "name": "__start__"},
            },
            {
                "id": "a",
                "type": "runnable",
                "data": {"id": ["drawn_graphs", "node"], "name": "a"},
                "metadata": {"k": 1},
            },
            {"id": "__end__"},
        ],
        "edges": [
            {"source": "__start__", "target": "a"},
            {"source": "a", "target": "__end__", "data": "done", "conditional": True},
        ],
    }
    assert expected == json.loads(json.dumps(graph.to_json()))


def test_json_has_schemas_when_asked() -> None:
    """A class is a schema: its name, or all of it; nodes whose id nobody chose are numbered."""

    class Question(BaseModel):
        text: str

    graph = Graph()
    graph.add_edge(graph.add_node(Question), graph.add_node(None, "b"))
    assert {"id": 0, "type": "schema", "data": "Question"} == graph.to_json()["nodes"][0]
    assert Question.model_json_schema() == graph.to_json(with_schemas=True)["nodes"][0]["data"]
    assert [{"source": 0, "target": "b"}] == graph.to_json()["edges"]


def test_data_is_what_the_user_gave() -> None:
    """The object behind a node is the function or the graph itself; there is none behind the end."""
    inner = chain(Engine, "x").compile()
    nodes = chain(Engine, "a").add_node("sub", inner).add_edge("a", "sub").compile().get_graph().nodes
    assert inner is nodes["sub"].data
    assert nodes[END].data is None


def test_the_tools_of_a_node_are_metadata() -> None:
    """A node with tools says which."""

    class Tools:
        tools_by_name = {"search": step, "add": step}

        def __call__(self, state: State) -> dict[str, Any]:
            return {}

    builder = StateGraph(State).add_node("tools", Tools(), metadata={"k": 1}).add_edge(START, "tools")
    assert {"k": 1, "__tools": ["search", "add"]} == builder.compile().get_graph().nodes["tools"].metadata


def test_drawing_leaves_metadata_alone() -> None:
    """What drawing adds to the metadata of a node is not added to the node's own."""
    given = {"k": 1}
    graph = StateGraph(State).add_node("a", step, metadata=given, defer=True).add_edge(START, "a").compile()
    assert {"k": 1, "defer": True} == graph.get_graph().nodes["a"].metadata
    assert {"k": 1} == given


def test_a_graph_is_not_opened_inside_itself() -> None:
    """Recursion in the graph is no recursion in the drawing, however many graphs it goes through."""
    holder = SimpleNamespace()

    def again(state: State) -> Any:
        return holder.outer.invoke(state)

    inner = StateGraph(State).add_node("again", again).add_edge(START, "again").compile()
    builder = StateGraph(State).add_node("again", again).add_node("sub", inner)
    holder.outer = builder.add_edge(START, "again").add_edge("again", "sub").compile()
    assert [START, "again", END, "sub:again"] == list(holder.outer.get_graph(xray=True).nodes)


def test_a_graph_that_only_draws_is_drawn_inside_too() -> None:
    """A graph without a builder is asked for its own drawing."""
    inner = chain(Engine, "x").compile()
    outer = chain(Engine, "a").add_node("sub", inner).add_edge("a", "sub").compile()
    inner.builder = None
    inner.get_graph = lambda xray: build_function_graph("work", step)
    assert [START, "a", END, "sub:work"] == list(outer.get_graph(xray=True).nodes)


def test_a_function_is_drawn_between_start_and_end() -> None:
    """A function of the functional API is one node, and may end at once or go on."""
    graph = build_function_graph("work", step)
    assert (["work", START, END], step) == (list(graph.nodes), graph.nodes["work"].data)
    assert [Edge(START, "work"), Edge("work", END, None, True)] == graph.edges


def test_breakpoints_come_from_whatever_has_them() -> None:
    """A plan and the options of `compile` serve alike."""
    builder = chain(Engine, "a", "b")
    graph = builder.compile(interrupt_after=["b"])
    assert build_graph(builder, graph.plan) == build_graph(builder, graph.options) == graph.get_graph()
