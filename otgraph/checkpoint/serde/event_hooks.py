"""
Who hears when a stored type was refused, or let through unasked.

Rule: listening changes nothing; a listener that raises is logged and the reading goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from typing_extensions import NotRequired, TypedDict

__all__ = ["SerdeEvent", "SerdeEventListener", "emit_serde_event", "register_serde_event_listener"]

logger = logging.getLogger(__name__)


class SerdeEvent(TypedDict):
    """One decision about a stored type."""

    kind: str
    """`msgpack_unregistered_allowed`, `msgpack_blocked` or `msgpack_method_blocked`."""
    module: str
    name: str
    method: NotRequired[str]


SerdeEventListener = Callable[[SerdeEvent], None]

_listeners: list[SerdeEventListener] = []


def register_serde_event_listener(listener: SerdeEventListener) -> Callable[[], None]:
    """Call `listener` with every event from now on; return a function that ends this."""
    _listeners.append(listener)

    def unregister() -> None:
        if listener in _listeners:
            _listeners.remove(listener)

    return unregister


def emit_serde_event(event: SerdeEvent) -> None:
    """Tell all listeners."""
    for listener in tuple(_listeners):
        try:
            listener(event)
        except Exception:
            logger.warning("the serde event listener %r failed on %r", listener, event, exc_info=True)
