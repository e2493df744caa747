"""
Usage: what calls of models have taken.

Rule: a sum counts each call once, whoever asks: what is inside a node, an agent or a run is counted there and in all
that is around it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from typing_extensions import Self

__all__ = ["NOT_TOLD", "Modalities", "Usage"]


@dataclass(frozen=True, slots=True)
class Modalities:
    """Tokens by what they stand for, as far as the provider tells them apart: all of them, some, or none."""

    text: int = 0
    image: int = 0
    audio: int = 0

    def at_least(self, other: Self) -> Modalities:
        """Return the greater of each count."""
        if self == other:
            return self
        return Modalities(
            max(self.text, other.text), max(self.image, other.image), max(self.audio, other.audio)
        )

    def __add__(self, other: Self) -> Modalities:
        if self is NOT_TOLD or other is NOT_TOLD:
            return other if self is NOT_TOLD else self
        return Modalities(self.text + other.text, self.image + other.image, self.audio + other.audio)


NOT_TOLD = Modalities()


@dataclass(frozen=True, slots=True)
class Usage:
    """Calls of models, their tokens, and what they cost where prices are known."""

    model_calls: int = 0
    """How many were begun, failed ones included."""
    input_tokens: int = 0
    """Those read from and written to a cache included."""
    output_tokens: int = 0
    """Those of reasoning included."""
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    cost: float | None = None
    """In the unit of the price table; None where no price was known."""
    input_by_modality: Modalities = NOT_TOLD
    """What of the input is text, image or audio, where the provider tells."""
    output_by_modality: Modalities = NOT_TOLD
    """The same of the output."""
    cache_read_by_modality: Modalities = NOT_TOLD
    """The same of what a cache had."""

    @property
    def total_tokens(self) -> int:
        """Those of input and of output."""
        return self.input_tokens + self.output_tokens

    def at_least(self, other: Usage) -> Usage:
        """Return the greater of each count: what is told of one call again and again, as it goes on."""
        return Usage(*(_greater(getattr(self, name), getattr(other, name)) for name in COUNTS))

    def __add__(self, other: Usage) -> Usage:
        costs = [cost for cost in (self.cost, other.cost) if cost is not None]
        return Usage(
            self.model_calls + other.model_calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            sum(costs) if costs else None,
            self.input_by_modality + other.input_by_modality,
            self.output_by_modality + other.output_by_modality,
            self.cache_read_by_modality + other.cache_read_by_modality,
        )


COUNTS = tuple(each.name for each in fields(Usage))


def _greater(ours: Any, theirs: Any) -> Any:
    if ours is None or theirs is None:
        return theirs if ours is None else ours
    return ours.at_least(theirs) if isinstance(ours, Modalities) else max(ours, theirs)
