"""
Usage: what calls of models have taken.

Rule: a sum counts each call once, whoever asks: what is inside a node, an agent or a run is counted there and in all
that is around it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["Usage"]


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

    @property
    def total_tokens(self) -> int:
        """Those of input and of output."""
        return self.input_tokens + self.output_tokens

    def at_least(self, other: Usage) -> Usage:
        """Return the greater of each count: what is told of one call again and again, as it goes on."""
        pairs = ((getattr(self, item.name), getattr(other, item.name)) for item in fields(self))
        return Usage(
            *(
                theirs if ours is None else ours if theirs is None else max(ours, theirs)
                for ours, theirs in pairs
            )
        )

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
        )
