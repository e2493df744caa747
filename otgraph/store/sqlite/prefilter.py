"""
A filter's first pass in SQL: rows that cannot match are passed over without being read.

Rule: it lets through every row that matches, and more; `read_filter` has the last word. So it speaks of what
SQLite and Python are sure to understand alike and leaves the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["prefilter"]

_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
"""Keys that JSON writes in one way only."""
_EXACT: Final = 2**53
_ORDERINGS: Final = {"$gt": (">", -1), "$gte": (">=", -1), "$lt": ("<", 1), "$lte": ("<=", 1)}
"""Operator -> its SQL, and the direction in which the bound is loosened."""


def prefilter(conditions: Mapping[str, Any] | None) -> tuple[str, tuple[Any, ...]]:
    """Return a condition in SQL, and its parameters, that all rows meet whose values meet `conditions`."""
    parts, parameters = ["1"], list[Any]()
    for key, expected in (conditions or {}).items():
        if _PLAIN_KEY.fullmatch(key):
            found = f"json_extract(CAST(store.value AS TEXT), '$.\"{key}\"')"
            kind = found.replace("json_extract", "json_type", 1)
            for operator, operand in _comparisons(expected):
                if operator == "=":
                    parts.append(f"{found} = ?")
                else:
                    parts.append(f"({kind} NOT IN ('integer', 'real') OR {found} {operator} ?)")
                parameters.append(operand)
    return " AND ".join(parts), tuple(parameters)


def _comparisons(expected: Any) -> Iterator[tuple[str, Any]]:
    operands = expected if isinstance(expected, dict) else {"$eq": expected}
    for name, operand in operands.items():
        if name == "$eq" and _is_exact(operand):
            yield "=", operand
        elif name in _ORDERINGS and isinstance(operand, (int, float)) and abs(operand) < _EXACT:
            operator, direction = _ORDERINGS[name]
            # SQLite may read the last digit of a fraction differently.
            yield operator, operand + direction * (abs(operand) * 1e-9 + 1e-300)


def _is_exact(operand: object) -> bool:
    if isinstance(operand, str):
        return operand.isascii() and "\0" not in operand
    return isinstance(operand, int) and abs(operand) < _EXACT
