"""
What a user has declared so far: schemas, nodes, edges, branches and defaults, as data.

Rule: it grows while a graph is built and decides nothing. `channels` adds schemas to it, `validate` finds
the mistakes in it, and `lower` makes a `Plan` of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from otgraph.channels.base import BaseChannel
from otgraph.managed.base import ManagedValue
from otgraph.plan.model import Callee
from otgraph.policies import CachePolicy, RetryPolicy, TimeoutPolicy, TracePolicy
from otgraph.schema import Schema

__all__ = ["BranchSpec", "Declared", "Destinations", "NodeDefaults", "NodeSpec"]

Destinations: TypeAlias = "tuple[str, ...] | dict[str, str]"
"""Node names, or node name -> label of the edge in a drawing."""


@dataclass(frozen=True, eq=False, repr=False)
class NodeSpec:
    """A node as it was added."""

    name: str
    callee: Callee
    input_schema: type[Any]
    defer: bool = False
    metadata: Mapping[str, Any] | None = None
    retry_policy: tuple[RetryPolicy, ...] | None = None
    """None where nothing was said, so that the defaults apply; () for no retries."""
    cache_policy: CachePolicy | None = None
    error_handler: Callee | None = None
    timeout: TimeoutPolicy | None = None
    destinations: Destinations | None = None
    """Where its `Command`s may lead; for drawing."""
    trace_policy: TracePolicy | None = None

    @property
    def action(self) -> Any:
        """The object the user gave."""
        return self.callee.origin


@dataclass(frozen=True, eq=False, repr=False)
class BranchSpec:
    """A conditional edge as it was added."""

    name: str
    callee: Callee
    ends: dict[Hashable, str] | None = None
    """Result -> node, from `path_map` or a `Literal` return annotation; None where results are nodes."""
    input_schema: type[Any] | None = None

    @property
    def path(self) -> Any:
        """The object the user gave."""
        return self.callee.origin


@dataclass(eq=False, repr=False)
class NodeDefaults:
    """What applies to nodes that say nothing of their own."""

    retry_policy: tuple[RetryPolicy, ...] | None = None
    cache_policy: CachePolicy | None = None
    error_handler: Callee | None = None
    timeout: TimeoutPolicy | None = None


@dataclass(eq=False, repr=False)
class Declared:
    """A graph under construction."""

    state_schema: type[Any]
    input_schema: type[Any]
    output_schema: type[Any]
    context_schema: type[Any] | None = None
    nodes: dict[str, NodeSpec] = field(default_factory=dict)
    edges: set[tuple[str, str]] = field(default_factory=set)
    waiting_edges: set[tuple[tuple[str, ...], str]] = field(default_factory=set)
    branches: dict[str, dict[str, BranchSpec]] = field(default_factory=dict)
    defaults: NodeDefaults = field(default_factory=NodeDefaults)
    schemas: dict[Any, Schema] = field(default_factory=dict)
    """Every schema seen, in the order of its first appearance."""
    channels: dict[str, BaseChannel[Any, Any, Any]] = field(default_factory=dict)
    managed: dict[str, type[ManagedValue]] = field(default_factory=dict)
