"""Pictures of graphs in characters and as SVG."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from drawn_graphs import chain, choose, nodes
from hypothesis import given
from hypothesis import strategies as st

from otgraph.constants import END, START
from otgraph.graph.drawing import Graph
from otgraph.graph.state import StateGraph


class Engine:
    StateGraph = StateGraph


def picture(text: str) -> str:
    """Return a picture written in a test: without the first line and the indentation."""
    return "\n".join(line[4:].rstrip() for line in text.splitlines()[1:-1])


def agent() -> Graph:
    builder = nodes(Engine, "agent", "tools").add_edge(START, "agent").add_edge("tools", "agent")
    drawn: Graph = builder.add_conditional_edges("agent", choose, ["tools", END]).compile().get_graph()
    return drawn


def labelled() -> Graph:
    builder = nodes(Engine, "classify", "billing", "support", "reply").add_edge(START, "classify")
    ends = {"money": "billing", "bug": "support", "spam": END, "unclear": "classify"}
    builder.add_conditional_edges("classify", choose, ends).add_edge("billing", "reply").add_edge(
        "support", "reply"
    )
    drawn: Graph = builder.compile().get_graph()
    return drawn


def test_a_chain_is_drawn_straight() -> None:
    """Boxes one below the other, joined by arrows."""
    expected = picture("""
    +-----------+
    | __start__ |
    +-----------+
          |
          v
        +---+
        | a |
        +---+
          |
          v
     +---------+
     | __end__ |
     +---------+
    """)
    assert expected == chain(Engine, "a").compile().get_graph().draw_ascii()


def test_the_way_back_of_a_loop_points_up() -> None:
    """Conditional edges are dotted; an edge back leads up to an arrow below its target."""
    expected = picture("""
      +-----------+
      | __start__ |
      +-----------+
            |
            v
      +-----------+
      |   agent   |
      +-----------+
       :   ^     :
       v   |     v
    +-------+   +---------+
    | tools |   | __end__ |
    +-------+   +---------+
    """)
    assert expected == agent().draw_ascii()


def test_labels_stand_before_the_box_they_lead_to() -> None:
    """A label is part of its line; that of an edge to the node itself stands beside the box."""
    expected = picture("""
         +-----------+
         | __start__ |
         +-----------+
               |
               v
        +------------+..+
        |  classify  |  : unclear
        +------------+<.+
         :   :      :
    +....+   :      +......+
    :        :             :
    :      money          bug
    :        :             :
    :        v             v
    :   +---------+   +---------+
    :   | billing |   | support |
    :   +---------+   +---------+
    :            |     |
    +....+      ++  +--+
         :      v   v
         :   +-------+
         :   | reply |
         :   +-------+
         :      |
         +.+    |
           :    |
         spam   |
           :    |
           v    v
        +---------+
        | __end__ |
        +---------+
    """)
    assert expected == labelled().draw_ascii()


def test_lines_of_a_fan_do_not_cross() -> None:
    """Lines that go left turn from left to right, those that go right the other way round."""
    builder = nodes(Engine, "plan", "a", "b", "c", "collect").add_edge(START, "plan")
    for name in "abc":
        builder.add_edge("plan", name)
    expected = picture("""
        +-----------+
        | __start__ |
        +-----------+
              |
              v
       +------------+
       |    plan    |
       +------------+
        |     |    |
       ++     |    +-+
       v      v      v
    +---+   +---+   +---+
    | a |   | b |   | c |
    +---+   +---+   +---+
       |      |      |
       +-+    |    +-+
         v    v    v
        +-----------+
        |  collect  |
        +-----------+
              |
              v
         +---------+
         | __end__ |
         +---------+
    """)
    assert expected == builder.add_edge(["a", "b", "c"], "collect").compile().get_graph().draw_ascii()


def test_graphs_inside_are_drawn_with_their_paths() -> None:
    """Boxes of subgraphs bear the path; wide characters take two columns."""
    inner = chain(Engine, "x").compile()
    graph = (
        chain(Engine, "计划").add_node("sub", inner).add_edge("计划", "sub").compile().get_graph(xray=True)
    )
    expected = picture("""
    +-----------+
    | __start__ |
    +-----------+
          |
          v
      +------+
      | 计划 |
      +------+
          |
          v
      +-------+
      | sub:x |
      +-------+
          |
          v
     +---------+
     | __end__ |
     +---------+
    """)
    assert expected == graph.draw_ascii()


def test_a_picture_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """`print_ascii` prints what `draw_ascii` returns."""
    agent().print_ascii()
    assert agent().draw_ascii() + "\n" == capsys.readouterr().out


names = st.lists(
    st.text("ABCDEFG_ ", min_size=1, max_size=12).map(str.strip).filter(bool),
    min_size=1,
    max_size=9,
    unique=True,
)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    graph = Graph()
    for name in draw(names):
        graph.add_node(None, name)
    ends = st.sampled_from(list(graph.nodes.values()))
    pairs = draw(
        st.lists(st.tuples(ends, ends), max_size=16, unique_by=lambda pair: (pair[0].id, pair[1].id))
    )
    for source, target in pairs:
        graph.add_edge(source, target, draw(st.none() | st.text("HIJ ", max_size=9)), draw(st.booleans()))
    return graph


@given(graphs())
def test_every_graph_can_be_drawn(graph: Graph) -> None:
    """Every box is there, every edge has one arrow, and no line of the picture ends in a space."""
    text = graph.draw_ascii()
    assert text == graph.draw_ascii()
    for node in graph.nodes.values():
        assert re.search(rf"\|\s+{' '.join(node.name.split())}\s+\|", text)
    loops = {edge.source for edge in graph.edges if edge.source == edge.target}
    ways = [edge for edge in graph.edges if edge.source != edge.target]
    assert len(ways) == text.count("v") + text.count("^")
    assert len(loops) == text.count("<")
    assert all(line == line.rstrip() for line in text.splitlines())


@given(graphs())
def test_every_graph_is_a_whole_image(graph: Graph) -> None:
    """The SVG is well-formed, and has a box for each node and an arrow for each edge."""
    svg = "{http://www.w3.org/2000/svg}"
    root = ElementTree.fromstring(graph.draw_svg())
    texts = [element.text for element in root.iter(f"{svg}text")]
    heads = [path for path in root.iter(f"{svg}path") if {"marker-end", "marker-start"} & set(path.keys())]
    assert len(graph.nodes) == len(list(root.iter(f"{svg}rect")))
    assert {" ".join(node.name.split()) for node in graph.nodes.values()} <= set(texts)
    assert len(graph.edges) == len(heads)


def test_texts_of_an_image_are_escaped() -> None:
    """A name with angle brackets and ampersands arrives as it is."""
    graph = Graph()
    graph.add_node(None, "<a & b>")
    root = ElementTree.fromstring(graph.draw_svg())
    assert ["<a & b>"] == [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]


def test_a_long_way_back_is_drawn_in_time() -> None:
    """A loop over hundreds of nodes is no more work than its length."""
    graph = (
        chain(Engine, *(f"n{number}" for number in range(240))).add_edge("n239", "n0").compile().get_graph()
    )
    text = graph.draw_ascii()
    assert (241, 1) == (text.count("v"), text.count("^"))
