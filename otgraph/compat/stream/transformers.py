"""
The names of LangGraph's transformers under the paths at which packages look for them.

Rule: they are those of `otgraph.stream`; what a package derives from LangGraph's insides is here, and does nothing.
"""

from __future__ import annotations

from typing import Any

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


class _TasksLifecycleBase(StreamTransformer):
    """What langchain's `run.subagents` is made of: empty here, `run.subgraphs` has what it would have."""

    def process(self, event: ProtocolEvent) -> bool:
        """Hide what only the transformers are to see."""
        return event["method"] != "tasks"

    def _pop_terminal_transitions(self, *event: Any) -> list[Any]:
        return []

    def _record_identity(self, *event: Any) -> None: ...

    def _record_pending_tool_calls(self, *event: Any) -> None: ...

    def _handle_task_start(self, *event: Any) -> None: ...
