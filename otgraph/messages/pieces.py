"""
Pieces: the answers that the pieces of a stream add up to, one for each choice.

Rule: the pieces of model clients (OpenAI's two APIs, Anthropic's) are read by the names of their fields, and so is a
plain text. What is no piece of text, of reasoning or of a call of a tool is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from otgraph.messages.convention import THOUGHTS, field_of, shown_answer

__all__ = ["Pieces"]

TEXT: Final = "text"
REASONING: Final = "reasoning"
CALL: Final = "tool_use"
REFUSAL: Final = "refusal"

TOLD_AS: Final = (("content", TEXT), (TEXT, TEXT), ("refusal", REFUSAL))
"""Field of a piece of OpenAI's -> what it is a piece of."""
DELTAS: Final = (
    ("text", TEXT, "text_delta"),
    ("thinking", REASONING, "thinking_delta"),
    ("partial_json", CALL, "input_json_delta"),
)
"""Field of a piece of Anthropic's -> what it is a piece of, and its type."""
EVENTS: Final = {
    "response.output_text.delta": TEXT,
    "response.refusal.delta": REFUSAL,
    "response.reasoning_text.delta": REASONING,
    "response.reasoning_summary_text.delta": REASONING,
    "response.function_call_arguments.delta": CALL,
}
"""Event of OpenAI's Responses API -> what it is a piece of."""


class _Block:
    """A part of an answer that comes in pieces."""

    __slots__ = ("id", "kind", "name", "texts")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.id: Any = None
        self.name: Any = None
        self.texts: list[str] = []

    def part(self) -> dict[str, Any]:
        """Return it as it would be in a whole answer."""
        text = "".join(self.texts)
        if self.kind == CALL:
            return {"type": CALL, "id": self.id, "name": self.name, "input": text or "{}"}
        return {"type": self.kind, self.kind: text}


class Pieces:
    """See the module."""

    __slots__ = ("_choices",)

    def __init__(self) -> None:
        self._choices: dict[Any, dict[Any, _Block]] = {}
        """Number of a choice -> its parts, in the order in which they began."""

    def add(self, piece: Any) -> None:
        """Take in a piece, in whatever form it comes."""
        if isinstance(piece, str):
            self._text(0, TEXT, TEXT, piece)
            return
        choices, kind = field_of(piece, "choices"), field_of(piece, "type")
        if choices:
            for position, choice in enumerate(choices):
                index, delta = field_of(choice, "index"), field_of(choice, "delta")
                self._delta(position if index is None else index, choice if delta is None else delta)
        elif isinstance(kind, str) and kind.startswith("content_block_"):
            self._block_event(piece)
        elif isinstance(kind, str) and kind.startswith("response."):
            self._response_event(kind, piece)
        else:
            self._text(0, TEXT, TEXT, field_of(piece, "content"))

    def messages(self, reasons: Mapping[Any, Any]) -> list[dict[str, Any]]:
        """
        Return what the pieces add up to, as `gen_ai.output.messages` has it.

        Args:
            reasons: number of a choice -> why the model stopped.
        """
        return [
            shown_answer(
                {"role": "assistant", "content": [block.part() for block in parts.values()]},
                reasons.get(index),
            )
            for index, parts in sorted(self._choices.items())
            if parts
        ]

    def _part(self, index: Any, key: Any, kind: str) -> _Block:
        parts = self._choices.setdefault(index, {})
        block = parts.get(key)
        if block is None:
            block = parts[key] = _Block(kind)
        return block

    def _text(self, index: Any, key: Any, kind: str, text: Any) -> None:
        if isinstance(text, str) and text:
            self._part(index, key, kind).texts.append(text)

    def _call(self, index: Any, key: Any, name: Any, call_id: Any) -> _Block:
        block = self._part(index, key, CALL)
        block.name = block.name or name
        block.id = block.id or call_id
        return block

    def _delta(self, index: Any, delta: Any) -> None:
        """Take in a piece of OpenAI's chat completions, or of its completions of texts."""
        thought = next((found for key in THOUGHTS if (found := field_of(delta, key))), None)
        self._text(index, REASONING, REASONING, thought)
        for field, kind in TOLD_AS:
            self._text(index, kind, kind, field_of(delta, field))
        for position, call in enumerate(field_of(delta, "tool_calls") or ()):
            at, function = field_of(call, "index"), field_of(call, "function")
            block = self._call(
                index, position if at is None else at, field_of(function, "name"), field_of(call, "id")
            )
            written = field_of(function, "arguments")
            if isinstance(written, str):
                block.texts.append(written)

    def _block_event(self, event: Any) -> None:
        """Take in an event of Anthropic's."""
        index, begun, delta = (field_of(event, key) for key in ("index", "content_block", "delta"))
        if begun is not None and field_of(begun, "type") == CALL:
            self._call(0, index, field_of(begun, "name"), field_of(begun, "id"))
        for field, kind, told_as in DELTAS:
            if field_of(delta, "type") == told_as:
                self._text(0, index, kind, field_of(delta, field))

    def _response_event(self, name: str, event: Any) -> None:
        """Take in an event of OpenAI's Responses API."""
        index, item = field_of(event, "output_index"), field_of(event, "item")
        if name == "response.output_item.added" and field_of(item, "type") == "function_call":
            self._call(0, index, field_of(item, "name"), field_of(item, "call_id"))
        kind = EVENTS.get(name)
        if kind is not None:
            self._text(0, index, kind, field_of(event, "delta"))
