"""
How each kind of object is taken apart into an extension of the msgpack format, and its code.

Rule: the parts and their order are LangGraph's, byte for byte. A class is recognised by its own methods and by
the names of its bases, so that no module is imported to recognise what nobody uses.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, NamedTuple

from otgraph.checkpoint.serde.names import stored_name
from otgraph.command import Overwrite, Send
from otgraph.constants import OVERWRITE
from otgraph.policies import TimeoutPolicy

__all__ = [
    "BY_KEYWORDS",
    "DELTA_SNAPSHOT",
    "KEYWORDS",
    "METHOD",
    "NUMPY",
    "PACKET",
    "POSITIONAL",
    "PYDANTIC",
    "PYDANTIC_V1",
    "SINGLE",
    "Kind",
    "kind_of",
]

SINGLE: Final = 0
"""`(module, name, argument)`: call the class with one argument."""
POSITIONAL: Final = 1
"""`(module, name, arguments)`."""
KEYWORDS: Final = 2
"""`(module, name, arguments by name)`."""
METHOD: Final = 3
"""`(module, name, argument, method)`: call a class method."""
PYDANTIC_V1: Final = 4
"""`(module, name, fields)`."""
PYDANTIC: Final = 5
"""`(module, name, fields, "model_validate_json")`; the method is never called."""
NUMPY: Final = 6
"""`(dtype, shape, order, bytes)`."""
DELTA_SNAPSHOT: Final = 7
"""The value alone."""

BY_KEYWORDS: Final = frozenset({KEYWORDS, PYDANTIC_V1, PYDANTIC})
"""Codes for classes that are made from their fields; a class may move from one to another between releases."""


class Kind(NamedTuple):
    """A code, and the function that takes an object of this kind apart."""

    code: int
    parts: Callable[[Any], Any]


def kind_of(cls: type[Any]) -> Kind | None:
    """Return how instances of `cls` are stored, or None if the class does not say."""
    try:
        return _known[cls]
    except KeyError:
        pass
    if len(_known) >= _ROOM:
        _known.clear()
    kind = _known[cls] = _recognise(cls)
    return kind


_known: dict[type[Any], Kind | None] = {}
_ROOM = 4096
"""Programs that make classes without end must not grow this memory without end."""


def _recognise(cls: type[Any]) -> Kind | None:
    for attribute, kind in _BY_METHOD:
        if callable(getattr(cls, attribute, None)):
            return kind
    for base in cls.__mro__:
        by_name = _BY_NAME.get((base.__module__, base.__qualname__))
        if by_name is not None:
            return by_name
    if dataclasses.is_dataclass(cls):
        return _DATACLASS
    return PACKET if {"node", "arg"} <= _attributes(cls) else None


def _attributes(cls: type[Any]) -> set[str]:
    """Return the names that instances have as far as the class shows: its own, and what it is made from."""
    code = getattr(cls.__init__, "__code__", None)
    return {name for base in cls.__mro__ for name in vars(base)}.union(code.co_varnames if code else ())


def _single(argument: Callable[[Any], Any]) -> Kind:
    return Kind(SINGLE, lambda obj: (*stored_name(type(obj)), argument(obj)))


def _positional(arguments: Callable[[Any], Any]) -> Kind:
    return Kind(POSITIONAL, lambda obj: (*stored_name(type(obj)), arguments(obj)))


def _keywords(arguments: Callable[[Any], Any]) -> Kind:
    return Kind(KEYWORDS, lambda obj: (*stored_name(type(obj)), arguments(obj)))


def _fields(obj: Any) -> dict[str, Any]:
    # LangGraph, which has to read it too, knows nothing of fields of otgraph's own.
    return {
        field.name: getattr(obj, field.name)
        for field in dataclasses.fields(obj)
        if field.metadata.get("saved", True)
    }


def _clock(obj: Any) -> dict[str, Any]:
    names = ("hour", "minute", "second", "microsecond", "tzinfo", "fold")
    return {name: getattr(obj, name) for name in names}


def _packet(obj: Any) -> list[Any]:
    timeout = getattr(obj, "timeout", None)
    return [obj.node, obj.arg] if timeout is None else [obj.node, obj.arg, _timeout(timeout)]


def _timeout(timeout: Any) -> Any:
    if isinstance(timeout, TimeoutPolicy):
        run, idle = _seconds(timeout.run_timeout), _seconds(timeout.idle_timeout)
        return TimeoutPolicy(run_timeout=run, idle_timeout=idle, refresh_on=timeout.refresh_on)
    if isinstance(timeout, (int, float, timedelta)):
        return TimeoutPolicy(run_timeout=_seconds(timeout))
    return timeout


def _seconds(span: float | timedelta | None) -> float | None:
    if span is None:
        return None
    return span.total_seconds() if isinstance(span, timedelta) else float(span)


def _array(obj: Any) -> tuple[Any, ...]:
    if obj.dtype.hasobject:
        raise TypeError("an array of Python objects holds addresses, not values; store obj.tolist()")
    order = "F" if obj.flags.f_contiguous and not obj.flags.c_contiguous else "C"
    dtype = obj.dtype.str if obj.dtype.names is None else obj.dtype.descr
    return dtype, obj.shape, order, obj.tobytes(order=order)


_DATACLASS: Final = _keywords(_fields)
PACKET: Final = _positional(_packet)
"""Whatever has a node and an argument, of whichever engine."""

_TEXT: Final = _single(str)
_ITEMS: Final = _single(tuple)

_BY_METHOD: Final = (
    (
        "model_dump",
        Kind(PYDANTIC, lambda obj: (*stored_name(type(obj)), obj.model_dump(), "model_validate_json")),
    ),
    ("get_secret_value", _single(lambda obj: obj.get_secret_value())),
    ("dict", Kind(PYDANTIC_V1, lambda obj: (*stored_name(type(obj)), obj.dict()))),
    ("_asdict", _keywords(lambda obj: obj._asdict())),
)
"""Method of a class -> its kind; the first that is there counts, before the names of the bases."""

_BY_NAME: Final[dict[tuple[str, str], Kind]] = {
    (Send.__module__, "Send"): PACKET,
    (Overwrite.__module__, "Overwrite"): _keywords(lambda obj: {"value": obj.value, "type": OVERWRITE}),
    ("builtins", "set"): _ITEMS,
    ("builtins", "frozenset"): _ITEMS,
    ("collections", "deque"): _ITEMS,
    ("datetime", "datetime"): Kind(
        METHOD, lambda obj: (*stored_name(type(obj)), obj.isoformat(), "fromisoformat")
    ),
    ("datetime", "date"): _positional(lambda obj: (obj.year, obj.month, obj.day)),
    ("datetime", "time"): _keywords(_clock),
    ("datetime", "timedelta"): _positional(lambda obj: (obj.days, obj.seconds, obj.microseconds)),
    ("datetime", "timezone"): _positional(lambda obj: obj.__getinitargs__()),
    ("decimal", "Decimal"): _TEXT,
    ("enum", "Enum"): _single(lambda obj: obj.value),
    ("ipaddress", "IPv4Address"): _TEXT,
    ("ipaddress", "IPv4Interface"): _TEXT,
    ("ipaddress", "IPv4Network"): _TEXT,
    ("ipaddress", "IPv6Address"): _TEXT,
    ("ipaddress", "IPv6Interface"): _TEXT,
    ("ipaddress", "IPv6Network"): _TEXT,
    ("numpy", "ndarray"): Kind(NUMPY, _array),
    ("pathlib", "Path"): _positional(lambda obj: obj.parts),
    ("pathlib._local", "Path"): _positional(lambda obj: obj.parts),
    ("re", "Pattern"): Kind(POSITIONAL, lambda obj: ("re", "compile", (obj.pattern, obj.flags))),
    ("uuid", "UUID"): _single(lambda obj: obj.hex),
    ("zoneinfo", "ZoneInfo"): _single(lambda obj: obj.key),
}
"""Name of a class -> the kind of its instances and of its subclasses' instances."""
