"""
The plan of a graph: nodes, channels, triggers and branches, frozen at compile.

Rule: immutable once built, shared by all runs of a compiled graph, and complete: the engine asks nobody else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from otgraph.channels.base import BaseChannel
from otgraph.channels.binop import BinaryOperatorAggregate
from otgraph.channels.delta import DeltaChannel
from otgraph.constants import START
from otgraph.managed.base import ManagedValue
from otgraph.messages.add import merges_messages
from otgraph.policies import CachePolicy, RetryPolicy, TimeoutPolicy, TracePolicy
from otgraph.schema import Schema

__all__ = ["BranchPlan", "Callee", "Injected", "Keys", "NodePlan", "Plan"]

Injected: TypeAlias = Literal["config", "writer", "store", "runtime", "previous", "error"]
"""The arguments that a user's function may ask for by name."""

Keys: TypeAlias = "tuple[str, ...] | str"
"""Channels shown together as a dict, or the one channel whose bare value is shown."""


@dataclass(frozen=True, eq=False, repr=False)
class Callee:
    """
    A user's callable, looked at once: which colours it has and which arguments it wants.

    Each colour takes the input as its only positional argument and `inject` as keyword arguments.
    """

    name: str
    """For error messages."""
    sync: Callable[..., Any] | None
    """Returns the result; None where only the other colour exists."""
    coro: Callable[..., Awaitable[Any]] | None
    """Returns an awaitable of the result; None where only the other colour exists."""
    inject: tuple[Injected, ...] = ()
    graph: Any = None
    """The compiled graph, where the callable is one: the engine runs it by its plan, without a call."""
    origin: Any = None
    """The object the user gave; drawing, caching and the search for subgraphs look at it."""
    bare: bool = False
    """Whether a Runnable that it returns is its result; else the result is what that makes of the input."""


@dataclass(frozen=True, eq=False, repr=False)
class BranchPlan:
    """A conditional edge: a function whose result says which nodes are due next."""

    name: str
    callee: Callee
    ends: Mapping[Hashable, str] | None
    """Result -> node name, or None where results are node names."""
    schema: Schema | None
    """
    What the function is shown; None where it does not say.

    Then it is shown what its source node was (the state, for `__start__`), together with the keys of
    the dict that the node returned.
    """


@dataclass(frozen=True, eq=False, repr=False)
class NodePlan:
    """One node: when it is due, what it reads, what it calls, and where its edges lead."""

    name: str
    callee: Callee
    schema: Schema
    """Which channels and managed values its input is built from, and of what class it is."""
    triggers: tuple[str, ...]
    """Channels that make it due; sorted."""
    edges: tuple[tuple[str, Any], ...] = ()
    """Writes that every successful execution adds: `(channel, value)` for each static edge."""
    branches: tuple[BranchPlan, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    hidden: bool = False
    """True for `__start__`: it appears in no stream and has no span."""
    defer: bool = False
    retry: tuple[RetryPolicy, ...] = ()
    cache: CachePolicy | None = None
    timeout: TimeoutPolicy | None = None
    error_handler: str | None = None
    """The node that runs in its place, in the same superstep, when it has failed for good."""
    trace_policy: TracePolicy | None = None
    """What telemetry may record of its payloads."""
    writes: Callable[[Any], list[tuple[str, Any]]] | None = None
    """Makes writes of what it returns, where that is no update of the state."""
    writes_to: tuple[str, ...] = ()
    """The channels that `writes` writes to, in a graph that was wired by hand."""


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """A whole graph."""

    name: str
    nodes: Mapping[str, NodePlan]
    """By name, `__start__` included."""
    channels: Mapping[str, BaseChannel[Any, Any, Any]]
    """Empty specimens by name; a run takes a fresh copy of each."""
    managed: Mapping[str, type[ManagedValue]]
    state: Schema
    input: Schema
    output: Schema
    context_schema: type[Any] | None
    stream_keys: Keys
    """What `values` and `updates` show: every state channel, private ones too."""
    output_keys: Keys
    """What `invoke` returns."""
    trigger_to_nodes: Mapping[str, tuple[str, ...]]
    """Channel -> names of the nodes it makes due, sorted."""
    volatile: tuple[str, ...]
    """Channels that may change in a superstep in which nobody writes to them."""
    deferred: tuple[str, ...]
    """Channels that become available only when the run would otherwise end."""
    interrupt_before: Sequence[str] | Literal["*"] = ()
    interrupt_after: Sequence[str] | Literal["*"] = ()
    entrance: Keys = START
    """The channel that the input of a run is written to, or those that it names."""
    eager: bool = False
    """Whether chunks are handed out while a node runs, whatever modes are streamed."""
    state_keys: frozenset[str] = field(init=False)
    """The channels that a node may write by returning their keys."""
    input_keys: frozenset[str] = field(init=False)
    """The channels that the input of a run may set."""

    entry: NodePlan = field(init=False)
    """The node that takes the input: `__start__`, or the only one of an entrypoint."""

    deltas: Mapping[str, DeltaChannel[Any]] = field(init=False)
    """The channels whose value is saved as its changes."""

    reducing: tuple[str, ...] = field(init=False)
    """The channels whose value can be rebuilt from their writes."""

    volatile_keys: frozenset[str] = field(init=False)
    """`volatile`, as a set."""
    consumed: frozenset[str] = field(init=False)
    """Channels that may change when a node that they triggered has run."""
    untracked: frozenset[str] = field(init=False)
    """Channels of which nothing is saved."""
    handled: bool = field(init=False)
    """Whether any node has an error handler."""
    message_keys: frozenset[str] = field(init=False)
    """The channels that hold messages, known by their ids."""

    def __post_init__(self) -> None:
        handled = any(node.error_handler is not None for node in self.nodes.values())
        object.__setattr__(self, "handled", handled)
        object.__setattr__(self, "entry", self.nodes.get("__start__") or next(iter(self.nodes.values())))
        object.__setattr__(self, "volatile_keys", frozenset(self.volatile))
        consumed = [key for key, it in self.channels.items() if type(it).consume is not BaseChannel.consume]
        object.__setattr__(self, "consumed", frozenset(consumed))
        untracked = frozenset(key for key, channel in self.channels.items() if not channel.tracked)
        object.__setattr__(self, "untracked", untracked)
        merging = [
            name for name, it in self.channels.items() if merges_messages(getattr(it, "operator", None))
        ]
        object.__setattr__(self, "message_keys", frozenset(merging))
        deltas = {key: channel for key, channel in self.channels.items() if isinstance(channel, DeltaChannel)}
        object.__setattr__(self, "deltas", deltas)
        reducing = (DeltaChannel, BinaryOperatorAggregate)
        names = tuple(key for key, channel in self.channels.items() if isinstance(channel, reducing))
        object.__setattr__(self, "reducing", names)
        keys = self.stream_keys
        shown = frozenset((keys,) if isinstance(keys, str) else keys)
        if self.entrance != START:
            returned = self.output_keys
            shown |= {returned} if isinstance(returned, str) else set(returned)
        object.__setattr__(self, "state_keys", shown)
        object.__setattr__(self, "input_keys", frozenset(self.input.channels))
