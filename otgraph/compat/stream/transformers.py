"""
The names of LangGraph's transformers under the paths at which packages look for them.

Rule: they are those of `otgraph.stream`, and what packages derive their own from.
"""

from __future__ import annotations

from otgraph.stream.projections.builtin import (
    CheckpointsTransformer,
    CustomTransformer,
    DebugTransformer,
    LifecyclePayload,
    LifecycleTransformer,
    MessagesTransformer,
    SubgraphTransformer,
    TasksTransformer,
    UpdatesTransformer,
    ValuesTransformer,
)
from otgraph.stream.projections.channel import StreamChannel
from otgraph.stream.projections.inside import TasksLifecycle as _TasksLifecycleBase  # noqa: F401 (packages import it)
from otgraph.stream.projections.mux import StreamMux
from otgraph.stream.projections.run_stream import (
    AsyncGraphRunStream,
    AsyncSubgraphRunStream,
    GraphRunStream,
    SubgraphRunStream,
)
from otgraph.stream.projections.tool_calls import ToolCallTransformer
from otgraph.stream.projections.transformer import (
    ProtocolEvent,
    StreamTransformer,
    SubgraphStatus,
    TransformerFactory,
)

__all__ = [
    "AsyncGraphRunStream",
    "AsyncSubgraphRunStream",
    "CheckpointsTransformer",
    "CustomTransformer",
    "DebugTransformer",
    "GraphRunStream",
    "LifecyclePayload",
    "LifecycleTransformer",
    "MessagesTransformer",
    "ProtocolEvent",
    "StreamChannel",
    "StreamMux",
    "StreamTransformer",
    "SubgraphRunStream",
    "SubgraphStatus",
    "SubgraphTransformer",
    "TasksTransformer",
    "ToolCallTransformer",
    "TransformerFactory",
    "UpdatesTransformer",
    "ValuesTransformer",
]
