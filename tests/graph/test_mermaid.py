"""Mermaid text of graphs made by hand: what the recorded drawings of compiled graphs do not reach."""

from __future__ import annotations

import re
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otgraph.graph.drawing import Graph
from otgraph.graph.frontmatter import write_frontmatter
from otgraph.graph.mermaid import CurveStyle, NodeStyles, escape_id


def graph_of(*names: str, edges: tuple[tuple[Any, ...], ...] = (), **metadata: Any) -> Graph:
    graph = Graph()
    for name in names:
        graph.add_node(None, name, metadata=metadata.get(name))
    for source, target, *rest in edges:
        graph.add_edge(graph.nodes[source], graph.nodes[target], *rest)
    return graph


def body(graph: Graph) -> list[str]:
    """Return the lines between the header and the classes."""
    lines = graph.draw_mermaid().splitlines()
    return [line.strip() for line in lines[lines.index("graph TD;") + 1 : -3]]


def test_solid_edges_have_labels_too() -> None:
    """A label stands in the middle of its arrow, dotted or solid; it may be any object."""
    graph = graph_of("a", "b", edges=(("a", "b", "x"), ("a", "b", 3, True), ("b", "a")))
    expected = ["a(a)", "b(b)", "a -- &nbsp;x&nbsp; --> b;", "a -. &nbsp;3&nbsp; .-> b;", "b --> a;"]
    assert expected == body(graph)


def test_a_lonely_node_is_the_last() -> None:
    """A node that is both first and last is drawn as the last."""
    assert ["a([a]):::last"] == body(graph_of("a"))


def test_several_loops_at_one_node_are_a_subgraph() -> None:
    """One edge from a node to itself is an edge; more are written in a block of the node's name."""
    graph = graph_of("a", edges=(("a", "a"),))
    assert ["a(a)", "a --> a;"] == body(graph)
    graph = graph_of("a", edges=(("a", "a"), ("a", "a", "x")))
    assert ["a(a)", "subgraph a", "a --> a;", "a -- &nbsp;x&nbsp; --> a;", "end"] == body(graph)


def test_subgraphs_of_one_name_are_told_apart() -> None:
    """The second of two blocks with one name gets an id of its own; Mermaid would merge them."""
    names = ("a:sub:x", "a:sub:y", "b:sub:x", "b:sub:y", "a:z", "b:z")
    inside = (("a:sub:x", "a:sub:y"), ("b:sub:x", "b:sub:y"), ("a:z", "a:sub:x"), ("b:z", "b:sub:x"))
    blocks = [line for line in body(graph_of(*names, edges=inside)) if line.startswith("subgraph")]
    assert ["subgraph a", "subgraph sub", "subgraph b", 'subgraph b\\3asub ["sub"]'] == blocks


def test_sets_are_written_in_order() -> None:
    """Metadata in a set is sorted, so that a diagram does not change from run to run."""
    graph = graph_of("a", "b", "c", a={"tags": {"q", "z", "a", "m"}, "ids": {10, 9, 1}})
    assert "a(a<hr/><small><em>tags = a, m, q, z\nids = 1, 10, 9</em></small>)" in graph.draw_mermaid()


@pytest.mark.parametrize(
    "value", [None, {}, {"a": 1}, object(), b"x", [None], [[1]], ("a", {"b": 1}), frozenset("a")]
)
def test_metadata_that_fits_on_no_line_is_left_out(value: Any) -> None:
    """Only texts, numbers and flat collections of them are shown."""
    assert "a(a)" in body(graph_of("a", "b", "c", a={"k": value}))


def test_options_reach_the_text() -> None:
    """The curve, the colours and the front matter are the caller's, whose objects are not changed."""
    config: dict[str, Any] = {"config": {"theme": "dark"}}
    text = graph_of("a").draw_mermaid(
        curve_style=CurveStyle.STEP, node_colors=NodeStyles(first="fill:red"), frontmatter_config=config
    )
    assert text.startswith("---\nconfig:\n  flowchart:\n    curve: step\n  theme: dark\n---\ngraph TD;\n")
    assert "\tclassDef first fill:red\n" in text
    assert {"config": {"theme": "dark"}} == config


def test_names_of_curves_may_be_anothers() -> None:
    """The value of another library's enumeration is enough, or the value alone."""
    other = Enum("CurveStyle", {"BASIS": "basis"})
    for asked in (other["BASIS"], "basis"):
        assert "curve: basis" in graph_of("a").draw_mermaid(curve_style=asked)  # type: ignore[arg-type]


def test_a_line_of_no_words_is_refused() -> None:
    """Labels cannot be broken into lines of no words."""
    with pytest.raises(ValueError, match="at least 1, got 0"):
        graph_of("a").draw_mermaid(wrap_label_n_words=0)


@given(st.text())
def test_ids_are_readable_by_mermaid_and_distinct_for_one_character(text: str) -> None:
    """An escaped id has no character that Mermaid stops at, and plain ids stay as they are."""
    escaped = escape_id(text)
    assert re.fullmatch(r"[a-zA-Z0-9_\\-]*", escaped)
    assert (escaped == text) == (re.fullmatch(r"[a-zA-Z0-9_-]*", text) is not None)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain text", "plain text"),
        ("fill:#fff,stroke:1", "fill:#fff,stroke:1"),
        ("a: b", "'a: b'"),
        ("a #b", "'a #b'"),
        ("#fff", "'#fff'"),
        ("it's: so", "'it''s: so'"),
        ("", "''"),
        (" a", "' a'"),
        ("Yes", "'Yes'"),
        ("null", "'null'"),
        ("12", "'12'"),
        ("1e3", "'1e3'"),
        ("2026-01-01", "'2026-01-01'"),
        ("-", "'-'"),
        ("-a", "-a"),
        ("---", "'---'"),
        ("a\nb", '"a\\x0Ab"'),
        ("é🙂", '"\\xE9\\U0001F642"'),
        ('\u2028"\\', '"\\u2028\\"\\\\"'),
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        ({}, "{}"),
        ([], "[]"),
    ],
)
def test_front_matter_quotes_what_yaml_would_misread(value: Any, written: str) -> None:
    """A text stays a text, and everything else is what it is."""
    expected = ["---", "config:", "  flowchart:", "    curve: linear", f"x: {written}", "---"]
    assert expected == write_frontmatter({"x": value}, "linear").splitlines()


def test_front_matter_nests() -> None:
    """Mappings are indented and sorted, lists are not."""
    text = write_frontmatter({"b": [1, {"y": 2, "x": [3]}, [4, 5]], "a": {"c": None}}, "linear")
    expected = """\
---
a:
  c: null
b:
- 1
- x:
  - 3
  y: 2
- - 4
  - 5
config:
  flowchart:
    curve: linear
---"""
    assert expected == text
