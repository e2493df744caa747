"""
Budget and Price: how much a run may take of models, and what that costs.

Rule: a budget is looked at before each call of a model, in the run or in any run inside it: a call that has begun is
finished, and its answer is not thrown away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from otgraph.errors import BudgetExceededError
from otgraph.usage import Usage

__all__ = ["Budget", "Price", "cost_of"]

MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a million tokens of a model cost, in a currency of your choice."""

    input: float
    output: float
    cache_read: float | None = None
    """None for the price of other input."""
    cache_write: float | None = None

    def __post_init__(self) -> None:
        for item in fields(self):
            price = getattr(self, item.name)
            if not (price is None and item.default is None) and not (_is_number(price) and price >= 0):
                raise ValueError(
                    f"{item.name} of a price must be a number from 0, per million tokens, not {price!r}"
                )

    def of(self, usage: Usage) -> float:
        """Return what tokens cost."""
        read, written = usage.cache_read_tokens, usage.cache_write_tokens
        plain = max(usage.input_tokens - read - written, 0)
        total = plain * self.input + usage.output_tokens * self.output
        total += read * (self.input if self.cache_read is None else self.cache_read)
        total += written * (self.input if self.cache_write is None else self.cache_write)
        return total / MILLION


def cost_of(usage: Usage, prices: Mapping[str, Price] | None, *models: str | None) -> float | None:
    """Return what tokens cost by the price of the first of `models` that has one; None if none has."""
    for model in models:
        price = None if prices is None or model is None else prices.get(model)
        if price is not None:
            return price.of(usage)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a run may take, together with the runs inside it; None for no limit."""

    model_calls: int | None = None
    tokens: int | None = None
    """Of input and of output."""
    cost: float | None = None
    """Needs prices; a call of a model that has none costs nothing."""

    def __post_init__(self) -> None:
        for name in ("model_calls", "tokens", "cost"):
            limit = getattr(self, name)
            if limit is not None and not (_is_number(limit) and limit > 0):
                raise ValueError(
                    f"{name} of a budget must be a number greater than 0, or None for no limit, not {limit!r}"
                )

    def check(self, used: Usage) -> None:
        """
        Say whether another call of a model may begin.

        Raises:
            BudgetExceededError: as much was used as there was.
        """
        for name, limit, taken in (
            ("model_calls", self.model_calls, used.model_calls),
            ("tokens", self.tokens, used.total_tokens),
            ("cost", self.cost, used.cost or 0),
        ):
            if limit is not None and taken >= limit:
                raise BudgetExceededError(name, limit, taken)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
