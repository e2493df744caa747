"""
The versions of channels, as the savers of this package count them.

Rule: a version is text whose order is that of its number, with a random end: two branches of a thread that both
change a channel give it different versions.
"""

from __future__ import annotations

import random

__all__ = ["next_version"]


def next_version(current: str | int | float | None) -> str:
    """Return a version greater than `current`."""
    number = int(current.split(".")[0]) if isinstance(current, str) else int(current or 0)
    return f"{number + 1:032}.{random.random():016}"
