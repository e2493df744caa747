"""
Attribute values on their way into a span: cleaned and cut as the installed SDK does it.

Rule: what is legal is the SDK's word, and it changed between releases, so every value goes through the SDK's
`BoundedAttributes`, except plain ones (bool, int, float, str under a str), which all releases take alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.attributes import BoundedAttributes

__all__ = ["NO_ATTRIBUTES", "PLAIN", "bounded", "plain_copy", "put_all", "with_more"]

PLAIN: Final = frozenset({bool, int, float, str})
"""Types whose values every release of the SDK stores as they are, where there is no limit on length."""

NO_ATTRIBUTES: Final = BoundedAttributes()
"""What an event or a link without attributes has."""


def bounded(
    attributes: Mapping[str, Any] | None, count: int | None, length: int | None, *, frozen: bool = True
) -> BoundedAttributes:
    """Clean `attributes`, keeping the last `count` of them and `length` characters of each string."""
    return BoundedAttributes(maxlen=count, attributes=attributes, immutable=frozen, max_value_len=length)


def plain_copy(attributes: Any, room: int) -> dict[str, Any] | None:
    """Return a copy of `attributes` if all are plain and there is room; None if the SDK must judge."""
    if type(attributes) is not dict or len(attributes) > room:
        return None
    copy: dict[str, Any] = attributes.copy()
    for key, value in copy.items():
        if type(value) not in PLAIN or type(key) is not str or not key:
            return None
    return copy


def put_all(target: BoundedAttributes, attributes: Mapping[str, Any]) -> None:
    """Set many attributes as `Span.set_attributes` of the installed SDK does."""
    put = getattr(target, "_set_items", None)
    if put is not None:
        put(attributes)
        return
    for key, value in attributes.items():
        target[key] = value


def with_more(attributes: Mapping[str, Any] | None, more: Mapping[str, Any]) -> BoundedAttributes:
    """Return `attributes` and `more`, whatever the limits: `more` was not set by the user."""
    both = bounded({**(attributes or {}), **more}, None, None)
    both.dropped = getattr(attributes, "dropped", 0)
    return both
