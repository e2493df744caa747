"""
Which stored types may come back as objects.

Rule: plain values, messages and the engine's own types always may. Another type must be listed; by default an
unlisted one may too, with a warning, if its class is of the kind that was stored. A function never may, except
`re.compile`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from typing import Any, Final, Literal, TypeAlias, Union

from otgraph.checkpoint.serde.event_hooks import emit_serde_event
from otgraph.checkpoint.serde.names import OWN_TYPES, stored_name

__all__ = ["AllowList", "Listing", "strict_by_default"]

logger = logging.getLogger(__name__)

Listing: TypeAlias = Union["type[Any]", "tuple[str, ...]"]
"""A class, or its module and name."""

_SAFE: Final = frozenset(
    {
        *OWN_TYPES,
        *(("otgraph.types", name) for _, name in OWN_TYPES),
        *((cls.__module__, cls.__name__) for cls in OWN_TYPES.values()),
        *(("builtins", name) for name in ("frozenset", "set")),
        ("collections", "deque"),
        *(("datetime", name) for name in ("date", "datetime", "time", "timedelta", "timezone")),
        ("decimal", "Decimal"),
        *(("ipaddress", f"IPv{v}{name}") for v in "46" for name in ("Address", "Interface", "Network")),
        *(("pathlib", name) for name in ("Path", "PosixPath", "WindowsPath")),
        *(("pathlib._local", name) for name in ("Path", "PosixPath", "WindowsPath")),
        *(("pydantic.types", name) for name in ("Secret", "SecretBytes", "SecretStr")),
        ("re", "compile"),
        ("uuid", "UUID"),
        ("zoneinfo", "ZoneInfo"),
        *(("langgraph.store.base", name) for name in ("GetOp", "Item", "SearchItem")),
        ("langchain_core.documents.base", "Document"),
        *(
            (f"langchain_core.messages.{module}", f"{name}{suffix}")
            for module, name in (
                ("ai", "AIMessage"),
                ("base", "BaseMessage"),
                ("chat", "ChatMessage"),
                ("function", "FunctionMessage"),
                ("human", "HumanMessage"),
                ("system", "SystemMessage"),
                ("tool", "ToolMessage"),
            )
            for suffix in ("", "Chunk")
        ),
        ("langchain_core.messages.modifier", "RemoveMessage"),
    }
)


def strict_by_default() -> bool:
    """Say whether the environment asks that unlisted types be refused."""
    return os.environ.get("LANGGRAPH_STRICT_MSGPACK", "").lower() in ("1", "true", "yes")


class AllowList:
    """
    The types a serialiser may bring back.

    Args:
        listed: classes or `(module, name)` pairs besides the safe ones; True for all, with a warning each.
    """

    __slots__ = ("all", "listed", "trusted")

    def __init__(self, listed: Iterable[Listing] | Literal[True] | None) -> None:
        self.all = listed is True
        self.listed = frozenset() if listed is True else frozenset(_key(entry) for entry in listed or ())
        self.trusted = _SAFE | self.listed
        """`(module, name)` of the types of which nothing more is asked."""

    def extended(self, extra: Iterable[Listing]) -> AllowList:
        """Return a list that has `extra` too, or this one if it allows all anyway."""
        if self.all:
            return self
        return AllowList([*self.listed, *extra])

    def tolerates(self, module: str, name: str) -> bool:
        """Say whether a type that is not trusted may be tried, and tell listeners and the log."""
        if self.all:
            emit_serde_event({"kind": "msgpack_unregistered_allowed", "module": module, "name": name})
            _warn_once(
                ("unlisted", module, name),
                "read the type %s.%s from a checkpoint although no list allows it. Whoever can write to the "
                "store can name any type: set LANGGRAPH_STRICT_MSGPACK=true to refuse, or list it: "
                "JsonPlusSerializer(allowed_msgpack_modules=[%r])",
                (module, name, (module, name)),
            )
            return True
        refuse(module, name)
        return False


def refuse(module: str, name: str) -> None:
    """Tell listeners and the log that a type was not brought back."""
    emit_serde_event({"kind": "msgpack_blocked", "module": module, "name": name})
    _warn_once(
        ("refused", module, name),
        "did not read the type %s.%s from a checkpoint: no list allows it; got plain data instead. "
        "To allow it: JsonPlusSerializer(allowed_msgpack_modules=[%r])",
        (module, name, (module, name)),
    )


def refuse_method(module: str, name: str, method: str) -> None:
    """Tell listeners and the log that a method was not called."""
    emit_serde_event({"kind": "msgpack_method_blocked", "module": module, "name": name, "method": method})
    _warn_once(
        ("method", module, name, method),
        "did not call %s.%s.%s, which a checkpoint asks for and no stored type needs; got plain data instead",
        (module, name, method),
    )


def report_lost(module: str, name: str, error: Exception) -> None:
    """Log that an allowed type could not be made again."""
    text = "could not make a %s.%s from a checkpoint (%s: %s); got plain data instead"
    _warn_once(("lost", module, name), text, (module, name, type(error).__name__, error))


_warned: set[tuple[str, ...]] = set()
_ROOM = 1000


def _warn_once(key: tuple[str, ...], text: str, arguments: tuple[Any, ...]) -> None:
    if key not in _warned and len(_warned) < _ROOM:
        _warned.add(key)
        logger.warning(text, *arguments)


def _key(entry: Any) -> tuple[str, str]:
    if isinstance(entry, type):
        return stored_name(entry)
    if isinstance(entry, (tuple, list)) and len(entry) > 1 and all(isinstance(part, str) for part in entry):
        return ".".join(entry[:-1]), entry[-1]
    raise ValueError(f"an entry of the allow-list is a class or (module, name), not {entry!r}")
