"""
What a store gives back: `Item`, and `SearchItem` with its score.

Rule: an item is equal to another by what was stored and when, never by how well it matched a search.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

__all__ = ["Item", "SearchItem"]


class Item:
    """
    A value with the place it is kept at.

    Args:
        created_at: a datetime, or its ISO 8601 text.
        updated_at: likewise.
    """

    __slots__ = ("created_at", "key", "namespace", "updated_at", "value")

    def __init__(
        self,
        *,
        value: dict[str, Any],
        key: str,
        namespace: tuple[str, ...],
        created_at: datetime,
        updated_at: datetime,
    ) -> None:
        self.value = value
        self.key = key
        self.namespace = tuple(namespace)
        self.created_at = _read(created_at) if isinstance(created_at, str) else created_at
        self.updated_at = _read(updated_at) if isinstance(updated_at, str) else updated_at

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Item):
            return False
        return (
            self.key == other.key
            and self.namespace == other.namespace
            and self.value == other.value
            and self.created_at == other.created_at
            and self.updated_at == other.updated_at
        )

    def __hash__(self) -> int:
        return hash((self.namespace, self.key))

    def dict(self) -> dict[str, Any]:
        """Return the item as JSON can hold it."""
        return {
            "namespace": list(self.namespace),
            "key": self.key,
            "value": self.value,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
        }

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.dict().items())
        return f"Item({shown})"


class SearchItem(Item):
    """An item that a search found; `score` says how well it matches the query, None without one."""

    __slots__ = ("score",)

    def __init__(
        self,
        namespace: tuple[str, ...],
        key: str,
        value: dict[str, Any],
        created_at: datetime,
        updated_at: datetime,
        score: float | None = None,
    ) -> None:
        super().__init__(
            value=value, key=key, namespace=namespace, created_at=created_at, updated_at=updated_at
        )
        self.score = score

    def dict(self) -> dict[str, Any]:
        """Return the item as JSON can hold it, its score included."""
        return {**super().dict(), "score": self.score}


def _read(text: str) -> datetime:
    # Items that came over HTTP have texts; Python 3.10 does not know the Z of UTC.
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
