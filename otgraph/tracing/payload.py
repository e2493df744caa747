"""
Live Python values as JSON, and back: what content capture puts on spans.

Rule: `decode(encode(x))` encodes to the same JSON again, whatever `x` is. A value of a class that JSON lacks is an
object with the key `$`, which names the kind; a class of the user's comes back as `Captured`, never by an import.
What is too long is cut inside: the JSON stays whole, and each part that was cut comes back as `Truncated`.
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
from otgraph.snapshot import Interrupt
from otgraph.tracing.cut import shrunk
from otgraph.tracing.text import as_text, unescaped

__all__ = [
    "Captured",
    "Truncated",
    "class_name",
    "decode",
    "dumps",
    "dumps_within",
    "encode",
    "fields_of",
    "loads",
]


@dataclasses.dataclass(frozen=True, slots=True)
class Captured:
    """An object of some class, as far as it was recorded."""

    type: str
    """`module:qualname`"""
    value: Any
    """Its fields as a dict, or its `repr`."""

    def __hash__(self) -> int:
        # What it stands for was hashable, if it was a key; its fields may not be.
        return hash(self.type)


@dataclasses.dataclass(frozen=True, slots=True)
class Truncated:
    """What a size cap left of a value."""

    text: str
    """The beginning of its JSON; of a string, its beginning."""
    chars: int
    """How many characters there were."""


@dataclasses.dataclass(frozen=True, slots=True)
class Raw:
    """A set or a dict that cannot be built again, because some of its keys look alike once they are `Captured`."""

    data: dict[str, Any]
    """Its JSON."""

    def __hash__(self) -> int:
        return hash(self.data["$"])


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
        return {"$": "timedelta", "v": [value.days, value.seconds, value.microseconds]}
    if kind is Send:
        return {"$": "Send", "v": [value.node, encode(value.arg)]}
    if kind is Overwrite:
        return {"$": "Overwrite", "v": encode(value.value)}
    if kind is Command:
        return {"$": "Command", "v": [encode(getattr(value, name)) for name in _COMMAND]}
    if kind is Interrupt:
        return {"$": "Interrupt", "v": [encode(getattr(value, name)) for name in _INTERRUPT]}
    if kind is Captured:
        return {"$": "object", "type": value.type, "v": encode(value.value)}
    if kind is Raw:
        return value.data
    if kind is Truncated:
        return {"$": "truncated", "v": value.text, "chars": value.chars}
    return {"$": "object", "type": class_name(kind), "v": _content(value)}


_COMMAND = ("graph", "update", "resume", "goto")
_INTERRUPT = ("value", "id", "response_schema")


def class_name(kind: type) -> str:
    """Return how a class is called in payloads."""
    return f"{kind.__module__}:{kind.__qualname__}"


def fields_of(value: Any) -> dict[str, Any] | None:
    """Return the fields of an instance of a dataclass or a pydantic model; None for anything else."""
    kind = type(value)
    if dataclasses.is_dataclass(kind):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(kind)}
    fields = getattr(kind, "model_fields", None)
    if fields is None:
        fields = getattr(kind, "__fields__", None)
    if not isinstance(fields, Mapping):
        return None
    more = getattr(value, "model_extra", None) or {}
    return {**{name: getattr(value, name, None) for name in fields}, **more}


def _content(value: Any) -> Any:
    """Return what can be told of an object of any class."""
    if isinstance(value, BaseException):
        return {"args": [encode(arg) for arg in value.args], "text": str(value)}
    if isinstance(value, enum.Enum):
        return encode(value.value)
    fields = fields_of(value)
    if fields is not None:
        return encode(fields)
    if isinstance(value, Mapping):
        return encode(dict(value))
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return encode(value._asdict())
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
    if kind == "tuple":
        return tuple(decode(item) for item in value)
    if kind == "dict":
        pairs = {decode(key): decode(item) for key, item in value}
        return pairs if len(pairs) == len(value) else Raw(data)
    if kind in ("set", "frozenset"):
        items = frozenset(decode(item) for item in value)
        if len(items) != len(value):
            return Raw(data)
        return items if kind == "frozenset" else set(items)
    if kind == "str":
        return unescaped(value)
    if kind == "truncated":
        return Truncated(value, data["chars"])
    if kind in ("bytes", "bytearray"):
        raw = base64.b64decode(value)
        return raw if kind == "bytes" else bytearray(raw)
    if kind == "float":
        return float(value)
    if kind == "timedelta":
        return timedelta(*value)
    if kind == "Send":
        return Send(value[0], decode(value[1]))
    if kind == "Overwrite":
        return Overwrite(decode(value))
    if kind == "Interrupt":
        told, id, schema = map(decode, value)  # noqa: A001
        return Interrupt(told, id, response_schema=schema)
    if kind == "Command":
        return Command(**dict(zip(_COMMAND, map(decode, value), strict=True)))
    return _FROM_TEXT[kind](value)


def dumps(value: Any) -> str:
    """Return `value` as JSON text, as short as it can be."""
    return as_text(encode(value))


def dumps_within(value: Any, most: int) -> tuple[str, bool]:
    """Return `value` as JSON text of about `most` characters at most, and whether something was cut for that."""
    data = encode(value)
    text = as_text(data)
    if len(text) <= most:
        return text, False
    cut = as_text(shrunk(data, most))
    return cut, cut != text


def loads(text: str) -> Any:
    """Return the value that JSON text made by `dumps` stands for."""
    return decode(json.loads(text))
