"""Door: `otgraph.pregel.protocol`."""

from otgraph.graph.protocol import PregelProtocol, StreamProtocol

__all__ = ["PregelProtocol", "StreamProtocol"]
