"""
Live Python values as JSON, and back: what content capture puts on spans.

Rule: `decode(encode(x))` encodes to the same JSON again, whatever `x` is. A value of a class that JSON lacks is an
object with the key `$`, which names the kind; a class of the user's comes back as `Captured`, never by an import.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from uuid import UUID

from otgraph.command import Command, Overwrite, Send

__all__ = ["Captured", "decode", "dumps", "encode", "loads"]


@dataclasses.dataclass(frozen=True, slots=True)
class Captured:
    """An object of some class, as far as it was recorded."""

    type: str
    """`module:qualname`"""
    value: Any
    """Its fields as a dict, or its `repr`."""


_TEXT: dict[type, Callable[[Any], str]] = {
    datetime: datetime.isoformat,
    date: date.isoformat,
    time: time.isoformat,
    UUID: str,
    Decimal: str,
}

_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "UUID": UUID,
    "Decimal": Decimal,
}


def encode(value: Any) -> Any:
    """Return JSON data that stands for `value`."""
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"$": "float", "v": repr(value)}
    if type(value) is dict:
        if all(type(key) is str for key in value) and "$" not in value:
            return {key: encode(item) for key, item in value.items()}
        return {"$": "dict", "v": [[encode(key), encode(item)] for key, item in value.items()]}
    if type(value) is list:
        return [encode(item) for item in value]
    if type(value) is tuple:
        return {"$": "tuple", "v": [encode(item) for item in value]}
    return _encode_other(value)


def _encode_other(value: Any) -> Any:
    kind = type(value)
    if kind in (set, frozenset):
        return {"$": kind.__name__, "v": sorted((encode(item) for item in value), key=json.dumps)}
    if kind in (bytes, bytearray):
        return {"$": kind.__name__, "v": base64.b64encode(value).decode()}
    text = _TEXT.get(kind)
    if text is not None:
        return {"$": kind.__name__, "v": text(value)}
    if kind is timedelta:
        return {"$": "timedelta", "v": value.total_seconds()}
    if kind is Send:
        return {"$": "Send", "v": [value.node, encode(value.arg)]}
    if kind is Overwrite:
        return {"$": "Overwrite", "v": encode(value.value)}
    if kind is Command:
        return {"$": "Command", "v": [encode(getattr(value, name)) for name in _COMMAND]}
    if kind is Captured:
        return {"$": "object", "type": value.type, "v": encode(value.value)}
    return {"$": "object", "type": f"{kind.__module__}:{kind.__qualname__}", "v": _content(value)}


_COMMAND = ("graph", "update", "resume", "goto")


def _content(value: Any) -> Any:
    """Return what can be told of an object of any class."""
    if isinstance(value, BaseException):
        return {"args": [encode(arg) for arg in value.args], "text": str(value)}
    if isinstance(value, enum.Enum):
        return encode(value.value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name, None)) for field in dataclasses.fields(value)}
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return {name: encode(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: encode(item) for name, item in value._asdict().items()}
    return repr(value)


def decode(data: Any) -> Any:
    """Return the value that JSON data made by `encode` stands for."""
    if type(data) is list:
        return [decode(item) for item in data]
    if type(data) is not dict:
        return data
    kind = data.get("$")
    if kind is None:
        return {key: decode(item) for key, item in data.items()}
    return _decode_kind(kind, data)


def _decode_kind(kind: str, data: dict[str, Any]) -> Any:
    value = data["v"]
    if kind == "object":
        return Captured(data["type"], decode(value))
    if kind == "dict":
        return {decode(key): decode(item) for key, item in value}
    if kind in ("tuple", "set", "frozenset"):
        return {"tuple": tuple, "set": set, "frozenset": frozenset}[kind](decode(item) for item in value)
    if kind in ("bytes", "bytearray"):
        raw = base64.b64decode(value)
        return raw if kind == "bytes" else bytearray(raw)
    if kind == "float":
        return float(value)
    if kind == "timedelta":
        return timedelta(seconds=value)
    if kind == "Send":
        return Send(value[0], decode(value[1]))
    if kind == "Overwrite":
        return Overwrite(decode(value))
    if kind == "Command":
        return Command(**dict(zip(_COMMAND, map(decode, value), strict=True)))
    return _FROM_TEXT[kind](value)


def dumps(value: Any) -> str:
    """Return `value` as JSON text, as short as it can be."""
    return json.dumps(encode(value), separators=(",", ":"), ensure_ascii=False)


def loads(text: str) -> Any:
    """Return the value that JSON text made by `dumps` stands for."""
    return decode(json.loads(text))
