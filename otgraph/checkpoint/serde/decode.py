"""
Msgpack bytes with LangGraph's extensions as values.

Rule: a type that is refused or gone comes back as the plain data it was made of; bytes that are damaged raise.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any, Final

import ormsgpack

from otgraph.checkpoint.serde.allowlist import AllowList, refuse, refuse_method, report_lost
from otgraph.checkpoint.serde.kinds import (
    BY_KEYWORDS,
    DELTA_SNAPSHOT,
    KEYWORDS,
    METHOD,
    NUMPY,
    POSITIONAL,
    PYDANTIC,
    PYDANTIC_V1,
    SINGLE,
    kind_of,
)
from otgraph.checkpoint.serde.names import find_class
from otgraph.checkpoint.serde.types import DeltaSnapshot
from otgraph.command import Overwrite, Send

__all__ = ["Decoder"]

_DAMAGED: Final = "the stored bytes are damaged, or were written by a newer release"


class Decoder:
    """Reads msgpack under one allow-list."""

    __slots__ = ("_allow", "_hook")

    def __init__(self, allow: AllowList, hook: Callable[[int, bytes], Any] | None = None) -> None:
        self._allow = allow
        self._hook = hook or self.extension

    def unpack(self, data: bytes) -> Any:
        """
        Return the value of `data`.

        Raises:
            ValueError: if the bytes are damaged.
        """
        try:
            return self._unpack(data)
        except ValueError as error:
            raise self._explained(data, error) from error

    def _unpack(self, data: bytes) -> Any:
        return ormsgpack.unpackb(data, ext_hook=self._hook, option=ormsgpack.OPT_NON_STR_KEYS)

    def extension(self, code: int, data: bytes) -> Any:
        """Return the value of one extension."""
        if code == DELTA_SNAPSHOT:
            return DeltaSnapshot(self._unpack(data))
        parts = self._unpack(data)
        if code == NUMPY:
            try:
                return _array(*parts)
            except ImportError as error:
                report_lost("numpy", "ndarray", error)
                return parts
            except TypeError as error:
                report_lost("numpy", "ndarray", error)
                return None
        module, name, argument, *rest = parts
        if not (SINGLE <= code <= PYDANTIC and isinstance(module, str) and isinstance(name, str)):
            raise ValueError(f"no extension has the code {code} and the parts {parts!r}"[:200])
        return self._object(code, (module, name), argument, rest[0] if rest else None)

    def _object(self, code: int, stored: tuple[str, str], argument: Any, method: Any) -> Any:
        trusted = stored in self._allow.trusted
        if not trusted and not self._allow.tolerates(*stored):
            return argument
        try:
            cls = find_class(*stored)
            if not trusted and not _is_of_kind(cls, code):
                refuse(*stored)
            elif code == METHOD and not (method == "fromisoformat" and _is_of_kind(cls, METHOD)):
                refuse_method(*stored, str(method))
            else:
                return _MAKERS[code](cls, argument)
        except Exception as error:
            report_lost(*stored, error)
        return argument

    def _explained(self, data: bytes, error: ValueError) -> ValueError:
        # The decoder of msgpack swallows what a hook raises, so the extension is read once more, for its error.
        raised: list[Exception] = []

        def listen(code: int, inner: bytes) -> Any:
            try:
                return self._hook(code, inner)
            except Exception as reason:
                raised.append(reason)
                raise

        try:
            ormsgpack.unpackb(data, ext_hook=listen, option=ormsgpack.OPT_NON_STR_KEYS)
        except ValueError:
            pass
        return ValueError(f"{_DAMAGED}: {raised[0] if raised else error}")


def _is_of_kind(cls: Any, code: int) -> bool:
    """Say whether instances of `cls` would have been stored under `code`."""
    kind = kind_of(cls) if isinstance(cls, type) else None
    return kind is not None and (kind.code == code or {kind.code, code} <= BY_KEYWORDS)


_FOREIGN_PATH: Final = "PosixPath" if os.name == "nt" else "WindowsPath"
"""The paths that cannot be made on this system; they are read as what they say, without a file system."""


def _positional(cls: Any, arguments: Any) -> Any:
    if cls is Send:
        return Send(arguments[0], arguments[1], timeout=arguments[2] if len(arguments) > 2 else None)
    if getattr(cls, "__name__", "") == _FOREIGN_PATH and cls.__module__.startswith("pathlib"):
        cls = getattr(import_module("pathlib"), f"Pure{_FOREIGN_PATH}")
    return cls(*arguments)


def _by_keywords(cls: Any, arguments: dict[str, Any]) -> Any:
    if cls is Overwrite:
        return Overwrite(arguments["value"])
    try:
        return cls(**arguments)
    except Exception:
        if not dataclasses.is_dataclass(cls):
            raise
        return _restored(cls, arguments)


def _restored(cls: Any, arguments: dict[str, Any]) -> Any:
    """Make a dataclass that its own arguments do not make."""
    fields = {field.name: field.init for field in dataclasses.fields(cls)}
    try:
        made = cls(**{name: value for name, value in arguments.items() if fields[name]})
        rest = {name: value for name, value in arguments.items() if not fields[name]}
    except Exception:
        if fields.keys() != arguments.keys():
            raise
        made, rest = object.__new__(cls), arguments  # its own __init__ wants what no field keeps
    for name, value in rest.items():
        object.__setattr__(made, name, value)
    return made


def _pydantic_v1(cls: Any, fields: dict[str, Any]) -> Any:
    try:
        return cls(**fields)
    except Exception:
        return cls.construct(**fields)


def _pydantic(cls: Any, fields: Any) -> Any:
    try:
        return _maker(cls)(fields)
    except Exception:
        return cls.model_construct(**fields)  # what was valid when stored may not pass today's rules


@lru_cache(512)
def _maker(cls: Any) -> Callable[[Any], Any]:
    """Return what makes a model of its fields, which are stored by their names, not by their aliases."""
    known = getattr(cls, "model_fields", {})
    if "root" in known:
        validate: Callable[[Any], Any] = cls.model_validate
        return validate
    if any(field.validation_alias is not None for field in known.values()):
        return lambda fields: cls.model_validate(fields, by_alias=False, by_name=True)
    return lambda fields: cls(**fields)


def _array(dtype: Any, shape: Any, order: Any, data: bytes) -> Any:
    numpy = import_module("numpy")
    kind = numpy.dtype([tuple(field) for field in dtype] if isinstance(dtype, list) else dtype)
    if kind.hasobject:
        raise TypeError("only addresses of the Python objects in it were stored")
    return numpy.ndarray(tuple(shape), kind, bytearray(data), order=order)


_MAKERS: Final[dict[int, Callable[[Any, Any], Any]]] = {
    SINGLE: lambda cls, argument: cls(argument),
    POSITIONAL: _positional,
    KEYWORDS: _by_keywords,
    METHOD: lambda cls, argument: cls.fromisoformat(argument),
    PYDANTIC_V1: _pydantic_v1,
    PYDANTIC: _pydantic,
}
