"""
States that are instances of the user's classes, told by how they differ from the channels they were made of.

Rule: a field is told once for each change of its channel, and only if it is not simply the channel's value. Whoever
writes (`Instances.describe`) and whoever reads (`Instances.build`) remember the same, so that little need be said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from otgraph.missing import MISSING
from otgraph.tracing.payload import Captured, class_name, dumps, fields_of

__all__ = ["Instances"]


class Instances:
    """What is known of the instances that one run makes of its state."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Any] = {}
        """(class, field) -> its value, where that is not the channel's; the writer keeps its JSON text."""

    def forget(self, channels: Iterable[str]) -> None:
        """Note that channels changed, so that fields made of them are new."""
        if self._known:
            gone = set(channels)
            for key in [key for key in self._known if key[1] in gone]:
                del self._known[key]

    def describe(self, value: Any, peek: Callable[[str], Any]) -> dict[str, Any] | None:
        """
        Return what a reader must be told to build `value` again; None if it is no instance with fields.

        Args:
            peek: channel -> its value.
        """
        fields = fields_of(value)
        if fields is None:
            return None
        kind = class_name(type(value))
        told = {}
        for name, item in fields.items():
            known = self._known.get((kind, name))
            raw = _peeked(peek, name)
            if known is None and item is raw:
                continue
            text = dumps(item)
            if text != (known if known is not None or raw is MISSING else dumps(raw)):
                told[name] = item
                self._known[kind, name] = text
        return {"type": kind, "fields": list(fields), "told": told}

    def build(self, description: Mapping[str, Any], state: Mapping[str, Any]) -> Captured:
        """Return the instance that was described, given the state as it was then."""
        kind = description["type"]
        for name, value in description["told"].items():
            self._known[kind, name] = value
        return self.instance(kind, description["fields"], state)

    def instance(self, kind: str, fields: Iterable[str], state: Mapping[str, Any]) -> Captured:
        """Return the instance of class `kind` that is made of `state`."""
        known = self._known
        return Captured(
            kind, {name: known[kind, name] if (kind, name) in known else state.get(name) for name in fields}
        )


def _peeked(peek: Callable[[str], Any], channel: str) -> Any:
    try:
        return peek(channel)
    except KeyError:
        # A field that is no channel: a managed value, or one that the class adds by itself.
        return MISSING
