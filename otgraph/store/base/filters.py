"""
Filters: what the value of an item must be for a search to find it.

Rule: a filter is read once and then asked about each value. Values that cannot be compared do not match;
an operator that nobody knows is an error, whether or not there is anything to search.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

__all__ = ["Check", "read_filter"]

Check: TypeAlias = Callable[[Any], bool]
"""Value -> whether it matches."""


def read_filter(conditions: Mapping[str, Any] | None, *, dotted: bool = False) -> Check | None:
    """
    Return a function that says whether a value meets all conditions; None if there are none.

    Args:
        conditions: key -> what its value equals, objects and lists in depth; or key -> `{operator: operand}`
            with `$eq`, `$ne`, `$gt`, `$gte`, `$lt` or `$lte`. An absent key counts as None.
        dotted: whether `a.b` means key `b` of `a` where no key is called `a.b`.
    """
    if not conditions:
        return None
    checks = [(key, _read(expected)) for key, expected in conditions.items()]
    look_up = _dotted if dotted and any("." in key for key in conditions) else dict.get
    return lambda value: all(check(look_up(value, key)) for key, check in checks)


def _dotted(value: dict[str, Any], key: str) -> Any:
    if key in value or "." not in key:
        return value.get(key)
    found: Any = value
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _read(expected: Any) -> Check:
    if isinstance(expected, dict):
        if any(isinstance(key, str) and key.startswith("$") for key in expected):
            return _read_operators(expected)
        checks = [(key, _read(each)) for key, each in expected.items()]
        return lambda value: isinstance(value, dict) and all(check(value.get(key)) for key, check in checks)
    if isinstance(expected, (list, tuple)):
        return _read_list([_read(each) for each in expected])
    return lambda value: bool(value == expected)


def _read_list(checks: list[Check]) -> Check:
    def check(value: Any) -> bool:
        return (
            isinstance(value, (list, tuple))
            and len(value) == len(checks)
            and all(check(each) for check, each in zip(checks, value, strict=True))
        )

    return check


def _read_operators(operands: dict[str, Any]) -> Check:
    unknown = [name for name in operands if name not in _OPERATORS]
    if unknown:
        raise ValueError(f"Unsupported operator: {unknown[0]}; a filter knows {', '.join(_OPERATORS)}")
    checks = [(_OPERATORS[name], operand) for name, operand in operands.items()]
    return lambda value: all(compare(value, operand) for compare, operand in checks)


def _ordering(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def check(value: Any, operand: Any) -> bool:
        pair = _comparable(value, operand)
        return pair is not None and compare(*pair)

    return check


def _comparable(value: Any, operand: Any) -> tuple[Any, Any] | None:
    if isinstance(value, (int, float)) and isinstance(operand, (int, float)):
        return value, operand
    if not isinstance(value, (int, float, str)) or not isinstance(operand, (int, float, str)):
        return None
    try:
        return float(value), float(operand)
    except ValueError:
        # Dates and the like: texts compare as texts, and with nothing else.
        return (value, operand) if isinstance(value, str) and isinstance(operand, str) else None


_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "$eq": operator.eq,
    "$ne": operator.ne,
    "$gt": _ordering(operator.gt),
    "$gte": _ordering(operator.ge),
    "$lt": _ordering(operator.lt),
    "$lte": _ordering(operator.le),
}
