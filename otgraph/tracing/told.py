"""
What is told live, and on no span: tokens, tools, and the messages among what a node returned.

Rule: messages are looked for only where somebody streams them; each has an id by then, which state and updates show.
"""

from __future__ import annotations

from typing import Any

from otgraph.engine.metadata import INTEGRATION, task_metadata
from otgraph.engine.observer import Observer
from otgraph.events import Fact
from otgraph.langchain.messages import identified, messages_in
from otgraph.tracing.record import Record

__all__ = ["tell_live", "tell_returned"]


def tell_live(record: Record, task: Any, fact: Fact) -> None:
    """Tell streams a fact of a task, if anybody listens."""
    if record.mask & fact.kind:
        span = task.span if task.span._end_time is None else task.run.span
        span.tell(fact)


def tell_returned(observer: Observer, task: Any, result: Any) -> None:
    """Tell each message in what a node returned; whoever has been shown it already is not shown it again."""
    found = messages_in(result)
    if found:
        metadata = task_metadata(task, INTEGRATION)
        for message in found:
            observer.message_told(task, identified(message), metadata, whole=True)
