"""
How much of a thread's history a saver keeps of its own accord.

Rule: a checkpoint goes only if nothing that stays needs it. The newest of each namespace stays, and so do the
ancestors from which it rebuilds the channels that are stored as changes only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, NamedTuple

from otgraph.constants import NS_END

__all__ = ["STRATEGIES", "Entry", "Retention", "check_strategy", "doomed"]

_GREGORIAN: Final = 0x01B21DD213814000
_TICKS: Final = 10_000_000

STRATEGIES: Final = ("keep_latest", "delete")
"""What `prune` can be asked for."""


class Entry(NamedTuple):
    """What retention must know of a checkpoint."""

    ns: str
    id: str
    parent: str | None
    metadata: Mapping[str, Any]

    @property
    def unsaved(self) -> set[str]:
        """The channels whose whole value is not in this checkpoint but in an ancestor."""
        return set(self.metadata.get("counters_since_delta_snapshot") or ())


@dataclass(frozen=True, slots=True)
class Retention:
    """The limits of a saver; without limits everything is kept for ever."""

    keep_last: int | None = None
    """How many checkpoints of a namespace."""
    ttl: float | None = None
    """Seconds after which a checkpoint that was followed by another may go, and an idle thread as a whole."""

    @classmethod
    def of(cls, keep_last: int | None, ttl: float | timedelta | None) -> Retention:
        """
        Return the retention that a saver's constructor was asked for.

        Raises:
            ValueError: if a limit leaves nothing.
        """
        if keep_last is not None and keep_last < 1:
            raise ValueError(f"keep_last must be at least 1, not {keep_last!r}; None keeps everything")
        seconds = ttl.total_seconds() if isinstance(ttl, timedelta) else ttl
        if seconds is not None and not seconds > 0:
            raise ValueError(f"ttl must be more than 0 seconds, not {ttl!r}; None keeps everything")
        return cls(keep_last, seconds)

    def cutoff(self, now: float) -> str:
        """
        Return a text that is greater than the ids of all checkpoints that are too old at `now`.

        Args:
            now: seconds since 1970.
        """
        if self.ttl is None:
            return ""
        tick = max(0, int((now - self.ttl) * _TICKS) + _GREGORIAN)
        return f"{tick >> 28 & 0xFFFFFFFF:08x}-{tick >> 12 & 0xFFFF:04x}-6{tick & 0xFFF:03x}"

    @property
    def pause(self) -> float:
        """Seconds between two searches for idle threads."""
        return min(60.0, (self.ttl or 0.0) / 4)


def check_strategy(strategy: str) -> None:
    """Raise `ValueError` if `prune` knows no such strategy."""
    if strategy not in STRATEGIES:
        raise ValueError(
            f"prune() knows the strategies {' and '.join(map(repr, STRATEGIES))}, not {strategy!r}"
        )


def doomed(
    entries: Iterable[Entry], *, keep_last: int | None = None, cutoff: str = "", orphans: bool = True
) -> set[tuple[str, str]]:
    """
    Return namespace and id of the checkpoints of one thread that may go.

    Args:
        keep_last: how many of each namespace stay.
        cutoff: those with a smaller id are too old.
        orphans: whether the namespace of a task's subgraph goes with the checkpoint that the task belongs to.
    """
    by_place = {(entry.ns, entry.id): entry for entry in entries}
    by_ns: dict[str, list[str]] = {}
    for ns, checkpoint in sorted(by_place, reverse=True):
        by_ns.setdefault(ns, []).append(checkpoint)
    if by_ns and max(newest[0] for newest in by_ns.values()) < cutoff:
        return set(by_place)
    kept: set[tuple[str, str]] = set()
    for ns, newest in by_ns.items():
        young = [checkpoint for checkpoint in newest[:keep_last] if checkpoint >= cutoff]
        for checkpoint in young or newest[:1]:
            kept.update(_needed(by_place, (ns, checkpoint)))
    gone = by_place.keys() - kept
    return gone | _orphaned(by_place, gone) if orphans and gone else gone


def _needed(by_place: Mapping[tuple[str, str], Entry], place: tuple[str, str]) -> Iterable[tuple[str, str]]:
    """Yield a checkpoint and the ancestors without which its channels cannot be rebuilt."""
    seen: set[tuple[str, str]] = set()
    entry = by_place.get(place)
    unsaved = entry.unsaved if entry else set()
    while entry is not None and place not in seen:
        seen.add(place)
        yield place
        unsaved &= entry.unsaved
        if not unsaved or entry.parent is None:
            break
        place = (entry.ns, entry.parent)
        entry = by_place.get(place)


def _orphaned(by_place: Mapping[tuple[str, str], Entry], gone: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the checkpoints of subgraphs whose task was planned from a checkpoint that goes."""
    orphans = set()
    for place, entry in by_place.items():
        parents = entry.metadata.get("parents") or {}
        if NS_END in entry.ns and any(parent in gone for parent in parents.items()):
            orphans.add(place)
    return orphans
