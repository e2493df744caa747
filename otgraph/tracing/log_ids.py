"""
Which run a log line belongs to: ids for structlog and for the standard library.

Rule: a line keeps what it says itself; ids are added, from the context variables of whoever logs, whether or not
the run is sampled or exported. Outside of runs nothing is added but the ids of a span that is current there.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any, Final

from opentelemetry import trace

from otgraph.infos import TaskInfo
from otgraph.runtime import SCOPE

__all__ = ["RunIds", "add_run_ids", "current_task", "run_ids"]

EMPTY: Final[dict[str, Any]] = dict.fromkeys(
    ("trace_id", "span_id", "run_id", "thread_id", "graph", "step", "node", "task_id"), ""
)
"""All names there are, as a format string of `logging` finds them outside of runs."""


def current_task() -> TaskInfo | None:
    """Return the task whose code is running; None outside of nodes."""
    scope: Any = SCOPE.get()
    return None if scope is None else scope.task


def run_ids() -> dict[str, Any]:
    """
    Return what tells where the current code runs, as far as it is known.

    Its keys are `trace_id` and `span_id`, as backends write them, and in nodes `run_id`, `thread_id`, `graph`,
    `step`, `node` and `task_id`, as spans have them.
    """
    found: dict[str, Any] = {}
    task = current_task()
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        found["trace_id"] = trace.format_trace_id(span.trace_id)
        found["span_id"] = trace.format_span_id(span.span_id)
    if task is not None:
        run = task.run
        found["run_id"] = run.id
        thread = _thread(run)
        if thread is not None:
            found["thread_id"] = thread
        found.update(graph=run.name, step=task.step, node=task.name, task_id=task.id)
    return found


def _thread(run: Any) -> str | None:
    above = run
    while above.thread is None and above.parent is not None:
        above = above.parent
    thread: str | None = above.thread
    return thread


def add_run_ids(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add `run_ids()` to a line of structlog; it goes into `structlog.configure(processors=[...])` as it is."""
    for key, value in run_ids().items():
        event.setdefault(key, value)
    return event


class RunIds(logging.Filter):
    """
    Adds `run_ids()` to the records of the standard library: `handler.addFilter(RunIds())`.

    All names are on every record, empty where nothing is known, so that a format string may use them.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the ids; every record passes."""
        own = record.__dict__
        for key, value in {**EMPTY, **run_ids()}.items():
            own.setdefault(key, value)
        return True
