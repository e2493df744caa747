"""
A redaction hook that looks for patterns.

Rule: it works on what would be recorded, not on the objects themselves, so that nothing is missed: keys and values,
inside objects of any class, in numbers, and in bytes, which are recorded as base64.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any, Final

from otgraph.tracing.payload import decode, encode

__all__ = ["redact_matches"]

TEXTS: Final = frozenset({"datetime", "date", "time", "UUID", "Decimal", "float"})
"""Kinds of values that are recorded as a text of their own."""


def redact_matches(*patterns: str | re.Pattern[str], by: str = "[REDACTED]") -> Callable[[str, Any], Any]:
    """
    Return a hook for `TelemetryOptions(redact=...)` that replaces what matches.

    Args:
        patterns: regular expressions, each looked for in every text by itself.
        by: what stands there instead, as it is.

    Raises:
        ValueError: there is no pattern, or one is no regular expression.
    """
    if not patterns:
        raise ValueError('redact_matches() takes at least one pattern, such as r"sk-[A-Za-z0-9]+"')
    return _Redactor([_compiled(pattern) for pattern in patterns], by)


def _compiled(pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except (re.error, TypeError) as error:
        raise ValueError(
            f"redact_matches() takes regular expressions, and {pattern!r} is none: {error}"
        ) from error


class _Redactor:
    """See `redact_matches`."""

    __slots__ = ("_by", "_patterns")

    def __init__(self, patterns: list[re.Pattern[str]], by: str) -> None:
        self._patterns = patterns
        self._by = by

    def __call__(self, name: str, value: Any) -> Any:
        """Return what may be recorded in place of `value`."""
        return self._text(value) if isinstance(value, str) else decode(self._data(encode(value)))

    def _text(self, text: str) -> str:
        for pattern in self._patterns:
            text = pattern.sub(lambda match: self._by, text)
        return text

    def _data(self, data: Any) -> Any:
        """Redact JSON data as `otgraph.tracing.payload` makes it."""
        if isinstance(data, str):
            return self._text(data)
        if isinstance(data, list):
            return [self._data(item) for item in data]
        if isinstance(data, (int, float)) and not isinstance(data, bool):
            text = str(data)
            told = self._text(text)
            return data if told == text else told
        if not isinstance(data, dict):
            return data
        kind = data.get("$")
        if kind is None:
            return {self._text(key): self._data(item) for key, item in data.items()}
        return self._object(kind, data)

    def _object(self, kind: str, data: dict[str, Any]) -> Any:
        value = data["v"]
        if kind in ("bytes", "bytearray"):
            told = self._bytes(base64.b64decode(value))
            return {**data, "v": base64.b64encode(told).decode()}
        if kind in TEXTS:
            text = self._text(value)
            return data if text == value else text
        return {**data, "v": self._data(value)}

    def _bytes(self, raw: bytes) -> bytes:
        try:
            return self._text(raw.decode()).encode()
        except UnicodeError:
            return self._text(raw.decode("latin-1")).encode("latin-1", "replace")
