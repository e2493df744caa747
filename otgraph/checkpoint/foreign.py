"""
Savers that were written for LangGraph, made to give back otgraph's types.

Rule: the saver that the user made is left as it is; a copy of it, on the same store, gets the serialiser.
"""

from __future__ import annotations

from copy import copy
from typing import Any, Final, TypeVar

__all__ = ["with_own_types"]

Saver = TypeVar("Saver")

_JSONPLUS: Final = ("langgraph.checkpoint.serde.jsonplus", "JsonPlusSerializer")
_ENCRYPTED: Final = ("langgraph.checkpoint.serde.encrypted", "EncryptedSerializer")


def with_own_types(saver: Saver) -> Saver:
    """
    Return a saver of the same store that stores otgraph's types and gives them back; `saver` if it does so.

    A serialiser of the user's own is left alone: what it gives back is his business.
    """
    serde = getattr(saver, "serde", None)
    own = _own(serde)
    if own is serde:
        return saver
    adopted: Any = copy(saver)
    adopted.serde = own
    return adopted  # type: ignore[no-any-return]


def _own(serde: Any) -> Any:
    kind = (type(serde).__module__, type(serde).__qualname__)
    if kind == _ENCRYPTED:
        # Serialisers are imported where they are wanted: most graphs save nothing, or in otgraph's own savers.
        from otgraph.checkpoint.serde.encrypted import EncryptedSerializer

        return EncryptedSerializer(serde.cipher, _own(serde.serde))
    if kind != _JSONPLUS or getattr(serde, "_custom_unpack_ext_hook", False):
        return serde
    from otgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    listed: Any = getattr(serde, "_allowed_msgpack_modules", True)
    return JsonPlusSerializer(
        pickle_fallback=getattr(serde, "pickle_fallback", False),
        allowed_json_modules=getattr(serde, "_allowed_json_modules", None),
        allowed_msgpack_modules=listed,
    )
