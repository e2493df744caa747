"""Door: `otgraph.messages`, for messages in state and tokens of any model client."""

from otgraph.messages.add import REMOVE_ALL_MESSAGES, MessagesState, add_messages
from otgraph.messages.call import MessageChunk, ModelCall, model_call
from otgraph.messages.push import push_message

__all__ = [
    "REMOVE_ALL_MESSAGES",
    "MessageChunk",
    "MessagesState",
    "ModelCall",
    "add_messages",
    "model_call",
    "push_message",
]
