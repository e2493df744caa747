"""How declarations become a plan: channels, triggers, writes, defaults."""

import dataclasses
import operator
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import TypedDict

from otgraph.channels.ephemeral_value import EphemeralValue
from otgraph.channels.last_value import LastValueAfterFinish
from otgraph.channels.named_barrier_value import NamedBarrierValue, NamedBarrierValueAfterFinish
from otgraph.channels.topic import Topic
from otgraph.constants import END, START, TASKS
from otgraph.managed.is_last_step import RemainingSteps, RemainingStepsManager
from otgraph.plan.callee import inspect_callee
from otgraph.plan.channels import add_schema
from otgraph.plan.declared import BranchSpec, Declared, NodeSpec
from otgraph.plan.lower import lower
from otgraph.plan.model import Plan
from otgraph.policies import CachePolicy, RetryPolicy, TracePolicy
from otgraph.timeout import read_timeout


class State(TypedDict):
    a: int
    items: Annotated[list, operator.add]


class Private(TypedDict):
    p: int


class Output(TypedDict):
    items: list


def keep(state: Any) -> Any:
    return {}


async def keep_slowly(state: Any) -> Any:
    return {}


def declare(
    *names: str,
    edges: Any = (),
    joins: Any = (),
    deferred: tuple[str, ...] = (),
    state: Any = State,
    output: Any = None,
) -> Declared:
    declared = Declared(state, state, output or state)
    for typ in (declared.state_schema, declared.input_schema, declared.output_schema):
        add_schema(declared, typ)
    for name in names:
        spec = NodeSpec(name, inspect_callee(keep_slowly, name), state, defer=name in deferred)
        declared.nodes[name] = spec
    declared.edges.update(edges)
    declared.waiting_edges.update(joins)
    return declared


def change(declared: Declared, name: str, **fields: Any) -> None:
    declared.nodes[name] = dataclasses.replace(declared.nodes[name], **fields)


def describe(plan: Plan) -> Any:
    return {
        "channels": {key: type(channel).__name__ for key, channel in plan.channels.items()},
        "nodes": {name: (node.triggers, node.edges) for name, node in plan.nodes.items()},
        "triggers": dict(plan.trigger_to_nodes),
    }


# ------------------------------------------------------------------- wiring


def test_one_node() -> None:
    """A graph of one node has a channel per key, the input, the packets, and one that makes the node due."""
    plan = lower(declare("n", edges=[(START, "n"), ("n", END)]))
    assert {
        "channels": {
            "a": "LastValue",
            "items": "BinaryOperatorAggregate",
            START: "EphemeralValue",
            TASKS: "Topic",
            "branch:to:n": "EphemeralValue",
        },
        "nodes": {START: ((START,), (("branch:to:n", None),)), "n": (("branch:to:n",), ())},
        "triggers": {START: (START,), "branch:to:n": ("n",)},
    } == describe(plan)


def test_channels_know_their_names() -> None:
    """Every channel bears the name it has in the plan."""
    plan = lower(declare("a", "b", "c", edges=[(START, "a")], joins=[(("a", "b"), "c")], deferred=("b",)))
    assert list(plan.channels) == [channel.key for channel in plan.channels.values()]


def test_input_is_taken_once_and_triggers_may_come_in_any_number() -> None:
    """The input channel is guarded; a trigger channel takes as many writes as there are edges."""
    plan = lower(declare("n"))
    start, branch = plan.channels[START], plan.channels["branch:to:n"]
    assert isinstance(start, EphemeralValue)
    assert isinstance(branch, EphemeralValue)
    assert (True, False) == (start.guard, branch.guard)
    packets = plan.channels[TASKS]
    assert isinstance(packets, Topic)
    assert packets.accumulate is False


def test_list_edge() -> None:
    """A list edge is a barrier; each of its nodes writes its own name there."""
    plan = lower(declare("a", "b", "c", edges=[(START, "a"), (START, "b")], joins=[(("b", "a"), "c")]))
    barrier = plan.channels["join:b+a:c"]
    assert isinstance(barrier, NamedBarrierValue)
    assert {"a", "b"} == barrier.names
    assert (("join:b+a:c", "a"),) == plan.nodes["a"].edges
    assert (("join:b+a:c", "b"),) == plan.nodes["b"].edges
    assert ("branch:to:c", "join:b+a:c") == plan.nodes["c"].triggers
    assert ("c",) == plan.trigger_to_nodes["join:b+a:c"]


def test_list_edge_that_names_a_node_twice() -> None:
    """A node that is named twice in a list edge writes once."""
    plan = lower(declare("a", "c", joins=[(("a", "a"), "c")]))
    assert (("join:a+a:c", "a"),) == plan.nodes["a"].edges


def test_list_edge_to_the_end() -> None:
    """Waiting for nodes before the end is the end anyway: there is no channel for it."""
    plan = lower(declare("a", "b", joins=[(("a", "b"), END)]))
    assert () == plan.nodes["a"].edges
    assert not [key for key in plan.channels if key.startswith("join:")]


def test_deferred_node() -> None:
    """A deferred node's triggers show only when the run would otherwise end."""
    plan = lower(
        declare("a", "b", "c", edges=[(START, "a"), ("a", "c")], joins=[(("a", "b"), "c")], deferred=("c",))
    )
    assert type(plan.channels["branch:to:c"]) is LastValueAfterFinish
    assert type(plan.channels["join:a+b:c"]) is NamedBarrierValueAfterFinish
    assert ("branch:to:c", "join:a+b:c") == plan.deferred
    assert plan.nodes["c"].defer


def test_volatile_channels() -> None:
    """The plan names the channels that may change though nobody wrote to them."""
    plan = lower(declare("a", "b", joins=[(("a",), "b")]))
    assert (START, TASKS, "branch:to:a", "branch:to:b") == plan.volatile
    assert () == plan.deferred


def test_start_passes_its_input_on() -> None:
    """`__start__` is hidden, is shown what the graph takes, and returns it."""
    start = lower(declare("a", edges=[(START, "a")])).nodes[START]
    assert start.hidden
    assert start.callee.sync is not None
    assert {"a": 1} == start.callee.sync({"a": 1})


def test_branch() -> None:
    """A branch stands with its source, with what it is shown only where it says so."""
    declared = declare("a", "b")
    add_schema(declared, Private)
    callee = inspect_callee(keep)
    declared.branches["a"] = {
        "first": BranchSpec("first", callee, {"x": "b"}),
        "second": BranchSpec("second", callee, None, Private),
    }
    declared.branches[START] = {"entry": BranchSpec("entry", callee)}
    plan = lower(declared)
    first, second = plan.nodes["a"].branches
    assert ("first", {"x": "b"}, None) == (first.name, first.ends, first.schema)
    assert second.schema is not None
    assert ("second", None, Private) == (second.name, second.ends, second.schema.typ)
    assert ["entry"] == [branch.name for branch in plan.nodes[START].branches]


names = st.sampled_from(["a", "b", "c", "d", "e"])
graphs = st.tuples(
    st.lists(st.tuples(names | st.just(START), names | st.just(END)), max_size=12),
    st.lists(st.tuples(st.lists(names, min_size=1, max_size=3).map(tuple), names | st.just(END)), max_size=5),
    st.lists(names, max_size=3).map(tuple),
)


@given(graphs, st.randoms(use_true_random=False))
def test_any_graph(graph: Any, random: Any) -> None:
    """Whatever the edges: writes go to channels that are there, triggers fit, and order does not matter."""
    edges, joins, deferred = graph
    plan = lower(declare("a", "b", "c", "d", "e", edges=edges, joins=joins, deferred=deferred))
    for name, node in plan.nodes.items():
        assert {channel for channel, _ in node.edges} <= plan.channels.keys()
        assert len(set(node.edges)) == len(node.edges)
        assert set(node.triggers) <= plan.channels.keys()
        assert list(node.triggers) == sorted(node.triggers)
        for trigger in node.triggers:
            assert name in plan.trigger_to_nodes[trigger]
    assert sum(len(node.triggers) for node in plan.nodes.values()) == sum(
        map(len, plan.trigger_to_nodes.values())
    )
    ends = {(start, end) for start, end in edges if end != END}
    assert len(ends) == sum(value is None for node in plan.nodes.values() for _, value in node.edges)
    random.shuffle(edges)
    random.shuffle(joins)
    assert describe(plan) == describe(
        lower(declare("a", "b", "c", "d", "e", edges=edges, joins=joins, deferred=deferred))
    )


# ------------------------------------------------------------------- keys


def test_keys_of_a_dict_state() -> None:
    """Streams show every state key, private ones too and none of the engine's; `invoke` the output's."""
    declared = declare("a", output=Output)
    add_schema(declared, Private)
    plan = lower(declared)
    assert ("a", "items", "p") == plan.stream_keys
    assert ("items",) == plan.output_keys


def test_keys_of_a_state_with_one_key() -> None:
    """A state with one key is still shown as a dict."""
    plan = lower(declare("a", state=Private))
    assert (("p",), ("p",)) == (plan.stream_keys, plan.output_keys)


def test_keys_of_a_root_state() -> None:
    """A state that is one value is shown bare."""
    plan = lower(declare("a", state=Annotated[list, operator.add]))
    assert ("__root__", "__root__") == (plan.stream_keys, plan.output_keys)


def test_keys_of_a_root_state_with_private_keys() -> None:
    """With further keys beside it, a root state is shown under its channel's name."""
    declared = declare("a", state=list)
    add_schema(declared, Private)
    assert ("__root__", "p") == lower(declared).stream_keys


def test_managed_values_are_no_channels() -> None:
    """The engine's values are in the plan, but are neither channels nor shown."""
    managed: Any = TypedDict("Managed", {"a": int, "left": RemainingSteps})  # noqa: UP013
    plan = lower(declare("n", state=managed))
    assert {"left": RemainingStepsManager} == plan.managed
    assert "left" not in plan.channels
    assert ("a",) == plan.stream_keys
    assert ("a",) == plan.nodes["n"].schema.keys


# ------------------------------------------------------------------- policies


RETRY, CACHE, TRACE = RetryPolicy(max_attempts=5), CachePolicy(ttl=1), TracePolicy()


def test_what_a_node_says_stands() -> None:
    """A node's own policies are in its plan."""
    declared = declare("n")
    fields = {
        "retry_policy": (RETRY,),
        "cache_policy": CACHE,
        "timeout": read_timeout(3),
        "trace_policy": TRACE,
    }
    change(declared, "n", metadata={"k": 1}, **fields)
    node = lower(declared).nodes["n"]
    assert ((RETRY,), CACHE, read_timeout(3)) == (node.retry, node.cache, node.timeout)
    assert node.trace_policy is TRACE
    assert {"k": 1} == node.metadata


def test_defaults_fill_what_a_node_leaves_open() -> None:
    """Defaults hold for every node but `__start__`, and a node that wants no retries says ()."""
    declared = declare("n", "once")
    declared.defaults.retry_policy = (RETRY,)
    declared.defaults.cache_policy = CACHE
    declared.defaults.timeout = read_timeout(3)
    change(declared, "once", retry_policy=(), timeout=read_timeout(1), cache_policy=CachePolicy(ttl=9))
    nodes = lower(declared).nodes
    assert ((RETRY,), CACHE, read_timeout(3)) == (nodes["n"].retry, nodes["n"].cache, nodes["n"].timeout)
    once = nodes["once"]
    assert ((), CachePolicy(ttl=9), read_timeout(1)) == (once.retry, once.cache, once.timeout)
    assert ((), None, None) == (nodes[START].retry, nodes[START].cache, nodes[START].timeout)


def test_error_handler_of_a_node() -> None:
    """An error handler is a node that nothing triggers, shown what its node is shown."""
    declared = declare("n", "other")
    add_schema(declared, Private)
    change(
        declared, "n", error_handler=inspect_callee(keep, "h"), input_schema=Private, retry_policy=(RETRY,)
    )
    plan = lower(declared)
    assert "__error_handler__n" == plan.nodes["n"].error_handler
    assert None is plan.nodes["other"].error_handler
    handler = plan.nodes["__error_handler__n"]
    assert ((), (), (), False) == (handler.triggers, handler.edges, handler.retry, handler.hidden)
    assert Private is handler.schema.typ


def test_default_error_handler() -> None:
    """The default handler is one node for all that have none of their own; it has no cache."""
    declared = declare("n", "own")
    change(declared, "own", error_handler=inspect_callee(keep_slowly, "h"))
    declared.defaults.error_handler = inspect_callee(keep_slowly, "d")
    declared.defaults.retry_policy = (RETRY,)
    declared.defaults.cache_policy = CACHE
    declared.defaults.timeout = read_timeout(2)
    nodes = lower(declared).nodes
    assert "__default_error_handler__" == nodes["n"].error_handler
    assert "__error_handler__own" == nodes["own"].error_handler
    for name in ("__default_error_handler__", "__error_handler__own"):
        assert ((RETRY,), None, read_timeout(2)) == (
            nodes[name].retry,
            nodes[name].cache,
            nodes[name].timeout,
        )


@pytest.mark.parametrize("default", [False, True])
def test_error_handler_whose_name_is_taken(default: bool) -> None:
    """A user's node cannot stand where a handler's node would."""
    name = "__default_error_handler__" if default else "__error_handler__n"
    declared = declare("n", name)
    if default:
        declared.defaults.error_handler = inspect_callee(keep)
    else:
        change(declared, "n", error_handler=inspect_callee(keep))
    with pytest.raises(ValueError, match=f"Auto-generated error handler node `{name}` already exists"):
        lower(declared)


def test_plan_is_frozen() -> None:
    """Nothing of a plan can be replaced, and what is declared afterwards is not in it."""
    declared = declare("n", edges=[(START, "n")])
    plan = lower(declared, name="g", interrupt_before=["n"], interrupt_after="*")
    assert ("g", ["n"], "*") == (plan.name, plan.interrupt_before, plan.interrupt_after)
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.name = "h"  # type: ignore[misc]
    change(declared, "n", metadata={"late": True})
    declared.managed["late"] = RemainingStepsManager
    declared.branches["n"] = {"late": BranchSpec("late", inspect_callee(keep))}
    assert ({}, {}, ()) == (plan.nodes["n"].metadata, plan.managed, plan.nodes["n"].branches)
