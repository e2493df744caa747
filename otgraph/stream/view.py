"""
What a subscriber wants to see of a run, and how far it may fall behind.

Rule: a view never changes, so streams that are asked for in the same way share one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from otgraph.events import Fact, RunEnded
from otgraph.stream.envelope import Envelope, bare
from otgraph.stream.modes import Mode, project

__all__ = ["Buffer", "View"]

LIVE: Final = frozenset({"custom", "messages", "blocks", "spans"})
"""Modes whose items are handed out while a node runs."""

Table: TypeAlias = "Mapping[type[Fact], Sequence[tuple[str, Mode]]]"


@dataclass(frozen=True, slots=True)
class Buffer:
    """How far a subscriber may fall behind a run, and what happens then."""

    size: int = 1024
    """Entries of the record that wait at most."""
    policy: Literal["block", "drop_oldest", "error"] = "block"
    """The run waits; the oldest entries are dropped and counted; or the subscriber's iterator raises."""

    def __post_init__(self) -> None:
        if not isinstance(self.size, int) or self.size < 1:
            raise ValueError(f"buffer size must be a positive integer, not {self.size!r}")
        if self.policy not in ("block", "drop_oldest", "error"):
            raise ValueError(
                f"unknown buffer policy {self.policy!r}; expected 'block', 'drop_oldest' or 'error'"
            )


USUAL: Final = Buffer()


class View:
    """
    See the module.

    Args:
        subgraphs: whether runs nested in the run count too.
    """

    __slots__ = (
        "buffer",
        "envelope",
        "live",
        "mask",
        "modes",
        "reads",
        "shows",
        "subgraphs",
        "table",
    )

    def __init__(
        self,
        modes: tuple[str, ...],
        envelope: Envelope,
        subgraphs: bool = False,
        buffer: Buffer = USUAL,
    ) -> None:
        self.modes = modes
        self.envelope = envelope
        self.subgraphs = subgraphs
        self.buffer = buffer
        self.live = not LIVE.isdisjoint(modes) or subgraphs
        """Whether chunks may come while a node runs."""
        self.table = _table(modes)
        """Who speaks of which fact, in which order."""
        self.shows: Mapping[type[Fact], Sequence[Mode]] | None = None
        """The same without the names of the modes, where nothing is wrapped around what they show."""
        if envelope is bare:
            self.shows = {fact: [mode for _, mode in named] for fact, named in self.table.items()}
        # The state of a run inside is forgotten when that ends.
        self.mask = RunEnded.kind if subgraphs else 0
        """The kinds of the facts that concern it."""
        self.reads = 0
        """Those that are to tell of the run's state: a span tells nothing of it."""
        for fact, named in self.table.items():
            if named:
                self.mask |= fact.kind
            if any(mode != "spans" for mode, _ in named):
                self.reads |= fact.kind


@lru_cache(maxsize=128)
def _table(modes: tuple[str, ...]) -> Table:
    return {RunEnded: [], **project(modes)}
