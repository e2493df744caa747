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
        task_id: the id of that task; None where it tells of a run.
    """

    __slots__ = ("attempt", "dropped", "seq", "task_id")

    seq: int
    attempt: int
    task_id: str | None
    dropped: int
    """How many entries of the record are missing before it, dropped because the subscriber was behind."""

    def __init__(
        self, content: Mapping[str, Any], /, *, seq: int = 0, attempt: int = 1, task_id: str | None = None
    ) -> None:
        dict.__init__(self, content)
        self.seq = seq
        self.attempt = attempt
        self.task_id = task_id
        self.dropped = 0

    @classmethod
    def of(cls, chunk: Mapping[str, object]) -> Part:
        """
        Return a chunk of `version="v2"` as what it is, for a type checker that knows it as a `StreamPart`.

        Raises:
            TypeError: it is no such chunk.
        """
        if not isinstance(chunk, Part):
            raise TypeError(f'expected a chunk of stream(..., version="v2"), not {chunk!r}')
        return chunk
