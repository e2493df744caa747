"""
Interrupts: what a task asks, and where a run stops by itself.

Rule: a task's questions are told apart by their order; a breakpoint is passed once something has changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from otgraph.constants import INTERRUPT, NS_SEP
from otgraph.engine.run import Run
from otgraph.engine.task import Task
from otgraph.engine.thread import SavedThread
from otgraph.errors import GraphInterrupt
from otgraph.ids import hash_id
from otgraph.snapshot import Interrupt

__all__ = ["ask", "question_id", "stops_at", "thread_of"]


def ask(
    task: Task, value: Any, response_schema: Any = None, check: Callable[[Any], Any] | None = None
) -> Any:
    """
    Return the answer to the task's next question.

    Args:
        check: returns the answer as the task is to have it, or refuses it; then the question stays open.

    Raises:
        GraphInterrupt: there is none yet.
    """
    number = task.asked
    task.asked += 1
    if number < len(task.resumes):
        answer = task.resumes[number]
        return answer if check is None else check(answer)
    id = question_id(task, number)  # noqa: A001
    thread = thread_of(task)
    if thread is not None:
        answers = thread.answers
        named = _name_of(task, id, answers.by_id)
        if named is not None:
            task.took_named = True
            return _answered(task, answers.by_id[named], check)
        answer = answers.take()
        if answer is not None:
            task.took_answer = True
            return _answered(task, answer, check)
    raise GraphInterrupt((Interrupt(value=value, id=id, response_schema=response_schema),))


def question_id(task: Task, number: int) -> str:
    """Return the id of a task's question, the first being number 0."""
    ns = task.checkpoint_ns
    return hash_id(f"{ns}{NS_SEP}{number}" if number else ns)


def thread_of(task: Task) -> SavedThread | None:
    """Return where the run is saved, or the nearest of those around it that is: answers come from there."""
    run: Any = task.state
    while run is not None and run.saved is None:
        run = run.parent
    return None if run is None else run.saved


def _name_of(task: Task, id: str, by_id: Mapping[str, Any]) -> str | None:
    """Return the key of the answer to a question: its id, or, once, that of the task's first question."""
    if id in by_id:
        return id
    if task.asked > 1 and not task.took_named:
        first = question_id(task, 0)
        return first if first in by_id else None
    return None


def _answered(task: Task, answer: Any, check: Callable[[Any], Any] | None) -> Any:
    taken = answer if check is None else check(answer)
    task.resumes = [*task.resumes, answer]
    return taken


def stops_at(run: Run, breakpoints: Sequence[str] | str, tasks: Sequence[Task]) -> bool:
    """Say whether the run must stop because one of `tasks` is at a breakpoint, something having changed since."""
    if not breakpoints:
        return False
    seen = run.seen.get(INTERRUPT, {})
    if all(name in seen and version <= seen[name] for name, version in run.versions.items()):
        return False
    if not any(not task.node.hidden if breakpoints == "*" else task.name in breakpoints for task in tasks):
        return False
    run.seen[INTERRUPT] = dict(run.versions)
    return True
