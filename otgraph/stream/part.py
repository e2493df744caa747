"""
`Part`: a chunk of `version="v2"`.

Rule: it has LangGraph's keys and no others; what otgraph knows besides are attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Part"]


class Part(dict[str, Any]):
    """
    A chunk of `version="v2"`: a dict with the keys `type`, `ns`, `data` (and `interrupts` in `values`).

    Args:
        content: those keys.
        seq: the position of the chunk's record entry in its run.
        attempt: the attempt, counted from 1, of the task that it tells of.
    """

    __slots__ = ("attempt", "dropped", "seq")

    seq: int
    attempt: int
    dropped: int
    """How many entries of the record are missing before it, dropped because the subscriber was behind."""

    def __init__(self, content: Mapping[str, Any], /, *, seq: int = 0, attempt: int = 1) -> None:
        dict.__init__(self, content)
        self.seq = seq
        self.attempt = attempt
        self.dropped = 0
