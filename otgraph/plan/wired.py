"""
From channels to a plan: a graph whose nodes say themselves what makes them due, what they read and where they write.

Rule: nothing is added to what was wired but the channel of the packets of `Send`. The texts of errors are LangGraph's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from otgraph.channels.base import BaseChannel
from otgraph.channels.topic import Topic
from otgraph.command import Send
from otgraph.constants import RESERVED, TASKS
from otgraph.managed.base import is_managed_value
from otgraph.plan.model import Callee, Keys, NodePlan, Plan
from otgraph.policies import CachePolicy, RetryPolicy, TimeoutPolicy
from otgraph.schema import Schema

__all__ = ["WiredNode", "WiredWrite", "Wiring", "lower_wired"]


@dataclass(frozen=True)
class WiredWrite:
    """One write of a node: what it returned, or a constant, or what a function makes of what it returned."""

    channel: str
    constant: Any = None
    make: Callable[[Any], Any] | None = None
    passes: bool = False
    """Whether what the node returned is written as it is."""

    def of(self, result: Any) -> tuple[str, Any]:
        """Return the write for a result."""
        if self.passes:
            return self.channel, result
        return self.channel, self.constant if self.make is None else self.make(result)


@dataclass(frozen=True)
class WiredNode:
    """A node, and the channels around it."""

    callee: Callee
    triggers: Sequence[str]
    """The channels that make it due."""
    channels: str | Sequence[str]
    """What it is shown: the bare value of one channel, or a dict of several."""
    writes: Sequence[WiredWrite] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()
    retry: tuple[RetryPolicy, ...] = ()
    cache: CachePolicy | None = None
    timeout: TimeoutPolicy | None = None


@dataclass(frozen=True)
class Wiring:
    """A whole graph of channels."""

    nodes: Mapping[str, WiredNode]
    channels: Mapping[str, Any]
    """Channels and managed values by name."""
    given: Keys
    """The channel that the input is written to, or those that it names."""
    returned: Keys
    """What `invoke` returns."""
    streamed: Keys | None = None
    """What `stream` shows; None for all channels."""
    interrupt_before: Sequence[str] | Literal["*"] = ()
    interrupt_after: Sequence[str] | Literal["*"] = ()
    context_schema: type[Any] | None = None
    eager: bool = False
    name: str = "LangGraph"


def lower_wired(wiring: Wiring, *, validate: bool = True) -> Plan:
    """
    Make the plan of a graph of channels.

    Raises:
        ValueError: a node or the graph names a channel that is not there, or a name is reserved.
    """
    managed = {key: channel for key, channel in wiring.channels.items() if is_managed_value(channel)}
    cells: dict[str, BaseChannel[Any, Any, Any]] = {TASKS: Topic(Send)}
    cells |= {key: channel.fresh() for key, channel in wiring.channels.items() if key not in managed}
    for key, channel in cells.items():
        channel.key = key
    streamed = wiring.streamed
    if streamed is None:
        streamed = tuple(key for key in cells if key != TASKS)
    if validate:
        _check(wiring, [*cells, *managed])
    schema = partial(_schema, cells, managed)
    return Plan(
        name=wiring.name,
        nodes={name: _node(name, node, schema(node.channels)) for name, node in wiring.nodes.items()},
        channels=cells,
        managed=managed,
        state=schema(streamed),
        input=schema(wiring.given),
        output=schema(wiring.returned),
        context_schema=wiring.context_schema,
        stream_keys=streamed,
        output_keys=wiring.returned,
        trigger_to_nodes=_triggered(wiring.nodes),
        volatile=tuple(key for key, channel in cells.items() if channel.volatile),
        deferred=tuple(key for key, channel in cells.items() if channel.deferred),
        interrupt_before=wiring.interrupt_before,
        interrupt_after=wiring.interrupt_after,
        eager=wiring.eager,
        entrance=wiring.given,
    )


def _triggered(nodes: Mapping[str, WiredNode]) -> dict[str, tuple[str, ...]]:
    triggered: defaultdict[str, list[str]] = defaultdict(list)
    for name, node in sorted(nodes.items()):
        for trigger in sorted(node.triggers):
            triggered[trigger].append(name)
    return {trigger: tuple(names) for trigger, names in triggered.items()}


def _schema(
    cells: Mapping[str, BaseChannel[Any, Any, Any]], managed: Mapping[str, Any], channels: str | Sequence[str]
) -> Schema:
    root = isinstance(channels, str)
    keys = _names(channels)
    read = {key: cells[key] for key in keys if key in cells}
    typ = read[keys[0]].UpdateType if root and keys[0] in read else None
    own = {key: managed[key] for key in keys if key in managed}
    return Schema(typ, read, own, root=root, coerce=None, keys=tuple(read))


def _node(name: str, node: WiredNode, schema: Schema) -> NodePlan:
    metadata = {**node.metadata, "tags": list(node.tags)} if node.tags else dict(node.metadata)
    return NodePlan(
        name=name,
        callee=node.callee,
        schema=schema,
        triggers=tuple(sorted(node.triggers)),
        metadata=metadata,
        retry=node.retry,
        cache=node.cache,
        timeout=node.timeout,
        writes=partial(_write, tuple(node.writes)),
        writes_to=tuple(write.channel for write in node.writes),
    )


def _write(writes: Sequence[WiredWrite], result: Any) -> list[tuple[str, Any]]:
    return [write.of(result) for write in writes]


# ---- what a user may have got wrong


def _check(wiring: Wiring, known: Sequence[str]) -> None:
    nodes = wiring.nodes
    for name in known:
        if name in RESERVED and name != TASKS:
            raise ValueError(f"Channel name '{name}' is reserved")
    for name, node in nodes.items():
        if name in RESERVED:
            raise ValueError(f"Node name '{name}' is reserved")
        for channel in (*node.triggers, *_names(node.channels)):
            if channel not in known:
                raise ValueError(
                    f"Node {name} reads channel '{channel}' not in known channels: '{list(known)}'"
                )
    given = wiring.given
    for kind, keys in (("Input", given), ("Output", wiring.returned)):
        for channel in _names(keys):
            if channel not in known:
                raise ValueError(f"{kind} channel '{channel}' not in known channels: '{list(known)}'")
    if {channel for node in nodes.values() for channel in node.triggers}.isdisjoint(_names(given)):
        raise ValueError(
            f"Input channel {given} is not subscribed to by any node"
            if isinstance(given, str)
            else f"None of the input channels {list(given)} are subscribed to by any node"
        )
    for name in (*wiring.interrupt_before, *wiring.interrupt_after):
        if name not in nodes and name != "*":
            raise ValueError(f"Node {name} not in nodes")


def _names(keys: str | Sequence[str]) -> Sequence[str]:
    return (keys,) if isinstance(keys, str) else keys
