"""
JSON data made to fit: its largest parts are cut, the smaller ones stay as they are.

Rule: the result is JSON of the same kind (see `otgraph.tracing.payload`); what was cut says so, and how long it was.
"""

from __future__ import annotations

from typing import Any, Final

from otgraph.tracing.text import as_text

__all__ = ["shrunk"]

MARK: Final = 48
"""Characters that a `Truncated` takes besides its text; shares smaller than that are not worth dealing out."""


def shrunk(data: Any, room: int) -> Any:
    """Return JSON data with its largest parts cut, so that about `room` characters are left."""
    if type(data) is list:
        shares = _shares([len(as_text(item)) + 1 for item in data], room - 2)
        if shares is not None:
            return [_fitted(item, share) for item, share in zip(data, shares, strict=True)]
    elif type(data) is dict and "$" not in data:
        names = [len(as_text(name)) + 2 for name in data]
        sizes = [len(as_text(item)) for item in data.values()]
        shares = _shares(sizes, room - 2 - sum(names))
        if shares is not None:
            return {name: _fitted(data[name], share) for name, share in zip(data, shares, strict=True)}
    elif type(data) is dict and data["$"] in ("tuple", "object") and type(data["v"]) in (list, dict):
        inner = shrunk(data["v"], room - len(as_text({**data, "v": 0})))
        if type(inner) is list or inner.get("$") != "truncated":
            return {**data, "v": inner}
    text = data if type(data) is str else as_text(data)
    return {"$": "truncated", "v": _beginning(text, room - MARK), "chars": len(text)}


def _beginning(text: str, room: int) -> str:
    """Return as much of `text` as takes about `room` characters once it is JSON."""
    cut = text[: max(0, room)]
    while cut and (length := len(as_text(cut)) - 2) > room:
        cut = cut[: len(cut) * room // length]
    return cut


def _fitted(data: Any, room: int) -> Any:
    return data if len(as_text(data)) <= room else shrunk(data, room)


def _shares(sizes: list[int], room: int) -> list[int] | None:
    """Deal `room` out: all it needs to what is small, equal shares to the rest; None if those are too small."""
    left, open_ = room, len(sizes)
    share = 0
    for size in sorted(sizes):
        share = left // open_
        if size > share:
            break
        left -= size
        open_ -= 1
    else:
        return sizes
    return None if share < MARK else [min(size, share) for size in sizes]
