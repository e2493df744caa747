"""Door: `otgraph.graph`."""

from otgraph.constants import END, START
from otgraph.graph.state import StateGraph

__all__ = ["END", "START", "StateGraph"]
