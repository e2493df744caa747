"""Door: `otgraph.graph`."""

from otgraph.constants import END, START
from otgraph.graph.message_graph import MessageGraph
from otgraph.graph.state import StateGraph
from otgraph.messages.add import MessagesState, add_messages

__all__ = ["END", "START", "MessageGraph", "MessagesState", "StateGraph", "add_messages"]
