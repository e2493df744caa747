"""
JSON data as text: as short as it can be, and fit for every exporter.

Rule: half of a surrogate pair is a character to Python and a fault to every exporter, so no text has one.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["as_text", "unescaped"]


def as_text(data: Any) -> str:
    """Return JSON data as text; see `otgraph.tracing.payload` for what it may hold."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(_escaped(data), separators=(",", ":"))
    return text


def unescaped(text: str) -> str:
    """Return the string that the kind `str` stands for."""
    return text.encode("ascii").decode("unicode_escape")


def _escaped(data: Any) -> Any:
    """Return `data` with its strings that cannot be exported as objects of the kind `str`."""
    if type(data) is str:
        return data if _is_whole(data) else {"$": "str", "v": data.encode("unicode_escape").decode("ascii")}
    if type(data) is list:
        return [_escaped(item) for item in data]
    if type(data) is not dict:
        return data
    if data.get("$") == "truncated":
        return {**data, "v": data["v"].encode("utf-8", "replace").decode()}
    if all(map(_is_whole, data)):
        return {key: _escaped(item) for key, item in data.items()}
    return {"$": "dict", "v": [[_escaped(key), _escaped(item)] for key, item in data.items()]}


def _is_whole(text: str) -> bool:
    return text.isprintable() or not any("\ud800" <= char <= "\udfff" for char in text)
