"""
The names of tests after their parameters, the same in every process.

Rule: workers that run tests side by side agree on them by name, so no address is in a name.
"""

from __future__ import annotations

import re

__all__ = ["stable_id"]


def stable_id(value: object) -> str:
    """Return what a parameter looks like, without the address that Python gives an object that has no other words."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
