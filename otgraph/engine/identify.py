"""
The ids of messages that are about to become state.

Rule: a message has its id before anybody is told of it or saves it; its reducer would give it one only after that.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from otgraph.events import Write
from otgraph.langchain.messages import identified, messages_in

__all__ = ["identify"]


def identify(writes: Sequence[Write], keys: AbstractSet[str]) -> None:
    """
    Give ids to the messages among writes that have none.

    Args:
        keys: the channels that hold messages.
    """
    for key, value in writes:
        if key in keys:
            for message in messages_in(value):
                identified(message)
