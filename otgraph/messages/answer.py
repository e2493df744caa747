"""
Answer: what a model client has answered so far, whole or in pieces, as far as telemetry tells of it.

Rule: the objects of model clients are read by the names of their fields, never by their classes; what is not there is
not told. What the model said is kept only where content is captured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from otgraph.messages.convention import field_of, shown_answer, shown_output
from otgraph.messages.exchange import ModelResponse
from otgraph.messages.pieces import Pieces
from otgraph.messages.usage import read_usage
from otgraph.usage import Usage

__all__ = ["Answer"]

BROKEN_OFF: Final = "error"
"""What the conventions say of a choice whose end was to come and did not."""
ENDS: Final = ("completed", "incomplete", "failed", "cancelled")
"""What OpenAI's Responses API calls the state of an answer that is over."""
EVENTS: Final = ("message_", "content_block_", "response.")
"""What the types of the events of streams begin with, of Anthropic's and of the Responses API."""


class Answer:
    """
    See the module.

    Args:
        keeps: whether what the model says is kept.
    """

    __slots__ = (
        "_earlier",
        "_id",
        "_model",
        "_pieces",
        "_reasons",
        "_said",
        "_same",
        "_tokens",
        "_usage",
        "keeps",
    )

    def __init__(self, *, keeps: bool) -> None:
        self.keeps = keeps
        self._model: Any = None
        self._earlier: Usage | None = None
        """The usage of answers before this one, which the client was not content with."""
        self._begin(None)

    def _begin(self, id: Any) -> None:
        self._id = id
        self._same = 0
        """How many pieces had this id."""
        self._usage: Usage | None = None
        self._reasons: dict[Any, Any] = {}
        """Number of a choice -> why the model stopped; None as long as that is to come."""
        self._said: Callable[[], Any] | None = None
        """Returns the whole answer, if it is known."""
        self._pieces = Pieces() if self.keeps else None
        """What came in pieces of the client's."""
        self._tokens = Pieces() if self.keeps else None
        """What was handed to the stream; it stands in where nobody passes on what the client says."""

    def read(self, answer: Any) -> bool:
        """Take in an answer or a piece of one, of OpenAI's kind or of Anthropic's; return whether it is a piece."""
        piece = answer
        choices = field_of(piece, "choices")
        if choices is None:
            answer = field_of(piece, "message") or field_of(piece, "response") or piece
        in_pieces = _is_piece(piece, choices or ())
        self._model = field_of(answer, "model") or self._model
        self._identify(field_of(answer, "id"), in_pieces)
        if choices is None:
            # Not of OpenAI's chat completions, whose objects take long to say what they have not.
            self._note_reason(piece, answer)
        else:
            self._note_reasons(choices)
        usage = field_of(answer, "usage")
        if usage is not None:
            told = read_usage(usage)
            self._usage = told if self._usage is None else self._usage.at_least(told)
        if self._pieces is not None:
            said = _whole(answer, choices or ())
            if said is None:
                self._pieces.add(piece)
            self._said = said or self._said
        return in_pieces

    def token(self, chunk: Any) -> None:
        """Take in what was handed to the stream."""
        if self._tokens is not None:
            self._tokens.add(chunk)

    def message(self, message: Any) -> None:
        """Take in the whole answer as it was handed to the stream."""
        if self._tokens is not None and self._said is None:
            self._said = lambda: [shown_answer(message)]

    def response(self) -> ModelResponse:
        """Return what is known of it at its end."""
        reasons = [reason or BROKEN_OFF for _, reason in sorted(self._reasons.items())]
        return ModelResponse(
            self._model,
            self._id,
            tuple(map(str, reasons)),
            _sum(self._earlier, self._usage),
            None if self._pieces is None else self._messages,
        )

    def _messages(self) -> list[Any]:
        if self._said is not None:
            return list(self._said())
        known = {index: reason or BROKEN_OFF for index, reason in self._reasons.items()}
        both = (kept.messages(known) for kept in (self._pieces, self._tokens) if kept is not None)
        return next(filter(None, both), [])

    def _identify(self, id: Any, in_pieces: bool) -> None:
        """Tell an answer to a second request from the next piece of the first, whose usage it repeats."""
        if not id:
            return
        # There are servers that give each piece an id of its own.
        if self._id and id != self._id and (not in_pieces or self._same > 1):
            self._earlier = _sum(self._earlier, self._usage)
            self._begin(id)
        self._same = self._same + 1 if id == self._id else 1
        self._id = id

    def _note_reasons(self, choices: Sequence[Any]) -> None:
        reasons = self._reasons
        for position, choice in enumerate(choices):
            index, reason = field_of(choice, "index"), field_of(choice, "finish_reason")
            if reason or _has(choice, "finish_reason"):
                index = position if index is None else index
                reasons[index] = reason or reasons.get(index)

    def _note_reason(self, piece: Any, answer: Any) -> None:
        reasons = self._reasons
        delta = field_of(piece, "delta")
        for told in (answer, delta):
            if told is not None and _has(told, "stop_reason"):
                reasons[0] = field_of(told, "stop_reason") or reasons.get(0)
        if field_of(answer, "object") == "response":
            state = field_of(answer, "status")
            why = field_of(field_of(answer, "incomplete_details"), "reason")
            reasons[0] = (why or state) if state in ENDS else reasons.get(0)


def _sum(one: Usage | None, other: Usage | None) -> Usage | None:
    return one + other if one and other else one or other


def _has(value: Any, key: str) -> bool:
    return key in value if isinstance(value, Mapping) else hasattr(value, key)


def _is_piece(piece: Any, choices: Sequence[Any]) -> bool:
    if any(field_of(choice, "delta") is not None for choice in choices):
        return True
    kind = field_of(piece, "type")
    if isinstance(kind, str) and kind.startswith(EVENTS):
        return True
    return bool(field_of(piece, "object") == "chat.completion.chunk")


def _whole(answer: Any, choices: Sequence[Any]) -> Callable[[], Any] | None:
    """Return what tells the answer, where it is there as a whole."""
    whole = [choice for choice in choices if field_of(choice, "message") is not None]
    if whole:
        return lambda: [
            shown_answer(field_of(each, "message"), field_of(each, "finish_reason")) for each in whole
        ]
    if field_of(answer, "content") and field_of(answer, "role"):
        return lambda: [shown_answer(answer, field_of(answer, "stop_reason"))]
    output = field_of(answer, "output")
    if output and field_of(answer, "object") == "response":
        return lambda: [shown_output(output)]
    return None
