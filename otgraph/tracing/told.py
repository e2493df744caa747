"""
The messages among what a node returned: they are told before the node's update is.

Rule: looked for only where somebody streams messages; each has an id by then, which state and updates show too.
"""

from __future__ import annotations

from typing import Any

from otgraph.engine.metadata import INTEGRATION, task_metadata
from otgraph.engine.observer import Observer
from otgraph.langchain.messages import identified, messages_in

__all__ = ["tell_returned"]


def tell_returned(observer: Observer, task: Any, result: Any) -> None:
    """Tell each message in what a node returned; whoever has been shown it already is not shown it again."""
    found = messages_in(result)
    if found:
        metadata = task_metadata(task, INTEGRATION)
        for message in found:
            observer.message_told(task, identified(message), metadata, whole=True)
