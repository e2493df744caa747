"""Door to the base of all compiled graphs; the import path of `langgraph.pregel`."""

from otgraph.graph.compiled import Pregel

__all__ = ["Pregel"]
