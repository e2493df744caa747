"""
The messages among what a node returned: they are told before the node's update is.

Rule: a message has its id before anybody is told of it or saves it. Beyond the keys that hold messages, nobody looks
for any unless somebody streams them.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from otgraph.engine.metadata import INTEGRATION, task_metadata
from otgraph.engine.run import Run
from otgraph.engine.task import Task
from otgraph.events import Write
from otgraph.langchain.messages import identified, messages_in

__all__ = ["identify", "tell_returned"]


def identify(writes: Sequence[Write], keys: AbstractSet[str]) -> None:
    """
    Give ids to the messages that are about to become state, as their reducer would after they were shown and saved.

    Args:
        keys: the channels that hold messages.
    """
    for key, value in writes:
        if key in keys:
            for message in messages_in(value):
                identified(message)


def tell_returned(run: Run, task: Task, result: Any) -> None:
    """Tell each message in what a node returned; whoever has been shown it already is not shown it again."""
    found = messages_in(result)
    if found:
        metadata = task_metadata(task, INTEGRATION)
        for message in found:
            run.observer.message_told(task, identified(message), metadata, whole=True)
