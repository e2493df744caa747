"""
Which questions of a thread are open, and whether an answer goes with them.

Rule: an answer is looked at before anything is written, so one that is refused can be given again. What does not fit
is ignored where LangGraph ignores it, unless the caller asks to hear of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from otgraph.constants import INTERRUPT
from otgraph.engine.run import Run
from otgraph.engine.saving import SPECIAL
from otgraph.engine.thread import SavedThread
from otgraph.errors import UnknownInterruptError
from otgraph.events import Write

__all__ = ["check_answer", "check_unambiguous", "is_map"]

STRICT: Final = "__pregel_strict_resume"
"""The configurable parameter, LangGraph's, by which a caller asks to hear of answers that fit no question."""

_QUESTION: Final = re.compile(r"[0-9a-f]{32}")
_ANSWERING: Final = "https://docs.langchain.com/oss/python/langgraph/interrupts#handling-multiple-interrupts"


def is_map(answer: Any) -> bool:
    """Say whether an answer is a dict from questions to answers: all of its keys look like ids."""
    return isinstance(answer, Mapping) and all(
        isinstance(key, str) and _QUESTION.fullmatch(key) for key in answer
    )


def check_answer(run: Run, thread: SavedThread, answer: Any) -> None:
    """
    Refuse an answer that does not go with the questions that are open, if the caller asks for that.

    At a checkpoint of the past nothing is open; an answer there is one for the way that is taken from it.

    Raises:
        UnknownInterruptError: it is for other questions, for none at all, or one for several.
    """
    if thread.above is not None or not run.options.config.configurable.get(STRICT) or not thread.is_newest:
        return
    pending = _open_questions(thread)
    if not is_map(answer):
        if len(pending) > 1:
            raise _refused(_ambiguous(pending), "ambiguous", pending)
    elif not answer:
        raise _refused(f"The resume map names no interrupt. {_which(pending)}", "empty_map", pending)
    else:
        unknown = [name for name in answer if name not in pending]
        if unknown:
            told = f"Unknown or already-consumed interrupt: {', '.join(unknown)}. {_which(pending)}"
            raise _refused(told, "not_pending", pending, unknown)


def check_unambiguous(thread: SavedThread) -> None:
    """
    See to it that one answer for all is asked for by one question.

    Raises:
        RuntimeError: several are open.
    """
    pending = _open_questions(thread)
    if len(pending) > 1:
        raise RuntimeError(_ambiguous(pending))


def _refused(told: str, reason: Any, pending: Sequence[str], unknown: Sequence[str] = ()) -> Exception:
    return UnknownInterruptError(
        told, reason=reason, interrupt_ids=sorted(unknown), pending_ids=sorted(pending)
    )


def _ambiguous(pending: Sequence[str]) -> str:
    return (
        "When there are multiple pending interrupts, you must specify the interrupt id when resuming. "
        f"Docs: {_ANSWERING}. Give Command(resume={{id: answer}}); the ids are {pending}."
    )


def _which(pending: Sequence[str]) -> str:
    return f"Those that wait for an answer are {pending}." if pending else "None waits for an answer."


def _open_questions(thread: SavedThread) -> list[str]:
    """Return the ids of the questions that nobody has answered."""
    # A task that was called asks the same question as the one that called it.
    return list(dict.fromkeys(question.id for question in _pending(thread.pending)))


def _pending(pending: Mapping[str, Sequence[Write]]) -> Iterator[Any]:
    """Yield the interrupts that nobody has answered, of all tasks whose writes these are."""
    for writes in pending.values():
        if any(channel not in SPECIAL for channel, _ in writes):
            continue
        for channel, value in writes:
            if channel == INTERRUPT:
                yield from value
