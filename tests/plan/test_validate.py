"""Every mistake in a declaration, and what is said about it."""

import operator
import re
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import TypedDict

from otgraph.channels.ephemeral_value import EphemeralValue
from otgraph.channels.last_value import LastValue
from otgraph.channels.topic import Topic
from otgraph.constants import END, RESERVED, START
from otgraph.managed.is_last_step import IsLastStep, RemainingSteps
from otgraph.plan.callee import inspect_callee
from otgraph.plan.channels import add_schema, schema_of
from otgraph.plan.declared import BranchSpec, Declared, NodeSpec
from otgraph.plan.lower import lower
from otgraph.plan.validate import (
    check_breakpoints,
    check_checkpointer,
    check_edge,
    check_graph,
    check_node_name,
    check_waiting_edge,
)
from otgraph.policies import TimeoutPolicy
from otgraph.timeout import read_timeout


class State(TypedDict):
    a: int
    items: Annotated[list, operator.add]


def keep(state: Any) -> Any:
    return {}


async def keep_slowly(state: Any) -> Any:
    return {}


def declare(*nodes: str, edges: tuple[tuple[str, str], ...] = ((START, "a"),), **others: Any) -> Declared:
    declared = Declared(State, State, State, **others)
    add_schema(declared, State)
    for name in nodes or ("a",):
        declared.nodes[name] = NodeSpec(name, inspect_callee(keep, name), State)
    declared.edges.update(edges)
    return declared


def says(text: str, error: type[Exception] = ValueError) -> Any:
    """Expect this very text; what else is said is a hint."""
    return pytest.raises(error, match=rf"^{re.escape(text)}(?:\n|\Z)")


# ------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a", "Node `a` already present."),
        (END, "Node `__end__` is reserved."),
        (START, "Node `__start__` is reserved."),
        ("a|b", "'|' is a reserved character and is not allowed in the node names."),
        ("a:b", "':' is a reserved character and is not allowed in the node names."),
        ("__interrupt__", "Node name '__interrupt__' is reserved"),
    ],
)
def test_node_name(name: str, text: str) -> None:
    """A node's name must be new, not reserved, and free of the separators of namespaces."""
    with says(text):
        check_node_name(name, {"a"})


@given(st.text())
def test_any_other_name_will_do(name: str) -> None:
    """Every text without separators that is not reserved can name a node."""
    allowed = not ({"|", ":"} & set(name)) and name not in {START, END, *RESERVED, "taken"}
    try:
        check_node_name(name, ["taken"])
    except ValueError:
        assert not allowed
    else:
        assert allowed


# ------------------------------------------------------------------- edges


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ("a", START, "START cannot be an end node"),
        (END, "a", "END cannot be a start node"),
    ],
)
def test_edge_through_the_ends(start: str, end: str, text: str) -> None:
    """Nothing leads to START and nothing leads from END."""
    with says(text):
        check_edge(start, end)
    with says(text):
        check_waiting_edge((start,), end, {"a"})


@pytest.mark.parametrize(
    ("starts", "end", "text"),
    [
        (("a", "x"), "a", "Need to add_node `x` first"),
        (("a",), "x", "Need to add_node `x` first"),
        (("a", START), "a", "Need to add_node `__start__` first"),
        ((), "a", "The edge to 'a' starts nowhere: give at least one node to wait for."),
    ],
)
def test_list_edge(starts: tuple[str, ...], end: str, text: str) -> None:
    """The nodes of a list edge are there before it, and there is at least one."""
    with says(text):
        check_waiting_edge(starts, end, {"a"})


@pytest.mark.parametrize(
    ("edges", "text"),
    [
        (((START, "a"), ("x", "a")), "Found edge starting at unknown node 'x'"),
        (((START, "a"), ("a", "x")), "Found edge ending at unknown node `x`"),
        (((START, "x"),), "Found edge ending at unknown node `x`"),
        (
            (("a", END),),
            "Graph must have an entrypoint: add at least one edge from START to another node",
        ),
        ((), "Graph must have an entrypoint: add at least one edge from START to another node"),
    ],
)
def test_edges_of_a_graph(edges: tuple[tuple[str, str], ...], text: str) -> None:
    """Every edge joins nodes that are there, and one comes from START."""
    with says(text):
        check_graph(declare(edges=edges))


@pytest.mark.parametrize("edges", [((START, "a"), ("a", END)), ((START, "a"),), ((START, END),)])
def test_graph_without_mistakes(edges: tuple[tuple[str, str], ...]) -> None:
    """A node need not lead anywhere, need not be reached, and a graph may do nothing."""
    check_graph(declare(edges=edges))


@pytest.mark.parametrize("source", ["a", START])
@pytest.mark.parametrize("end", ["x", START])
def test_branch_to_an_unknown_node(source: str, end: str) -> None:
    """A branch that says where it leads says it of nodes that are there."""
    declared = declare()
    branch = BranchSpec("route", inspect_callee(keep), {"result": end})
    declared.branches[source] = {"route": branch}
    with says(f"At '{source}' node, 'route' branch found unknown target '{end}'"):
        check_graph(declared)


@pytest.mark.parametrize("source", ["x", END])
def test_branch_from_an_unknown_node(source: str) -> None:
    """A branch starts at a node that is there."""
    declared = declare()
    declared.branches[source] = {"route": BranchSpec("route", inspect_callee(keep))}
    with says(f"Found edge starting at unknown node '{source}'"):
        check_graph(declared)


def test_branch_from_start_is_an_entry() -> None:
    """A graph may be entered through a branch alone."""
    declared = declare(edges=())
    declared.branches[START] = {"route": BranchSpec("route", inspect_callee(keep), {"done": END})}
    check_graph(declared)


@pytest.mark.parametrize("destinations", [("x",), {"x": "label"}, ("a", END, "x")])
def test_unknown_destination(destinations: Any) -> None:
    """What a node says of where its commands lead is checked too."""
    declared = declare()
    declared.nodes["a"] = NodeSpec("a", inspect_callee(keep), State, destinations=destinations)
    with says("Found edge ending at unknown node `x`"):
        check_graph(declared)


@pytest.mark.parametrize("node", ["x", START, END])
def test_unknown_breakpoint(node: str) -> None:
    """A breakpoint stands at a node of the user's."""
    with says(f"Interrupt node `{node}` not found"):
        check_graph(declare(), ["a", node])


@pytest.mark.parametrize(
    ("given_breakpoints", "kept"),
    [(None, ()), ([], ()), (["a"], ("a",)), ("*", "*"), (("a", "b"), ("a", "b"))],
)
def test_breakpoints(given_breakpoints: Any, kept: Any) -> None:
    """Breakpoints are names, or a star for all nodes."""
    assert kept == check_breakpoints(given_breakpoints)


def test_breakpoint_that_is_one_string() -> None:
    """One name without a list is a mistake that is explained."""
    with pytest.raises(TypeError, match=r"Write \['step'\]\."):
        check_breakpoints("step")


# ------------------------------------------------------------------- channels


def schema(**keys: Any) -> Any:
    return TypedDict("Shown", keys)  # type: ignore[misc]


def first(left: int, right: int) -> int:
    return left


def second(left: int, right: int) -> int:
    return right


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (int, Annotated[int, operator.add]),
        (int, Annotated[int, EphemeralValue]),
        (Annotated[int, first], Annotated[int, second]),
        (Annotated[int, operator.add], Annotated[int, operator.sub]),
        (Annotated[int, Topic(int)], Annotated[int, Topic(int, accumulate=True)]),
        (Annotated[int, EphemeralValue(int)], Annotated[int, EphemeralValue(int, guard=False)]),
        (Annotated[int, Topic], Annotated[int, operator.add]),
    ],
)
def test_key_with_two_rules(was: Any, becomes: Any) -> None:
    """A key that has a rule cannot be given another one."""
    declared = Declared(State, State, State)
    add_schema(declared, schema(k=was))
    with says("Channel 'k' already exists with a different type"):
        add_schema(declared, schema(k=becomes))


def test_refused_schema_adds_nothing() -> None:
    """A schema that is refused leaves no key behind."""
    declared = Declared(State, State, State)
    add_schema(declared, schema(k=int))
    with pytest.raises(ValueError, match="already exists"):
        add_schema(declared, schema(new=int, k=Annotated[int, operator.add]))
    assert ["k"] == list(declared.channels)


@pytest.mark.parametrize(
    ("was", "becomes", "kind"),
    [
        (int, str, LastValue),
        (Annotated[int, Topic], int, Topic),
        (Annotated[int, operator.add], Annotated[str, operator.add], None),
        (Annotated[int, lambda a, b: a], Annotated[int, lambda a, b: b], None),
        (Annotated[int, Topic(int)], Annotated[int, Topic(str)], Topic),
    ],
)
def test_key_named_again(was: Any, becomes: Any, kind: Any) -> None:
    """A key may be named again with the same rule, or without one: it keeps the rule it has."""
    declared = Declared(State, State, State)
    add_schema(declared, schema(k=was))
    before = declared.channels["k"]
    add_schema(declared, schema(k=becomes))
    assert before is declared.channels["k"]
    assert kind is None or type(before) is kind


def test_managed_values_at_a_boundary() -> None:
    """The engine's values can be neither given to a graph nor returned by it."""
    shown = schema(a=int, left=RemainingSteps, last=IsLastStep)
    for boundary in ("Input", "Output"):
        with says(
            "Invalid managed channels detected in Shown: left, last. "
            "Managed channels are not permitted in Input/Output schema."
        ):
            add_schema(Declared(State, State, State), shown, boundary)  # type: ignore[arg-type]


@pytest.mark.parametrize("order", [0, 1])
def test_managed_value_named_as_a_plain_key(order: int) -> None:
    """A key that one schema calls managed is managed in every schema, whichever came first."""
    plain, managed = schema(left=int, a=int), schema(left=RemainingSteps)
    declared = Declared(State, State, State)
    for typ in [(plain, managed), (managed, plain)][order]:
        add_schema(declared, typ)
    shown = schema_of(declared, plain)
    assert ("a",) == shown.keys == tuple(shown.channels)
    assert {"left"} == set(shown.managed)


@pytest.mark.parametrize("key", sorted(RESERVED - {"__pregel_tasks"}) + [START])
def test_reserved_key(key: str) -> None:
    """The engine's own channels cannot be keys of a state."""
    with says(f"Channel name '{key}' is reserved"):
        add_schema(Declared(State, State, State), schema(**{key: int}))


def test_key_for_packets_is_reserved() -> None:
    """Nor can the channel of the `Send` packets."""
    with says("Channel '__pregel_tasks' is reserved and cannot be used in the graph."):
        add_schema(Declared(State, State, State), schema(__pregel_tasks=int))


def test_key_named_as_an_edge() -> None:
    """A key cannot have the name that the graph gives to one of its edges."""
    declared = declare()
    add_schema(declared, schema(**{"branch:to:a": int}))
    with pytest.raises(ValueError, match="'branch:to:a' is reserved: an edge of this graph bears it"):
        lower(declared)


@pytest.mark.parametrize("typ", [None, 5, "State"])
def test_state_that_is_no_type(typ: Any) -> None:
    """What is no type makes a state of one value, and a warning."""
    declared = Declared(typ, typ, typ)
    with pytest.warns(UserWarning, match="Invalid state_schema: .* Expected a type or Annotated"):
        add_schema(declared, typ)
    assert ["__root__"] == list(declared.channels)


def test_unhashable_root_state() -> None:
    """A root state may be annotated with a channel, which has no hash."""
    typ = Annotated[list, Topic(int)]
    declared = Declared(typ, typ, typ)
    assert add_schema(declared, typ) is add_schema(declared, typ)
    assert schema_of(declared, typ).root


# ------------------------------------------------------------------- timeouts and savers


def limited(action: Callable[..., Any], **handler: Any) -> Declared:
    declared = declare()
    spec = NodeSpec("a", inspect_callee(action, "a"), State, timeout=read_timeout(1), **handler)
    declared.nodes["a"] = spec
    return declared


@pytest.mark.parametrize("action", [keep, keep_slowly])
def test_timeout_of_a_node(action: Callable[..., Any]) -> None:
    """A node of either colour can have a timeout; its error handler is not held to it."""
    plan = lower(limited(action, error_handler=inspect_callee(keep)))
    assert TimeoutPolicy(run_timeout=1.0) == plan.nodes["a"].timeout
    assert None is plan.nodes["__error_handler__a"].timeout


def test_default_timeout_holds_for_error_handlers() -> None:
    """A timeout for all nodes is one for error handlers too."""
    declared = limited(keep_slowly, error_handler=inspect_callee(keep))
    declared.defaults.timeout = read_timeout(2)
    assert TimeoutPolicy(run_timeout=2.0) == lower(declared).nodes["__error_handler__a"].timeout


class Saver:
    def get_tuple(self, config: Any) -> None: ...


@pytest.mark.parametrize("checkpointer", [None, True, False, Saver()])
def test_checkpointer(checkpointer: Any) -> None:
    """A saver is known by its methods, whoever wrote it."""
    check_checkpointer(checkpointer)


@pytest.mark.parametrize(("checkpointer", "kind"), [(5, "int"), (Saver, "type"), ("sqlite", "str")])
def test_no_checkpointer(checkpointer: Any, kind: str) -> None:
    """What is no saver is refused when the graph is compiled."""
    with pytest.raises(TypeError, match=f"Invalid checkpointer provided. .* Received {kind}"):
        check_checkpointer(checkpointer)
