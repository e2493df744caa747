"""
Graphs to draw, built in the same way on either engine, and the text a drawing is compared by.

The drawings in `golden/` are LangGraph's. To record them again, run this file with a Python that has
langgraph 1.2.22: `python tests/graph/drawn_graphs.py`.
"""

from __future__ import annotations

import json
import operator
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Annotated, Any, Literal, TypedDict

GOLDEN = Path(__file__).parent / "golden"
RANDOM = GOLDEN / "random_edges.jsonl"
"""Graphs as data, each with its edges."""

START, END = "__start__", "__end__"

Make = Callable[[Any], Any]
CASES: dict[str, tuple[Make, dict[str, Any]]] = {}
"""Name -> what compiles the graph, and how it is drawn."""


class State(TypedDict):
    log: Annotated[list[str], operator.add]


def node(state: State) -> dict[str, Any]:
    return {}


def drawn(**how: Any) -> Callable[[Make], Make]:
    def keep(make: Make) -> Make:
        CASES[make.__name__] = (make, how)
        return make

    return keep


def golden_path(name: str) -> Path:
    return GOLDEN / f"{name}.txt"


def text_of(graph: Any, how: dict[str, Any]) -> str:
    """Return all that is compared of a compiled graph's drawing."""
    parts = []
    options = {key: value for key, value in how.items() if key != "xray"}
    for xray in how.get("xray", [False]):
        drawing = graph.get_graph(xray=xray)
        first, last = drawing.first_node(), drawing.last_node()
        parts += [
            f"== xray={xray} first={first and first.id} last={last and last.id}",
            *(
                f"node {key!r} {node.id!r} {node.name!r} {node.metadata}"
                for key, node in drawing.nodes.items()
            ),
            *(
                f"edge {edge.source!r} {edge.target!r} {edge.data!r} {edge.conditional}"
                for edge in drawing.edges
            ),
            drawing.draw_mermaid(**options),
        ]
    return "\n".join(parts)


def chain(engine: Any, *names: str, **metadata: dict[str, Any]) -> Any:
    """Return a builder in which each node follows the one before it."""
    builder, before = engine.StateGraph(State), START
    for name in names:
        builder.add_node(name, node, metadata=metadata.get(name))
        builder.add_edge(before, name)
        before = name
    return builder


def nodes(engine: Any, *names: str) -> Any:
    builder = engine.StateGraph(State)
    for name in names:
        builder.add_node(name, node)
    return builder


def choose(state: State):  # type: ignore[no-untyped-def]  # what it may return must not be said
    return "b"


def decide(state: State):  # type: ignore[no-untyped-def]
    return "b"


@drawn()
def linear(engine: Any) -> Any:
    return chain(engine, "c", "a", "b").add_edge("b", END).compile()


@drawn(with_styles=False)
def without_styles(engine: Any) -> Any:
    return chain(engine, "c", "a", "b").compile()


@drawn()
def breakpoints(engine: Any) -> Any:
    return chain(engine, "c", "a", "b").compile(interrupt_before=["a", "b"], interrupt_after=["b", "c"])


@drawn()
def breakpoints_everywhere(engine: Any) -> Any:
    return chain(engine, "a").compile(interrupt_before="*", interrupt_after="*")


@drawn()
def path_map(engine: Any) -> Any:
    builder = nodes(engine, "a", "b", "c", "d")
    builder.set_entry_point("a")
    builder.add_conditional_edges("a", choose, {"yes": "b", "no": "c", "d": "d", True: END, 1.5: "d"})
    return builder.add_edge("b", "d").add_edge("c", "d").compile()


@drawn()
def literal(engine: Any) -> Any:
    def route(state: State) -> Literal["c", "b", "__end__"]:
        return "b"

    builder = nodes(engine, "a", "b", "c").add_edge(START, "a").add_edge("b", "a")
    return builder.add_conditional_edges("a", route).compile()


@drawn()
def branch_that_says_nothing(engine: Any) -> Any:
    builder = nodes(engine, "a", "b", "c").add_edge(START, "a").add_edge("b", "a")
    return builder.add_conditional_edges("a", choose).compile()


@drawn()
def path_list(engine: Any) -> Any:
    builder = nodes(engine, "a", "b", "c").add_edge(START, "a").add_edge("b", "a")
    return builder.add_conditional_edges("a", choose, ["c", "b"]).compile()


@drawn()
def branch_from_the_start(engine: Any) -> Any:
    return nodes(engine, "a", "b", "c").add_conditional_edges(START, choose, ["c", "b", END]).compile()


@drawn()
def branches_and_an_edge_to_one_node(engine: Any) -> Any:
    builder = nodes(engine, "a", "b").add_edge(START, "a").add_edge("a", "b")
    builder.add_conditional_edges("a", choose, {"y": "b", "x": "b"})
    return builder.add_conditional_edges("a", decide, {"w": "b", "z": END}).compile()


@drawn()
def branch_with_an_edge_to_the_end(engine: Any) -> Any:
    builder = nodes(engine, "a", "b").add_edge(START, "a").add_edge("a", END)
    return builder.add_conditional_edges("a", choose, {"x": "b"}).compile()


@drawn()
def metadata(engine: Any) -> Any:
    builder = engine.StateGraph(State)
    values = {
        "k": "v",
        "list": [1, 2],
        "none": None,
        "dict": {"a": 1},
        "set": {"p"},
        "escaped": "<a>(b)[c]{d}|#\"&'",
    }
    builder.add_node("a", node, metadata=values)
    builder.add_node("b", node, defer=True)
    builder.add_node("c", node, defer=True, metadata={"q": 1.5, "lines": "one\ntwo"})
    builder.add_edge(START, "a").add_edge("a", "b").add_edge("a", "c")
    return builder.compile(interrupt_before=["c"])


@drawn()
def join(engine: Any) -> Any:
    builder = nodes(engine, "z", "a", "b", "c").add_edge(START, "z").add_edge("z", "a").add_edge("z", "b")
    return builder.add_edge(["a", "b"], "c").compile()


@drawn()
def join_in_a_loop(engine: Any) -> Any:
    builder = nodes(engine, "a", "b", "j").add_edge(START, "a").add_edge("a", "b").add_edge("j", "b")
    return builder.add_edge(["a", "b"], "j").compile()


@drawn()
def join_that_never_happens(engine: Any) -> Any:
    builder = nodes(engine, "a", "b", "c", "d").add_edge(START, "a").add_edge("c", "d")
    return builder.add_edge(["a", "b"], "c").compile()


@drawn()
def commands(engine: Any) -> Any:
    def leave(state: State) -> Any:
        return engine.Command(goto="b")

    # Annotations are text in this module, and `engine` is not among its globals.
    leave.__annotations__ = {"return": engine.Command[Literal["b", "c", "__end__"]]}
    builder = engine.StateGraph(State)
    builder.add_node("a", leave)
    builder.add_node("b", node)
    builder.add_node("c", node, destinations=("b", "a"))
    builder.add_node("d", node, destinations={"a": "to a", "b": "b", END: "done"})
    return builder.add_edge(START, "a").add_edge("a", "b").add_edge("b", "d").compile()


@drawn()
def names_to_escape(engine: Any) -> Any:
    return chain(
        engine, "a b", "é", "x.y", "1-2", 'q"q', "<p>", "a_b", "a\nb", "日本", "🙂", "[z]", "\\3a"
    ).compile()


@drawn()
def names_like_markdown(engine: Any) -> Any:
    return chain(engine, "_x_", "*b*", "**", "`t`", "_", "_a", "a_", "~s~", "_a*", _x_={"k": 1}).compile()


@drawn()
def labels(engine: Any) -> Any:
    words = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    texts = [words, "a|b", "<p>", '"q"', "", "  two  spaces ", "new\nline", "x;y"]
    builder = nodes(engine, "a", *(f"n{number}" for number in range(len(texts)))).add_edge(START, "a")
    ends = {text: f"n{number}" for number, text in enumerate(texts)}
    return builder.add_conditional_edges("a", choose, ends).compile()


@drawn(wrap_label_n_words=2)
def labels_wrapped(engine: Any) -> Any:
    builder = nodes(engine, "a", "b", "c").add_edge(START, "a")
    ends = {"one two three four five": "b", "a b": "c", "  x  y z ": END}
    return builder.add_conditional_edges("a", choose, ends).compile()


@drawn(curve="step_after", colors=("fill:red", "fill:blue", "fill:green"))
def styles(engine: Any) -> Any:
    return chain(engine, "a").compile()


@drawn(
    frontmatter_config={
        "title": "a: b",
        "config": {
            "theme": "neutral",
            "themeVariables": {"color": "#e2e2e2", "on": True, "x": [1, {"a": None}]},
        },
    }
)
def front_matter(engine: Any) -> Any:
    return chain(engine, "a").compile()


@drawn(frontmatter_config={"config": {"flowchart": {"curve": "basis", "padding": 1}, "u": "é", "q": "it's"}})
def front_matter_with_a_curve(engine: Any) -> Any:
    return chain(engine, "a").compile()


@drawn()
def loop_of_two(engine: Any) -> Any:
    return chain(engine, "a", "b").add_edge("b", "a").compile()


@drawn()
def loop_of_three(engine: Any) -> Any:
    return chain(engine, "a", "b", "c").add_edge("c", "a").compile()


@drawn()
def loops_side_by_side(engine: Any) -> Any:
    builder = nodes(engine, "a", "b", "c", "d").add_edge(START, "a").add_edge(START, "b")
    return builder.add_edge("a", "c").add_edge("c", "a").add_edge("b", "d").add_edge("d", "b").compile()


@drawn()
def loop_with_an_exit(engine: Any) -> Any:
    builder = nodes(engine, "agent", "tools").add_edge(START, "agent").add_edge("tools", "agent")
    return builder.add_conditional_edges("agent", choose, ["tools", END]).compile()


@drawn()
def self_loop(engine: Any) -> Any:
    builder = nodes(engine, "a", "b").add_edge(START, "a").add_edge("b", "b").add_edge("a", "b")
    return builder.add_conditional_edges("a", choose, {"again": "a", "stop": END}).compile()


@drawn()
def chain_longer_than_the_dry_run(engine: Any) -> Any:
    return chain(engine, *(f"n{number}" for number in range(253))).compile()


@drawn()
def unreachable(engine: Any) -> Any:
    return nodes(engine, "a", "b", "c").add_edge(START, "a").add_edge("b", "c").compile()


@drawn()
def only_the_end(engine: Any) -> Any:
    return nodes(engine, "a").add_edge(START, END).compile()


@drawn()
def deferred(engine: Any) -> Any:
    builder = nodes(engine, "a", "c", "d").add_node("b", node, defer=True)
    builder.add_edge(START, "a").add_edge("a", "b").add_edge("a", "c").add_edge("c", "d").add_edge("d", "b")
    return builder.compile()


@drawn()
def deferred_until_others_end(engine: Any) -> Any:
    builder = nodes(engine, "a", "c", "d").add_node("b", node, defer=True)
    builder.add_edge(START, "a").add_edge(START, "b").add_edge("a", "c").add_edge("a", "d")
    return builder.compile()


@drawn()
def error_handlers(engine: Any) -> Any:
    def handle(state: State, error: Any) -> dict[str, Any]:
        return {}

    builder = engine.StateGraph(State)
    builder.add_node("a", node, error_handler=handle)
    builder.add_node("b", node)
    builder.set_node_defaults(error_handler=handle)
    return builder.add_edge(START, "a").add_edge("a", "b").compile()


def around(engine: Any, inner: Any, name: str = "sub", **how: Any) -> Any:
    """Return a graph with `inner` between two nodes."""
    builder = chain(engine, "a").add_node(name, inner, **how).add_node("z", node)
    return builder.add_edge("a", name).add_edge(name, "z").compile()


def two_ways(engine: Any) -> Any:
    builder = nodes(engine, "p", "q").add_edge(START, "p").add_edge(START, "q")
    return builder.compile(interrupt_before=["q"])


XRAYS = [False, True, 0, 1, 2]


@drawn(xray=XRAYS)
def subgraph(engine: Any) -> Any:
    return around(engine, chain(engine, "x", "y").compile(), metadata={"lost": 1}, defer=True)


@drawn(xray=[True])
def subgraph_with_two_ways(engine: Any) -> Any:
    return around(engine, two_ways(engine), "my sub")


@drawn(xray=[True])
def subgraph_of_one_node(engine: Any) -> Any:
    return around(engine, chain(engine, "only").compile())


@drawn(xray=[True])
def subgraph_with_a_self_loop(engine: Any) -> Any:
    return around(engine, chain(engine, "u").add_edge("u", "u").compile())


@drawn(xray=[True])
def subgraph_without_clear_ends(engine: Any) -> Any:
    return around(engine, nodes(engine, "p", "q").add_edge(START, "p").compile())


@drawn(xray=XRAYS)
def nested_subgraphs(engine: Any) -> Any:
    inner = chain(engine, "x", "y").compile()
    return around(engine, chain(engine, "i").add_node("g", inner).add_edge("i", "g").compile())


@drawn(xray=[True])
def nested_subgraph_of_one_node(engine: Any) -> Any:
    inner = chain(engine, "only").compile()
    return around(engine, chain(engine, "i").add_node("g", inner).add_edge("i", "g").compile())


@drawn(xray=[True])
def subgraphs_in_a_loop(engine: Any) -> Any:
    builder = engine.StateGraph(State)
    builder.add_node("sub", chain(engine, "x", "y").compile())
    builder.add_node("sub2", two_ways(engine))
    builder.add_edge(START, "sub").add_edge("sub2", "sub")
    builder.add_conditional_edges("sub", choose, {"again": "sub", "two": "sub2", "e": END})
    return builder.compile()


@drawn(xray=[True], with_styles=False)
def subgraphs_without_styles(engine: Any) -> Any:
    return subgraphs_in_a_loop(engine)


@drawn(xray=[True])
def subgraphs_with_nodes_of_one_name(engine: Any) -> Any:
    builder = chain(engine, "a").add_node("one", chain(engine, "x").compile())
    builder.add_node("two", two_ways(engine)).add_edge("a", "one").add_edge("a", "two")
    return builder.add_edge("two", "one").compile()


@drawn(xray=[True])
def neighbouring_subgraphs(engine: Any) -> Any:
    builder = nodes(engine).add_node("one", chain(engine, "x").compile())
    builder.add_node("two", chain(engine, "x").compile())
    return builder.add_edge(START, "one").add_edge("one", "two").compile()


@drawn(xray=[False, True])
def subgraph_called_in_a_node(engine: Any) -> Any:
    inner = chain(engine, "x", "y").compile()

    def call(state: State) -> Any:
        return inner.invoke(state)

    return chain(engine).add_node("call", call).add_edge(START, "call").compile()


def mermaid_options(engine: Any, how: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a case with the engine's own classes in them."""
    options = {key: value for key, value in how.items() if key not in ("curve", "colors")}
    if "curve" in how:
        options["curve_style"] = engine.CurveStyle[how["curve"].upper()]
    if "colors" in how:
        options["node_colors"] = engine.NodeStyles(*how["colors"])
    return options


def draw(name: str, engine: Any) -> str:
    make, how = CASES[name]
    return text_of(make(engine), mermaid_options(engine, how))


def described(engine: Any, graph: dict[str, Any]) -> Any:
    """Return a graph made from plain data."""
    builder = engine.StateGraph(State)
    for name, how in graph["nodes"].items():
        ends = how.get("dest")
        builder.add_node(
            name,
            node,
            defer=how.get("defer", False),
            destinations=tuple(ends) if isinstance(ends, list) else ends,
        )
    for start, end in [*graph["edges"], *graph["joins"]]:
        builder.add_edge(start, end)
    for number, (source, ends) in enumerate(graph["branches"]):
        path = FunctionType(choose.__code__, {}, f"branch_{number}")
        builder.add_conditional_edges(source, path, ends)
    return builder.compile()


def edges_of(graph: Any) -> list[list[Any]]:
    return [list(edge) for edge in graph.get_graph().edges]


def record() -> None:
    """Write what LangGraph draws."""
    from langchain_core.runnables.graph import CurveStyle, NodeStyles
    from langgraph.graph import StateGraph
    from langgraph.types import Command

    engine = SimpleNamespace(
        StateGraph=StateGraph, Command=Command, CurveStyle=CurveStyle, NodeStyles=NodeStyles
    )
    for name in CASES:
        golden_path(name).write_text(draw(name, engine), encoding="utf-8")
    graphs = [json.loads(line)["graph"] for line in RANDOM.read_text().splitlines()]
    lines = [json.dumps({"graph": graph, "drawn": edges_of(described(engine, graph))}) for graph in graphs]
    RANDOM.write_text("\n".join([*lines, ""]))
    sys.stdout.write(f"{len(CASES)} drawings, {len(lines)} random graphs\n")


if __name__ == "__main__":
    record()
