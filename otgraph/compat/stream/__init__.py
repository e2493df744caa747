"""Door to the names of LangGraph's transformers."""

from otgraph.compat.stream.transformers import (
    AsyncSubgraphRunStream,
    StreamChannel,
    StreamTransformer,
    SubgraphRunStream,
    SubgraphStatus,
    ToolCallTransformer,
)

__all__ = [
    "AsyncSubgraphRunStream",
    "StreamChannel",
    "StreamTransformer",
    "SubgraphRunStream",
    "SubgraphStatus",
    "ToolCallTransformer",
]
