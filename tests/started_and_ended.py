"""
A trace as a provider was told it, span by span: which have started, and which have ended.

Rule: when a test is over each of its spans has ended once, and no run is left.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from otgraph.telemetry import TelemetryOptions
from otgraph.tracing import names
from otgraph.tracing.observer import LIVE

__all__ = ["Trace"]


class Trace(SpanProcessor):
    """What a provider of its own was told."""

    def __init__(self) -> None:
        self.started: Counter[int] = Counter()
        self.spans: list[ReadableSpan] = []
        provider = TracerProvider()
        provider.add_span_processor(self)
        self.options = TelemetryOptions(provider=provider)

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.started[span.context.span_id] += 1

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)

    def outcomes(self) -> dict[str, str]:
        """Return how each task and run ended, by its name."""
        return {
            span.name.split()[-1]: str((span.attributes or {})[names.OUTCOME])
            for span in self.spans
            if span.name != names.STEP_SPAN
        }

    def parents(self) -> dict[str, str]:
        """Return the name of the span that each span is below, by name."""
        known = {span.context.span_id: span.name for span in self.spans if span.context}
        return {span.name: known[span.parent.span_id] for span in self.spans if span.parent}

    def attribute(self, node: str, key: str) -> Any:
        """Return an attribute of a node's span, or None."""
        return next((span.attributes or {}).get(key) for span in self.spans if span.name.endswith(" " + node))

    @property
    def whole(self) -> bool:
        """Whether every span that started has ended once."""
        return self.started == Counter(span.context.span_id for span in self.spans if span.context)

    def tear(self) -> None:
        """Check that all spans have ended, and none was cut off in the middle."""
        assert self.whole
        assert not [span.name for span in self.spans if names.LEAKED in (span.attributes or {})]
        assert not LIVE
