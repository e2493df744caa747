"""
Values as msgpack bytes with LangGraph's extensions.

Rule: what cannot be stored is refused with its place in the value, before anything has been written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import ormsgpack

from otgraph.checkpoint.serde.kinds import DELTA_SNAPSHOT, NUMPY, PACKET, kind_of
from otgraph.checkpoint.serde.types import DeltaSnapshot, SendProtocol

__all__ = ["pack"]

_OPTIONS: Final = (
    ormsgpack.OPT_NON_STR_KEYS
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_UUID
    | ormsgpack.OPT_REPLACE_SURROGATES
)


def pack(value: Any) -> bytes:
    """
    Return the bytes of `value`.

    Raises:
        TypeError: if something in it cannot be stored; the message says what and where.
    """
    try:
        return ormsgpack.packb(value, default=_extension, option=_OPTIONS)
    except TypeError as error:
        told, cause = _explained(value, error)
        raise told from cause


def _extension(obj: Any) -> Any:
    if type(obj) is DeltaSnapshot:
        return ormsgpack.Ext(DELTA_SNAPSHOT, _pack(obj.value))
    kind = kind_of(type(obj)) or (PACKET if isinstance(obj, SendProtocol) else None)
    if kind is not None:
        return ormsgpack.Ext(kind.code, _pack(kind.parts(obj)))
    if isinstance(obj, BaseException):
        return repr(obj)
    raise TypeError(f"{type(obj).__name__} says nowhere how it is stored")


def _pack(value: Any) -> bytes:
    # Without the explanation of `pack`: the outermost value explains itself once, with the whole path.
    return ormsgpack.packb(value, default=_extension, option=_OPTIONS)


def _explained(value: Any, error: Exception) -> tuple[TypeError, Exception | None]:
    path, culprit, error = _culprit(value, "", error)
    raised = _raised_by(culprit)
    reason = f"{error}: {raised}" if raised else f"{error}"
    where = f", at {path}" if path else ""
    told = TypeError(
        f"{reason}{where}. A checkpoint holds plain data, dataclasses, pydantic models, enums, dates, sets and "
        "messages: convert the value, keep it out of the state (UntrackedValue), or use "
        "JsonPlusSerializer(pickle_fallback=True)"
    )
    return told, raised


_DEEPEST: Final = 50
"""How far down the search for the culprit goes."""


def _culprit(value: Any, path: str, error: Exception, depth: int = 0) -> tuple[str, Any, Exception]:
    """Return the smallest part that fails: its place, the part, and why it fails."""
    for step, part in _parts(value) if depth < _DEEPEST else ():
        try:
            _pack(part)
        except TypeError as inner:
            if "ecursion" not in str(inner):
                return _culprit(part, path + step, inner, depth + 1)
    return path, value, error


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((f"[{key!r}]", item) for key, item in value.items())
    elif isinstance(value, (list, tuple)) and not hasattr(value, "_asdict"):
        yield from ((f"[{index}]", item) for index, item in enumerate(value))
    elif isinstance(value, DeltaSnapshot):
        yield ".value", value.value
    elif _raised_by(value) is None:
        kind = kind_of(type(value))
        inner = kind.parts(value)[2] if kind and kind.code != NUMPY else None
        if isinstance(inner, dict):
            yield from ((f".{name}", item) for name, item in inner.items())
        elif isinstance(inner, (list, tuple)):
            yield from ((f"[{index}]", item) for index, item in enumerate(inner))
        else:
            yield "", inner


def _raised_by(value: Any) -> Exception | None:
    """Return what the value's own code raises when it is taken apart."""
    kind = kind_of(type(value))
    try:
        if kind is not None:
            kind.parts(value)
    except Exception as error:
        return error
    return None
