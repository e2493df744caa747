"""
wire: the arguments of a `Pregel` that is made by hand, as a plan and what goes with it.

Rule: what holds for all nodes is given to those that say nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from otgraph.graph.arguments import read_policies
from otgraph.graph.node_builder import NodeBuilder
from otgraph.plan.model import Keys, Plan
from otgraph.plan.options import CompileOptions
from otgraph.plan.validate import check_checkpointer
from otgraph.plan.wired import WiredNode, Wiring, lower_wired
from otgraph.policies import CachePolicy

__all__ = ["wire"]


def wire(
    *,
    nodes: Mapping[str, NodeBuilder | WiredNode],
    channels: Mapping[str, Any] | None,
    input_channels: str | Sequence[str],
    output_channels: str | Sequence[str],
    auto_validate: bool = True,
    stream_eager: bool = False,
    stream_channels: str | Sequence[str] | None = None,
    interrupt_before_nodes: Any = (),
    interrupt_after_nodes: Any = (),
    debug: bool | None = None,
    checkpointer: Any = None,
    store: Any = None,
    cache: Any = None,
    retry_policy: Any = (),
    cache_policy: CachePolicy | None = None,
    context_schema: type[Any] | None = None,
    trigger_to_nodes: Any = None,
    name: str = "LangGraph",
) -> tuple[Plan, CompileOptions]:
    """
    Return plan and options of a graph of channels.

    Args:
        nodes: by name.
        channels: by name.
        input_channels: the channel that the input is written to, or those that it names.
        output_channels: the channel whose value `invoke` returns, or those that it returns as a dict.
        auto_validate: whether to check that the channels are there.
        stream_eager: whether to hand chunks out while nodes run, whatever is streamed.
        stream_channels: what `stream` shows: all channels, if that is not said.
        retry_policy: for nodes that have none.
        cache_policy: for nodes that have none.
        context_schema: what `context=` of a run must be.
        trigger_to_nodes: found out here.

    Raises:
        ValueError: the nodes and channels do not fit together.
    """
    check_checkpointer(checkpointer)
    built = {each: node.build() if isinstance(node, NodeBuilder) else node for each, node in nodes.items()}
    policies = read_policies(retry_policy) or ()
    wiring = Wiring(
        nodes={
            each: replace(node, retry=node.retry or policies, cache=node.cache or cache_policy)
            for each, node in built.items()
        },
        channels=channels or {},
        given=_keys(input_channels),
        returned=_keys(output_channels),
        streamed=None if stream_channels is None else _keys(stream_channels),
        interrupt_before=interrupt_before_nodes,
        interrupt_after=interrupt_after_nodes,
        context_schema=context_schema,
        eager=stream_eager,
        name=name,
    )
    options = CompileOptions(
        checkpointer=checkpointer,
        cache=cache,
        store=store,
        interrupt_before=interrupt_before_nodes,
        interrupt_after=interrupt_after_nodes,
        debug=bool(debug),
        name=name,
    )
    return lower_wired(wiring, validate=auto_validate), options


def _keys(channels: str | Sequence[str]) -> Keys:
    return channels if isinstance(channels, str) else tuple(channels)
