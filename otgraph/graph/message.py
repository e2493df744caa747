"""Door: `otgraph.graph.message`."""

from otgraph.graph.message_graph import MessageGraph
from otgraph.messages.add import REMOVE_ALL_MESSAGES, MessagesState, add_messages
from otgraph.messages.push import push_message

__all__ = ["REMOVE_ALL_MESSAGES", "MessageGraph", "MessagesState", "add_messages", "push_message"]
