"""
Adding a span processor to the provider that an application has set.

Rule: only where somebody asks for it.
"""

from __future__ import annotations

from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor

__all__ = ["attach"]


def attach(processor: SpanProcessor) -> bool:
    """Add a processor to the global provider; return whether that takes any."""
    provider: Any = trace.get_tracer_provider()
    if not hasattr(provider, "add_span_processor"):
        return False
    provider.add_span_processor(processor)
    return True
