"""Door to the base of all compiled graphs, and to what wires one by hand; the import path of `langgraph.pregel`."""

from otgraph.graph.compiled import Pregel
from otgraph.graph.node_builder import NodeBuilder

__all__ = ["NodeBuilder", "Pregel"]
