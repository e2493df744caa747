"""
What a store is, in the simplest words: a dict from places to values, and loops.

Rule: written without a look at otgraph, and slow on purpose.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

__all__ = ["Model", "filters", "meets", "namespaces", "values"]

LABELS = st.sampled_from(["a", "b", "c", "ab", "a-b", "A", "%", "_", "é", "*", "/", "langgraph "])
KEYS = st.sampled_from(["x", "y", "z", "n", "a.b", "é", 'q"'])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([2**53, 2**53 + 1, 2**70, 0.1, 1 / 3, 1e300, -2.5, 1e-9])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "a", "b", "10", "9", "2026-01-02", "é", "a\0b", "\ud800", "nan"])
)

namespaces = st.lists(LABELS, min_size=1, max_size=3).map(tuple)
values = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2),
        max_leaves=4,
    ),
    max_size=4,
)
_operators = st.dictionaries(
    st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]), SCALARS, min_size=1, max_size=2
)
filters = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS | _operators,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2),
        max_leaves=3,
    ),
    max_size=2,
)


def meets(value: Any, wanted: Any) -> bool:
    """Say whether a value is what a filter wants."""
    if isinstance(wanted, dict) and any(key.startswith("$") for key in wanted):
        return all(_holds(value, operator, operand) for operator, operand in wanted.items())
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(meets(value.get(key), each) for key, each in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(value, list)
            and len(value) == len(wanted)
            and all(meets(*pair) for pair in zip(value, wanted))
        )
    return bool(value == wanted)


def _holds(value: Any, operator: str, operand: Any) -> bool:
    if operator in ("$eq", "$ne"):
        return (value == operand) == (operator == "$eq")
    both = (value, operand)
    if not all(isinstance(each, (int, float, str)) for each in both):
        return False
    if any(isinstance(each, str) for each in both):
        try:
            value, operand = float(value), float(operand)
        except ValueError:
            if not all(isinstance(each, str) for each in both):
                return False
    less, more = value < operand, value > operand
    equal = value == operand
    return {"$gt": more, "$gte": more or equal, "$lt": less, "$lte": less or equal}[operator]


class Model:
    """A store of values by place."""

    def __init__(self) -> None:
        self.kept: dict[tuple[tuple[str, ...], str], dict[str, Any]] = {}

    def put(self, namespace: tuple[str, ...], key: str, value: dict[str, Any] | None) -> None:
        if value is None:
            self.kept.pop((namespace, key), None)
        else:
            self.kept[namespace, key] = value

    def found(self, prefix: tuple[str, ...], wanted: dict[str, Any]) -> dict[Any, Any]:
        return {
            place: value
            for place, value in self.kept.items()
            if place[0][: len(prefix)] == prefix and meets(value, wanted)
        }

    def listed(self, prefix: tuple[str, ...], suffix: tuple[str, ...], depth: int | None) -> list[Any]:
        def alike(labels: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
            return len(labels) == len(pattern) and all(
                want in ("*", label) for label, want in zip(labels, pattern)
            )

        return sorted(
            {
                namespace[:depth]
                for namespace, _ in self.kept
                if alike(namespace[: len(prefix)], prefix)
                and (not suffix or alike(namespace[-len(suffix) :], suffix))
            }
        )
