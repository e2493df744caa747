"""
The sets of attributes that measurements bear.

Rule: attributes are of low cardinality: names of graphs and nodes, outcomes, classes; never an id. A set is made once
and used again, and nobody changes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["LabelSet", "LabelSets", "labels_of"]

MOST: Final = 4096
"""How many sets are kept: a program that makes up names as it goes must not fill the memory."""


class LabelSet(dict[str, str]):
    """The attributes of a measurement."""

    __slots__ = ("due",)

    due: list[int]
    """Bucket -> from when on it is offered an exemplar again, in nanoseconds since 1970."""


class LabelSets(dict[tuple[str | None, ...], LabelSet]):
    """
    Values -> the set of attributes; a set is made where it is first asked for, and None is left out of it.

    Args:
        keys: the attributes, in the order of the values.
        buckets: how many there are in the histogram, if it is one.
    """

    __slots__ = ("_buckets", "_keys")

    def __init__(self, *keys: str, buckets: int = 0) -> None:
        super().__init__()
        self._keys = keys
        self._buckets = buckets

    def __missing__(self, values: tuple[str | None, ...]) -> LabelSet:
        if len(self) >= MOST:
            self.clear()
        pairs = zip(self._keys, values, strict=True)
        self[values] = made = LabelSet((key, value) for key, value in pairs if value is not None)
        made.due = [0] * self._buckets
        return made


def labels_of(told: Mapping[str, Any], wanted: tuple[str, ...]) -> dict[str, Any]:
    """Return those of a span's attributes that are wanted."""
    return {key: told[key] for key in wanted if key in told}
