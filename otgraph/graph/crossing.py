"""
Crossing: a graph that one engine runs inside a node of another, and the questions that it asks there.

Rule: only what both engines offer to everybody. A question ends the inner run; the node asks it anew as its own, and
with the answer the inner run goes on from where it is saved. How far it came is kept with its checkpoint.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from otgraph.constants import CONF
from otgraph.ids import hash_id

__all__ = ["Asked", "Crossing", "Parts"]

ASKED: Final = "__otgraph_asked"
"""The name under which a question is kept that was passed on; no channel bears it."""

Step: TypeAlias = tuple[str, tuple[Any, ...]]
"""What a crossing needs done: `run`, or a method of the saver, and its arguments."""


class Asked(Exception):
    """
    The inner run has stopped for a human.

    Args:
        questions: what it asks; none where it stopped at a breakpoint.
    """

    def __init__(self, questions: Sequence[Any]) -> None:
        super().__init__(questions)
        self.questions = questions


@dataclass(frozen=True, slots=True)
class Parts:
    """What the two engines bring into a crossing."""

    saver: Any
    """Where the inner run is saved, as its engine takes it; None for nowhere."""
    place: Mapping[str, Any]
    """The thread and the namespace in which it is saved."""
    remembers: bool
    """Whether that place has been there before its task, so that what is there is no sign of an earlier attempt."""
    ask: Callable[..., Any]
    """Asks a human in the name of the outer task; returns the answer, or raises the outer engine's interrupt."""
    pause: Callable[[], BaseException]
    """Makes the exception that says to the outer engine that the node stopped at a breakpoint."""
    command: Callable[..., Any]
    """Makes the inner engine's `Command`."""


@dataclass(frozen=True, slots=True)
class _Question:
    """A question of the inner graph that the outer task asks."""

    number: int
    """How many the task had asked before it."""
    id: str
    """By which the inner graph knows it."""
    value: Any
    schema: Any
    answered: bool = False
    """Whether the inner graph has been told the answer, and then failed."""


class Crossing:
    """One execution of the node."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def go(self, given: Any, run: Callable[[Any], Any]) -> Any:
        """Run the inner graph, or let it go on, and return its output; `run` raises `Asked` where it stops."""
        flow, saver = self._flow(given), self._parts.saver
        value, error = None, None
        while True:
            try:
                name, arguments = _advance(flow, value, error)
            except StopIteration as done:
                return done.value
            value = error = None
            try:
                value = run(*arguments) if name == "run" else getattr(saver, name)(*arguments)
            except Exception as failed:
                error = failed

    async def ago(self, given: Any, run: Callable[[Any], Awaitable[Any]]) -> Any:
        """Run the inner graph on the event loop; see `go`."""
        flow, saver = self._flow(given), self._parts.saver
        value, error = None, None
        while True:
            try:
                name, arguments = _advance(flow, value, error)
            except StopIteration as done:
                return done.value
            value = error = None
            try:
                value = await (run(*arguments) if name == "run" else getattr(saver, f"a{name}")(*arguments))
            except Exception as failed:
                error = failed

    def _flow(self, given: Any) -> Generator[Step, Any, Any]:
        parts = self._parts
        found = None if parts.saver is None else (yield "get_tuple", (parts.place,))
        question = _kept(found)
        number, command = 0, given
        if question is not None:
            number = question.number + 1
            for _ in range(number if question.answered else question.number):
                parts.ask(None)
            command = None if question.answered else self._answer(question)
        elif found is not None and not parts.remembers:
            command = None
        while True:
            try:
                return (yield "run", (command,))
            except Asked as stopped:
                if not stopped.questions:
                    raise parts.pause() from None
                question = _question(number, stopped.questions)
                number += 1
                yield from self._keep_flow(question)
                command = self._answer(question)
            except Exception:
                if question is not None and not question.answered:
                    yield from self._keep_flow(replace(question, answered=True))
                raise

    def _answer(self, question: _Question) -> Any:
        schema = {} if question.schema is None else {"response_schema": question.schema}
        answer = self._parts.ask(question.value, **schema)
        return self._parts.command(resume={question.id: answer})

    def _keep_flow(self, question: _Question) -> Generator[Step, Any, None]:
        saver = self._parts.saver
        found = None if saver is None else (yield "get_tuple", (self._parts.place,))
        if found is not None:
            kept = [question.number, question.id, question.value, question.schema, question.answered]
            writer = hash_id(f"{ASKED}|{question.number}|{question.answered}")
            config = {CONF: {"checkpoint_ns": "", **found.config[CONF]}}
            yield "put_writes", (config, [(ASKED, kept)], writer)


def _question(number: int, questions: Sequence[Any]) -> _Question:
    first = questions[0]
    return _Question(number, first.id, first.value, getattr(first, "response_schema", None))


def _kept(found: Any) -> _Question | None:
    """Return the last question that was kept with a checkpoint."""
    if found is None:
        return None
    kept = [_Question(*value) for _, name, value in found.pending_writes or () if name == ASKED]
    return max(kept, key=lambda question: (question.number, question.answered), default=None)


def _advance(flow: Generator[Step, Any, Any], value: Any, error: Exception | None) -> Step:
    return flow.send(value) if error is None else flow.throw(error)
