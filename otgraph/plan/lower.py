"""
From declarations to a plan: edges become writes, and what a node waits for becomes channels.

Rule: the wiring is LangGraph's, channel names included, so that a saved thread goes on in either engine.
An edge is a write to the channel `branch:to:{node}` of its end. A list edge is a write of the node's own
name to a barrier, `join:{a}+{b}:{end}`. The hidden node `__start__` holds the edges from START.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from otgraph.channels.base import BaseChannel
from otgraph.channels.ephemeral_value import EphemeralValue
from otgraph.channels.last_value import LastValueAfterFinish
from otgraph.channels.named_barrier_value import NamedBarrierValue, NamedBarrierValueAfterFinish
from otgraph.channels.topic import Topic
from otgraph.command import Send
from otgraph.constants import END, ROOT, START, TASKS, branch_channel, join_channel
from otgraph.plan.channels import schema_of
from otgraph.plan.declared import BranchSpec, Declared, NodeSpec
from otgraph.plan.model import BranchPlan, Callee, Keys, NodePlan, Plan
from otgraph.schema import Schema

__all__ = ["DEFAULT_HANDLER", "handler_name", "lower"]

Channels = dict[str, BaseChannel[Any, Any, Any]]

DEFAULT_HANDLER = "__default_error_handler__"


def handler_name(node: str) -> str:
    """Return what the error handler of `node` is called in streams and spans."""
    return f"__error_handler__{node}"


def lower(
    declared: Declared,
    *,
    name: str = "LangGraph",
    interrupt_before: Sequence[str] | Literal["*"] = (),
    interrupt_after: Sequence[str] | Literal["*"] = (),
) -> Plan:
    """Make the plan of a graph that was found valid."""
    state = {key: channel for key, channel in declared.channels.items() if key not in declared.managed}
    internal = _internal_channels(declared)
    for key in internal:
        if key in state:
            raise ValueError(
                f"Channel name '{key}' is reserved: an edge of this graph bears it. Rename the key."
            )
    channels = {**state, **internal}
    nodes = _nodes(declared)
    return Plan(
        name=name,
        nodes=nodes,
        channels=channels,
        managed=dict(declared.managed),
        state=schema_of(declared, declared.state_schema),
        input=schema_of(declared, declared.input_schema),
        output=schema_of(declared, declared.output_schema),
        context_schema=declared.context_schema,
        stream_keys=_keys(state),
        output_keys=_keys(schema_of(declared, declared.output_schema).channels),
        trigger_to_nodes=_trigger_to_nodes(nodes),
        volatile=tuple(key for key, channel in channels.items() if channel.volatile),
        deferred=tuple(key for key, channel in channels.items() if channel.deferred),
        interrupt_before=interrupt_before,
        interrupt_after=interrupt_after,
    )


def _keys(channels: Mapping[str, Any]) -> Keys:
    return ROOT if tuple(channels) == (ROOT,) else tuple(channels)


def _internal_channels(declared: Declared) -> Channels:
    channels: Channels = {START: EphemeralValue(declared.input_schema), TASKS: Topic(Send)}
    for name, node in declared.nodes.items():
        channels[branch_channel(name)] = (
            LastValueAfterFinish(Any) if node.defer else EphemeralValue(Any, guard=False)
        )
    for starts, end in sorted(declared.waiting_edges):
        if end != END:
            barrier = NamedBarrierValueAfterFinish if declared.nodes[end].defer else NamedBarrierValue
            channels[join_channel(starts, end)] = barrier(str, set(starts))
    for key, channel in channels.items():
        channel.key = key
    return channels


def _nodes(declared: Declared) -> dict[str, NodePlan]:
    edges, triggers = _edges(declared), _triggers(declared)
    nodes = {
        START: NodePlan(
            name=START,
            callee=Callee(START, _pass_on, None),
            schema=schema_of(declared, declared.input_schema),
            triggers=(START,),
            edges=edges.get(START, ()),
            branches=_branches(declared, START),
            hidden=True,
        )
    }
    for spec in declared.nodes.values():
        nodes[spec.name] = _node(declared, spec, triggers[spec.name], edges.get(spec.name, ()))
        if spec.error_handler is not None:
            name = handler_name(spec.name)
            nodes[name] = _handler(declared, name, spec.error_handler, spec.input_schema)
    default = declared.defaults.error_handler
    if default is not None:
        nodes[DEFAULT_HANDLER] = _handler(declared, DEFAULT_HANDLER, default, declared.state_schema)
    return nodes


def _pass_on(value: Any) -> Any:
    """The function of `__start__`, which the engine need not call: the input becomes the first writes."""
    return value


def _node(
    declared: Declared, spec: NodeSpec, triggers: tuple[str, ...], edges: tuple[tuple[str, Any], ...]
) -> NodePlan:
    defaults = declared.defaults
    handler = None
    if spec.error_handler is not None:
        handler = handler_name(spec.name)
    elif defaults.error_handler is not None:
        handler = DEFAULT_HANDLER
    retry = spec.retry_policy if spec.retry_policy is not None else defaults.retry_policy
    return NodePlan(
        name=spec.name,
        callee=spec.callee,
        schema=schema_of(declared, spec.input_schema),
        triggers=triggers,
        edges=edges,
        branches=_branches(declared, spec.name),
        metadata=dict(spec.metadata or {}),
        defer=spec.defer,
        retry=retry or (),
        cache=spec.cache_policy or defaults.cache_policy,
        timeout=spec.timeout or defaults.timeout,
        error_handler=handler,
        trace_policy=spec.trace_policy,
    )


def _handler(declared: Declared, name: str, callee: Callee, shown: Any) -> NodePlan:
    """An error handler is a node that nothing triggers: the engine runs it in the place of another."""
    if name in declared.nodes:
        raise ValueError(f"Auto-generated error handler node `{name}` already exists.")
    return NodePlan(
        name=name,
        callee=callee,
        schema=schema_of(declared, shown),
        triggers=(),
        retry=declared.defaults.retry_policy or (),
        timeout=declared.defaults.timeout,
    )


def _edges(declared: Declared) -> dict[str, tuple[tuple[str, Any], ...]]:
    """Return the writes that each node's edges stand for."""
    edges: dict[str, list[tuple[str, Any]]] = {}
    for start, end in sorted(declared.edges):
        if end != END:
            edges.setdefault(start, []).append((branch_channel(end), None))
    for starts, end in sorted(declared.waiting_edges):
        if end != END:
            for start in dict.fromkeys(starts):
                edges.setdefault(start, []).append((join_channel(starts, end), start))
    return {start: tuple(writes) for start, writes in edges.items()}


def _triggers(declared: Declared) -> dict[str, tuple[str, ...]]:
    """Return the channels that make each node due, sorted."""
    triggers = {name: [branch_channel(name)] for name in declared.nodes}
    for starts, end in declared.waiting_edges:
        if end != END:
            triggers[end].append(join_channel(starts, end))
    return {name: tuple(sorted(channels)) for name, channels in triggers.items()}


def _branches(declared: Declared, name: str) -> tuple[BranchPlan, ...]:
    return tuple(_branch(declared, spec) for spec in declared.branches.get(name, {}).values())


def _branch(declared: Declared, spec: BranchSpec) -> BranchPlan:
    schema: Schema | None = None
    if spec.input_schema is not None:
        schema = schema_of(declared, spec.input_schema)
    return BranchPlan(spec.name, spec.callee, spec.ends, schema)


def _trigger_to_nodes(nodes: Mapping[str, NodePlan]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name in sorted(nodes):
        for trigger in nodes[name].triggers:
            found.setdefault(trigger, []).append(name)
    return {trigger: tuple(names) for trigger, names in found.items()}
