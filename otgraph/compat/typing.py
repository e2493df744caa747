"""
Types that packages written for LangGraph name.

Rule: for type checkers only.
"""

from __future__ import annotations

from typing_extensions import TypedDict

__all__ = ["DeprecatedKwargs"]


class DeprecatedKwargs(TypedDict):
    """Keyword arguments that have another name now."""
