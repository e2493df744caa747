"""
What an entrypoint may return in the place of a plain value.

Rule: two values and nothing else; which of them goes where is decided by the writes of the entrypoint's node.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic

from typing_extensions import TypeVar

__all__ = ["Final"]

ReturnedT = TypeVar("ReturnedT", default=Any)
SavedT = TypeVar("SavedT", default=Any)


@dataclass
class Final(Generic[ReturnedT, SavedT]):
    """What an entrypoint returns, and what it finds as `previous` the next time; users write `entrypoint.final`."""

    value: ReturnedT
    """What the caller gets."""
    save: SavedT
    """What is saved for the next run of the same thread."""


# Tracebacks and representations show the name that users write.
Final.__name__ = "final"
Final.__qualname__ = "entrypoint.final"
Final.__module__ = "otgraph.func"
