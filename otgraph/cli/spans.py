"""
A recorded span in the form in which span processors meet spans.

Rule: it is read, and nothing else; the tree of the console is drawn from it as from a living one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

__all__ = ["TreeSpan"]


class TreeSpan:
    """
    What the console's tree asks of a span.

    Args:
        span: as the trace store and `read_otlp_json` have it.
        now: the end of spans that have none.
    """

    def __init__(self, span: Mapping[str, Any], now: int) -> None:
        self.name: str = span["name"]
        self.attributes: Mapping[str, Any] = span["attributes"]
        self.start_time: int = span["start_ns"]
        self.end_time: int = span["end_ns"] or now
        above = span["parent_id"]
        self.parent = None if above is None else SimpleNamespace(span_id=int(above, 16))
        failed = span["status"] == "error"
        self.status = SimpleNamespace(is_ok=False, is_unset=not failed)
        self.events = [SimpleNamespace(**event) for event in span["events"]]
        self.dropped_events: int = span.get("dropped_events", 0)
        self._context = SimpleNamespace(span_id=int(span["span_id"], 16))

    def get_span_context(self) -> Any:
        return self._context
