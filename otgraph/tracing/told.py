"""
What is told live, and on no span: tokens, tools, and the messages among what a node returned.

Rule: messages are looked for only where somebody streams them; each has an id by then, which state and updates show.
"""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING, Any

from otgraph.engine.metadata import INTEGRATION, task_metadata
from otgraph.engine.observer import Observer
from otgraph.events import BlockTold, Fact, ToolTold
from otgraph.langchain.messages import identified, messages_in
from otgraph.tracing.record import Record

if TYPE_CHECKING:
    from otgraph.tracing.capture import Capture

__all__ = ["tell_live", "tell_returned"]


def tell_live(record: Record, task: Any, fact: Fact, capture: Capture | None) -> None:
    """Tell streams a fact of a task, if anybody listens; and processors that want it, where content is captured."""
    if type(fact) is not ToolTold:
        # What is said of a message counts as a token.
        if not task.told:
            task.first_told_ns = time_ns()
        task.told += 1
    if record.mask & fact.kind:
        span = task.span if task.span._end_time is None else task.run.span
        span.tell(fact, None if capture is None or isinstance(fact, BlockTold) else capture.told_live)


def tell_returned(observer: Observer, task: Any, result: Any) -> None:
    """Tell each message in what a node returned; whoever has been shown it already is not shown it again."""
    found = messages_in(result)
    if found:
        metadata = task_metadata(task, INTEGRATION)
        for message in found:
            observer.message_told(task, identified(message), metadata, True)
