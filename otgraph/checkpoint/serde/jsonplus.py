"""
The serialiser of checkpoints, in LangGraph's format.

Rule: what this writes LangGraph reads, and the other way round, each as its own types.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from copy import copy
from typing import Any, Final, Literal

from otgraph.checkpoint.serde.allowlist import AllowList, Listing, strict_by_default
from otgraph.checkpoint.serde.base import SerializerProtocol
from otgraph.checkpoint.serde.decode import Decoder
from otgraph.checkpoint.serde.encode import pack
from otgraph.checkpoint.serde.legacy import JsonReader

__all__ = ["JsonPlusSerializer"]

_BY_ENVIRONMENT: Final[Any] = object()


class JsonPlusSerializer(SerializerProtocol):
    """
    Stores values as msgpack with extensions for Python's own types, dataclasses, models and messages.

    Args:
        pickle_fallback: pickle what msgpack cannot hold, and read pickles. Whoever can write to the store can
            then run code in this process.
        allowed_json_modules: `(package, …, name)` of types that old JSON values may hold; True for all.
        allowed_msgpack_modules: classes, or `(module, name)`, that may come back as objects besides the safe
            ones; None for the safe ones only; True for all. By default True, or None where the environment
            says `LANGGRAPH_STRICT_MSGPACK=true`.
        __unpack_ext_hook__: takes the place of the reader of extensions.
    """

    def __init__(
        self,
        *,
        pickle_fallback: bool = False,
        allowed_json_modules: Iterable[tuple[str, ...]] | Literal[True] | None = None,
        allowed_msgpack_modules: Iterable[Listing] | Literal[True] | None = _BY_ENVIRONMENT,
        __unpack_ext_hook__: Callable[[int, bytes], Any] | None = None,
    ) -> None:
        if allowed_msgpack_modules is _BY_ENVIRONMENT:
            allowed_msgpack_modules = None if strict_by_default() else True
        self.pickle_fallback = pickle_fallback
        self._allow = AllowList(allowed_msgpack_modules)
        self._decoder = Decoder(self._allow, __unpack_ext_hook__)
        self._own_hook = __unpack_ext_hook__ is not None
        self._json = JsonReader(allowed_json_modules)

    def with_msgpack_allowlist(self, extra_allowlist: Iterable[Listing]) -> JsonPlusSerializer:
        """Return a serialiser that may bring back `extra_allowlist` too; this one if it refuses nothing."""
        allow = self._allow.extended(extra_allowlist)
        if allow is self._allow or self._own_hook:
            return self
        new = copy(self)
        new._allow, new._decoder = allow, Decoder(allow)
        return new

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """
        Return the format and the bytes of `obj`.

        Raises:
            TypeError: if something in it cannot be stored; the message says what and where.
        """
        if obj is None:
            return "null", b""
        if isinstance(obj, bytes):
            return "bytes", obj
        if isinstance(obj, bytearray):
            return "bytearray", bytes(obj)
        try:
            return "msgpack", pack(obj)
        except TypeError:
            if self.pickle_fallback:
                return "pickle", pickle.dumps(obj)
            raise

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """
        Return the value that `dumps_typed` was given.

        Raises:
            ValueError: if the bytes are damaged.
            NotImplementedError: if the format is not known.
        """
        kind, payload = data
        if kind == "msgpack":
            return self._decoder.unpack(payload)
        if kind == "null":
            return None
        if kind == "bytes":
            return payload
        if kind == "bytearray":
            return bytearray(payload)
        if kind == "json":
            return self._json.loads(payload)
        if kind == "pickle" and self.pickle_fallback:
            return pickle.loads(payload)
        raise NotImplementedError(f"Unknown serialization type: {kind}{_hint(kind)}")


def _hint(kind: Any) -> str:
    if kind == "pickle":
        return (
            "; to read what JsonPlusSerializer(pickle_fallback=True) wrote, give the saver such a serialiser"
        )
    if isinstance(kind, str) and "+" in kind:
        return "; it is encrypted: give the saver the EncryptedSerializer that it was written with"
    return "; expected msgpack, null, bytes, bytearray, json or pickle"
