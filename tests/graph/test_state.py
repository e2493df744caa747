"""The builder: what its methods accept, infer and refuse."""

import functools
import inspect
import logging
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import TypedDict

from otgraph.command import Command
from otgraph.constants import END, START
from otgraph.graph.state import StateGraph
from otgraph.managed.is_last_step import RemainingSteps
from otgraph.policies import CachePolicy, RetryPolicy, TimeoutPolicy, TracePolicy
from otgraph.warnings import LangGraphDeprecatedSinceV05, LangGraphDeprecatedSinceV10


class State(TypedDict):
    a: int
    items: Annotated[list, operator.add]


class Private(TypedDict):
    p: int


class Other(TypedDict):
    o: int


@dataclass
class Context:
    user: str = ""


def node(state: State) -> dict:
    return {}


async def slow(state: State) -> dict:
    return {}


def route(state: State) -> str:
    return END


class Callable_:
    def __call__(self, state: Private) -> dict:
        return {}


class Runnable:
    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func

    def get_name(self) -> str:
        return "runs"

    def invoke(self, input: Any, config: Any = None) -> Any:
        return self.func(input)

    async def ainvoke(self, input: Any, config: Any = None) -> Any:
        return self.func(input)


def graph() -> StateGraph:
    return StateGraph(State)


def says(text: str, error: type[Exception] = ValueError) -> Any:
    """Expect this very text; what else is said is a hint."""
    return pytest.raises(error, match=rf"^{re.escape(text)}(?:\n|\Z)")


# ------------------------------------------------------------------- schemas


def test_schemas_are_the_state_unless_given() -> None:
    """Input and output are the state's keys unless schemas of their own are given."""
    assert (State, State, None) == (graph().input_schema, graph().output_schema, graph().context_schema)
    builder = StateGraph(State, Context, input_schema=Private, output_schema=Other)
    assert (State, Private, Other) == (builder.state_schema, builder.input_schema, builder.output_schema)
    assert Context is builder.context_schema
    assert ["a", "items", "p", "o"] == list(builder.channels)


def test_former_names_of_schemas() -> None:
    """The arguments' former names still work, with a warning that names the new one."""
    with pytest.warns(LangGraphDeprecatedSinceV10, match="`config_schema` .* use `context_schema` instead"):
        assert Context is StateGraph(State, config_schema=Context).context_schema
    with pytest.warns(LangGraphDeprecatedSinceV05, match="`input` .* use `input_schema` instead"):
        assert Private is StateGraph(State, input=Private).input_schema
    with pytest.warns(LangGraphDeprecatedSinceV05, match="`output` .* use `output_schema` instead"):
        assert Private is StateGraph(State, output=Private).output_schema


def test_new_name_wins() -> None:
    """Given under both names, the new one counts; the warning points at the caller's line."""
    with pytest.warns(LangGraphDeprecatedSinceV05) as warned:
        assert Other is StateGraph(State, input=Private, input_schema=Other).input_schema
    assert __file__ == warned[0].filename


def test_unknown_arguments() -> None:
    """A misspelt argument is refused."""
    with says("StateGraph() got an unexpected keyword argument 'imput'", TypeError):
        StateGraph(State, imput=Private)
    with says("add_node() got an unexpected keyword argument 'retrys'", TypeError):
        graph().add_node("a", node, retrys=1)


@pytest.mark.parametrize("boundary", ["input_schema", "output_schema"])
def test_managed_value_at_a_boundary(boundary: str) -> None:
    """A schema for input or output with an engine's value is refused; as the state it is allowed."""
    managed: Any = TypedDict("Managed", {"a": int, "left": RemainingSteps})  # noqa: UP013
    with pytest.raises(ValueError, match="Invalid managed channels detected in Managed: left"):
        StateGraph(State, **{boundary: managed})
    assert {"left"} == set(StateGraph(managed).managed)


# ------------------------------------------------------------------- nodes


@pytest.mark.parametrize(
    ("action", "name"),
    [
        (node, "node"),
        (lambda state: {}, "<lambda>"),
        (Callable_(), "Callable_"),
        (functools.partial(node), "partial"),
        (Runnable(node), "runs"),
        ({"a": node}, "dict"),
    ],
)
def test_name_of_a_node(action: Any, name: str) -> None:
    """A node without a name bears its callable's."""
    builder = graph().add_node(action)
    assert [name] == list(builder.nodes)
    assert action is builder.nodes[name].action


def test_builder_methods_chain() -> None:
    """Every method that adds something returns the builder."""
    builder = graph()
    assert builder is builder.add_node("a", node)
    assert builder is builder.add_node("b", node)
    assert builder is builder.add_edge("a", "b")
    assert builder is builder.add_edge(["a", "b"], "b")
    assert builder is builder.add_conditional_edges("a", route)
    assert builder is builder.add_sequence([("c", node)])
    assert builder is builder.set_entry_point("a")
    assert builder is builder.set_finish_point("b")
    assert builder is builder.set_conditional_entry_point(route)
    assert builder is builder.set_node_defaults()
    assert builder is builder.validate()


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (("a",), RuntimeError, "Node 'a' has no callable: write add_node('a', function)."),
        (("a", None), RuntimeError, "Node 'a' has no callable: write add_node('a', function)."),
        ((None,), RuntimeError, "A node needs a callable: add_node(function) or add_node(name, function)."),
        ((3, node), TypeError, "The name of a node must be a string, not 3."),
        (
            ("a", 5),
            TypeError,
            "Expected a Runnable, callable or dict. Instead got an unsupported type: <class 'int'>",
        ),
        (("b", node), ValueError, "Node `b` already present."),
        ((END, node), ValueError, "Node `__end__` is reserved."),
        (
            ("a|b", node),
            ValueError,
            "'|' is a reserved character and is not allowed in the node names.",
        ),
    ],
)
def test_mistaken_nodes(arguments: tuple[Any, ...], error: type[Exception], text: str) -> None:
    """A node that cannot be is refused when it is added, and nothing is added."""
    builder = graph().add_node("b", node)
    with says(text, error):
        builder.add_node(*arguments)
    assert ["b"] == list(builder.nodes)


def test_builder_is_no_node() -> None:
    """A graph must be compiled before it can be a node."""
    with pytest.raises(TypeError, match="Expected a Runnable, callable or dict"):
        graph().add_node("sub", graph())


def shows(annotation: Any) -> Callable[..., Any]:
    def function(state: Any) -> dict: ...

    function.__annotations__["state"] = annotation
    return function


@pytest.mark.parametrize(
    ("action", "given_schema", "schema"),
    [
        (lambda state: {}, None, State),
        (shows(Private), None, Private),
        (shows(Private), Other, Other),
        (shows(dict), None, State),
        (Callable_(), None, Private),
        (functools.partial(shows(Private)), None, State),
        (Runnable(shows(Private)), None, State),
        ({"a": shows(Private)}, None, State),
    ],
)
def test_input_schema_of_a_node(action: Any, given_schema: Any, schema: Any) -> None:
    """`input_schema` beats the first parameter's annotation, which beats the state."""
    builder = graph().add_node("n", action, input_schema=given_schema).add_edge(START, "n")
    plan = builder.plan()
    assert schema is builder.nodes["n"].input_schema
    assert schema is plan.nodes["n"].schema.typ
    assert {"a", "items", *schema.__annotations__} == set(plan.stream_keys)


def test_input_schema_with_another_rule() -> None:
    """A node cannot give a state key another rule, and is not added then."""
    other: Any = TypedDict("Shown", {"a": Annotated[int, operator.add]})  # noqa: UP013
    builder = graph()
    with says("Channel 'a' already exists with a different type"):
        builder.add_node("n", node, input_schema=other)
    assert {} == builder.nodes


def test_policies_of_a_node() -> None:
    """Policies are kept in one form each."""
    first, second, trace = RetryPolicy(), RetryPolicy(max_attempts=9), TracePolicy()
    builder = graph().add_node(
        "n", slow, retry_policy=first, cache_policy=CachePolicy(ttl=1), timeout=timedelta(seconds=2)
    )
    builder.add_node(
        "m", node, retry_policy=[first, second], trace_policy=trace, metadata={"k": 1}, defer=True
    )
    n, m = builder.nodes["n"], builder.nodes["m"]
    assert ((first,), CachePolicy(ttl=1), TimeoutPolicy(run_timeout=2.0)) == (
        n.retry_policy,
        n.cache_policy,
        n.timeout,
    )
    assert ((first, second), trace, {"k": 1}, True) == (m.retry_policy, m.trace_policy, m.metadata, m.defer)


@pytest.mark.parametrize("policy", [5, ["policy"], "policy"])
def test_no_retry_policy(policy: Any) -> None:
    """What is no retry policy is refused."""
    with pytest.raises(TypeError, match="retry_policy must be a RetryPolicy or a sequence of them"):
        graph().add_node("n", node, retry_policy=policy)


def test_former_names_of_node_arguments() -> None:
    """`retry=` and `input=` still work, with a warning."""
    with pytest.warns(LangGraphDeprecatedSinceV05, match="`retry` is deprecated") as warned:
        builder = graph().add_node("n", node, retry=RetryPolicy())
    assert __file__ == warned[0].filename
    with pytest.warns(LangGraphDeprecatedSinceV05, match="`input` is deprecated"):
        builder.add_node("m", node, input=Private)
    assert (RetryPolicy(),) == builder.nodes["n"].retry_policy
    assert Private is builder.nodes["m"].input_schema


def commands(annotation: Any) -> Callable[..., Any]:
    def function(state: Any) -> Any: ...

    function.__annotations__["return"] = annotation
    return function


@pytest.mark.parametrize(
    ("action", "given_destinations", "destinations"),
    [
        (node, None, None),
        (node, ("x", "y"), ("x", "y")),
        (node, ["x"], ("x",)),
        (node, {"x": "label"}, {"x": "label"}),
        (commands(Command[Literal["x", "y"]]), None, ("x", "y")),
        (commands(Command[Literal["x", "y"]]), ("z",), ("z",)),
        (commands(Command[Literal["x", "y"]]), (), ()),
    ],
)
def test_destinations(action: Any, given_destinations: Any, destinations: Any) -> None:
    """`destinations=` beats a `Command[Literal[...]]` return annotation."""
    builder = graph().add_node("n", action, destinations=given_destinations)
    assert destinations == builder.nodes["n"].destinations


def test_destinations_may_come_later() -> None:
    """Destinations are looked for when the graph is compiled, not when the node is added."""
    builder = graph().add_node("n", commands(Command[Literal["later", "__end__"]])).add_edge(START, "n")
    with says("Found edge ending at unknown node `later`"):
        builder.plan()
    builder.add_node("later", node).plan()


def test_error_handler() -> None:
    """An error handler is in the plan and not among the builder's nodes."""
    builder = graph().add_node("n", node, error_handler=slow).add_edge(START, "n")
    assert ["n"] == list(builder.nodes)
    plan = builder.plan()
    assert slow is plan.nodes["__error_handler__n"].callee.coro
    builder.set_node_defaults(error_handler=node).add_node("m", node)
    assert "__default_error_handler__" == builder.plan().nodes["m"].error_handler


def test_defaults_add_up() -> None:
    """Setting one default keeps the others, and nodes added before have them too."""
    builder = graph().add_node("n", slow).add_edge(START, "n").set_node_defaults(timeout=3)
    builder.set_node_defaults(retry_policy=RetryPolicy()).set_node_defaults(cache_policy=CachePolicy())
    spec = builder.plan().nodes["n"]
    assert ((RetryPolicy(),), CachePolicy(), TimeoutPolicy(run_timeout=3.0)) == (
        spec.retry,
        spec.cache,
        spec.timeout,
    )


# ------------------------------------------------------------------- edges


def test_edges() -> None:
    """Edges and list edges are kept apart, list edges in the order of their nodes."""
    builder = graph().add_node("a", node).add_node("b", node)
    builder.set_entry_point("a").set_finish_point("b").add_edge("a", "b").add_edge(["b", "a"], END)
    assert {(START, "a"), ("a", "b"), ("b", END)} == builder.edges
    assert {(("b", "a"), END)} == builder.waiting_edges


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ("a", START, "START cannot be an end node"),
        (END, "a", "END cannot be a start node"),
        (["a", "x"], "a", "Need to add_node `x` first"),
        (["a"], "x", "Need to add_node `x` first"),
        ([END], "a", "END cannot be a start node"),
    ],
)
def test_mistaken_edges(start: Any, end: str, text: str) -> None:
    """An edge that cannot be is refused when it is added."""
    with says(text):
        graph().add_node("a", node).add_edge(start, end)


def literal(state: State) -> Literal["a", "__end__"]:
    return "a"


@pytest.mark.parametrize(
    ("path", "path_map", "ends"),
    [
        (route, None, None),
        (route, {}, None),
        (route, {True: "a", False: END}, {True: "a", False: END}),
        (route, ["a", END], {"a": "a", END: END}),
        (route, ("a",), {"a": "a"}),
        (route, "a", {"a": "a"}),
        (literal, None, {"a": "a", END: END}),
        (literal, ["a"], {"a": "a"}),
        (functools.partial(literal), None, None),
        (Runnable(literal), None, {"a": "a", END: END}),
    ],
)
def test_ends_of_a_branch(path: Any, path_map: Any, ends: Any) -> None:
    """A path map says where results lead, or else a `Literal` return annotation, or the results themselves."""
    builder = graph().add_node("a", node).add_conditional_edges("a", path, path_map)
    (branch,) = builder.branches["a"].values()
    assert ends == branch.ends
    assert path is branch.path


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (route, "route"),
        (lambda state: END, "condition"),
        (functools.partial(route), "condition"),
        (Callable_(), "condition"),
        (Runnable(route), "runs"),
    ],
)
def test_name_of_a_branch(path: Any, name: str) -> None:
    """A branch bears its function's name, and `condition` where that has none; two of a name are one too many."""
    builder = graph().add_node("a", node).add_conditional_edges("a", path)
    assert [name] == list(builder.branches["a"])
    with says(f"Branch with name `{name}` already exists for node `a`"):
        builder.add_conditional_edges("a", path)
    builder.add_conditional_edges(START, path)


def test_branch_that_is_shown_something_else() -> None:
    """A branch's first parameter names what it is shown, and may add private keys."""
    builder = (
        graph().add_node("a", node).set_entry_point("a").add_conditional_edges("a", shows(Private), [END])
    )
    plan = builder.plan()
    (branch,) = plan.nodes["a"].branches
    assert branch.schema is not None
    assert Private is branch.schema.typ
    assert "p" in plan.stream_keys


@pytest.mark.parametrize(
    ("method", "text"),
    [
        (lambda builder: builder.add_conditional_edges("a", 5), "Expected a Runnable, callable or dict"),
        (lambda builder: builder.add_conditional_edges("a", None), "Expected a Runnable, callable or dict"),
    ],
)
def test_branch_that_is_no_function(method: Any, text: str) -> None:
    """A branch is a callable."""
    with pytest.raises(TypeError, match=text):
        method(graph().add_node("a", node))


# ------------------------------------------------------------------- sequences


def test_sequence() -> None:
    """A sequence adds nodes and links each to the next."""
    builder = graph().add_sequence([node, ("b", node), slow])
    assert ["node", "b", "slow"] == list(builder.nodes)
    assert {("node", "b"), ("b", "slow")} == builder.edges


@pytest.mark.parametrize("nodes", [[node, node], [("a", node), ("a", slow)]])
def test_sequence_with_one_name_twice(nodes: Any) -> None:
    """Names in a sequence are unique, in the whole graph."""
    with pytest.raises(ValueError, match="Node names must be unique: node with the name '.*' already exists"):
        graph().add_sequence(nodes)


def test_empty_sequence() -> None:
    """A sequence has a node."""
    with says("Sequence requires at least one node."):
        graph().add_sequence([])


@given(st.lists(st.text(alphabet="abc", min_size=1), min_size=1, max_size=8, unique=True))
def test_any_sequence(names: list[str]) -> None:
    """A sequence of n nodes has n - 1 edges, and each node triggers the next alone."""
    builder = graph().add_sequence([(name, node) for name in names]).set_entry_point(names[0])
    plan = builder.plan()
    for name, following in zip(names, names[1:]):
        assert ((f"branch:to:{following}", None),) == plan.nodes[name].edges
    assert () == plan.nodes[names[-1]].edges


# ------------------------------------------------------------------- compiling


def test_graph_without_entry() -> None:
    """A graph is entered from START."""
    with says("Graph must have an entrypoint: add at least one edge from START to another node"):
        graph().add_node("a", node).plan()


@pytest.mark.parametrize("argument", ["interrupt_before", "interrupt_after"])
def test_breakpoints(argument: str) -> None:
    """Breakpoints are looked for when the graph is compiled; a star stands for all nodes."""
    builder = graph().add_node("a", node).set_entry_point("a")
    with says("Interrupt node `x` not found"):
        builder.plan(**{argument: ["a", "x"]})
    assert ("a",) == getattr(builder.plan(**{argument: ["a"]}), argument)
    assert "*" == getattr(builder.plan(**{argument: "*"}), argument)


def test_validate() -> None:
    """`validate` can be called at any time and takes breakpoints."""
    builder = graph().add_node("a", node).set_entry_point("a")
    assert builder is builder.validate(["a"])
    with says("Interrupt node `x` not found"):
        builder.validate(["x"])


def test_changes_after_compiling(caplog: pytest.LogCaptureFixture) -> None:
    """A builder may be changed after `compile`, with a warning that the compiled graph stays as it is."""
    builder = graph().add_node("a", node).set_entry_point("a")
    plan = builder.plan()
    builder.compiled = True
    with caplog.at_level(logging.WARNING):
        builder.add_node("b", node).add_edge("a", "b").add_conditional_edges("a", route)
    assert [
        f"Adding {what} to a graph that has already been compiled. This will not be reflected in the compiled graph."
        for what in ("a node", "an edge", "an edge")
    ] == [record.message for record in caplog.records]
    assert "b" not in plan.nodes
    assert () == plan.nodes["a"].edges == plan.nodes["a"].branches


def test_signatures() -> None:
    """The public methods take LangGraph's arguments in LangGraph's order, and `compile` also `telemetry`."""
    arguments = {
        "__init__": "self state_schema context_schema input_schema output_schema deprecated",
        "add_node": "self node action defer metadata input_schema retry_policy cache_policy error_handler "
        "destinations timeout trace_policy deprecated",
        "add_edge": "self start_key end_key",
        "add_conditional_edges": "self source path path_map",
        "add_sequence": "self nodes",
        "set_entry_point": "self key",
        "set_finish_point": "self key",
        "set_conditional_entry_point": "self path path_map",
        "set_node_defaults": "self retry_policy cache_policy error_handler timeout",
        "validate": "self interrupt",
        "compile": "self checkpointer cache store interrupt_before interrupt_after debug name transformers telemetry",
    }
    found = {name: " ".join(inspect.signature(getattr(StateGraph, name)).parameters) for name in arguments}
    assert arguments == found
