"""
Which checkpoints a call of `list` asks for.

Rule: every saver selects by this one reading of config, `filter`, `before` and `limit`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from otgraph.checkpoint.records import place_of
from otgraph.constants import CONF
from otgraph.run_config import RunnableConfig

__all__ = ["Selection"]


@dataclass(frozen=True, slots=True)
class Selection:
    """The wanted checkpoints; None for what does not matter."""

    thread: str | None
    ns: str | None
    id: str | None
    before: str | None
    limit: int | None
    metadata: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        config: RunnableConfig | None,
        filter: dict[str, Any] | None,
        before: RunnableConfig | None,
        limit: int | None,
    ) -> Selection:
        """Return what the arguments of `list` mean."""
        older_than = (before.get(CONF) or {}).get("checkpoint_id") if before else None
        most = None if limit is None else max(limit, 0)
        if not config:
            return cls(None, None, None, older_than, most, filter or {})
        thread, _ = place_of(config)
        named = config[CONF]
        return cls(
            thread, named.get("checkpoint_ns"), named.get("checkpoint_id"), older_than, most, filter or {}
        )

    def wants(self, metadata: Mapping[str, Any]) -> bool:
        """Say whether a checkpoint with this metadata passes the filter; an absent key equals None."""
        return all(_equal(_found(metadata, key), wanted) for key, wanted in self.metadata.items())


def _found(metadata: Mapping[str, Any], key: str) -> Any:
    if key in metadata:
        return metadata[key]
    found: Any = metadata
    for part in key.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def _equal(stored: Any, wanted: Any) -> bool:
    # Stored metadata knows lists only.
    if isinstance(wanted, tuple):
        wanted = list(wanted)
    return bool(stored == wanted)
