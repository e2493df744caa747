"""
What packages written for LangGraph make ids of checkpoints with.

Rule: ids are otgraph's own, so that they sort by time among all others.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from otgraph import ids

__all__ = ["uuid6"]


def uuid6(node: Any = None, clock_seq: int | None = None) -> UUID:
    """Return a new id that sorts by time; `node` is taken for LangGraph's sake."""
    return UUID(ids.uuid6(clock_seq))
