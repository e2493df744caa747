"""
Arguments that have a new name and are still taken under the old one.

Rule: the new name wins, and the old one warns at the line that uses it.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection
from typing import Any, TypeVar

__all__ = ["refuse_unknown", "renamed"]

T = TypeVar("T")


def renamed(given: dict[str, Any], old: str, new: str, value: T, category: type[DeprecationWarning]) -> T:
    """Take the argument `old` out of `given`, with a warning, and return it unless `new` has a value."""
    if old not in given:
        return value
    warnings.warn(
        category(f"`{old}` is deprecated and will be removed. Please use `{new}` instead."), stacklevel=3
    )
    former: T = given.pop(old)
    return former if value is None else value


def refuse_unknown(function: str, given: dict[str, Any], known: Collection[str] = ()) -> None:
    """Raise Python's own error for keyword arguments that nobody knows."""
    for name in given.keys() - known:
        raise TypeError(f"{function}() got an unexpected keyword argument {name!r}")
