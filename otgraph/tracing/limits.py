"""
The limits of a span: how many attributes, events and links it keeps, and how long a value may be.

Rule: the numbers are the user's: those of the provider, else of the environment; read once per provider.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from opentelemetry.sdk.trace import SpanLimits as SdkLimits

__all__ = ["SpanLimits"]

logger = logging.getLogger(__name__)


class SpanLimits:
    """
    The limits that all spans of one provider share; None means no limit.

    The `*_room` fields answer the hot path's one question, "does this fit as it is?", with one comparison.
    """

    __slots__ = (
        "attribute_length",
        "attribute_room",
        "event_attribute_length",
        "event_attribute_room",
        "event_room",
        "link_attribute_room",
        "max_attributes",
        "max_event_attributes",
        "max_events",
        "max_link_attributes",
        "max_links",
    )

    def __init__(self, sdk: SdkLimits) -> None:
        self.max_attributes: int | None = sdk.max_span_attributes
        self.max_events: int | None = sdk.max_events
        self.max_links: int | None = sdk.max_links
        self.max_event_attributes: int | None = sdk.max_event_attributes
        self.max_link_attributes: int | None = sdk.max_link_attributes
        self.attribute_length: int | None = sdk.max_span_attribute_length
        """The longest string value of a span attribute."""
        self.event_attribute_length: int | None = sdk.max_attribute_length
        """The longest string value of an event's or a link's attribute."""
        self.attribute_room = _room(self.max_attributes, self.attribute_length)
        self.event_attribute_room = _room(self.max_event_attributes, self.event_attribute_length)
        self.link_attribute_room = _room(self.max_link_attributes, self.event_attribute_length)
        # Events may overshoot by an eighth before the oldest are cut: the cut then costs nothing per event.
        self.event_room = sys.maxsize if self.max_events is None else self.max_events + self.max_events // 8

    @classmethod
    def of(cls, provider: Any = None) -> SpanLimits:
        """Return the limits given to `provider`, else those of the environment."""
        given = getattr(provider, "_span_limits", None)
        if given is not None:
            return cls(given)
        try:
            return cls(SdkLimits())
        except ValueError as error:
            # An SDK provider refuses to start over this; a run that nobody exports must not.
            logger.warning("Span limits of the environment ignored: %s", error)
            return cls(SdkLimits(*(128,) * 6, SdkLimits.UNSET, SdkLimits.UNSET))


def _room(count: int | None, length: int | None) -> int:
    """How many attributes of any length fit; -1 if each has to be measured."""
    if length is not None:
        return -1
    return sys.maxsize if count is None else count
