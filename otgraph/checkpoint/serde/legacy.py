"""
Values that older releases stored as JSON.

Rule: read only; nothing is written in this format. An object is made only if its type is safe or listed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from importlib import import_module
from typing import Any, Literal

from otgraph.checkpoint.serde.allowlist import AllowList
from otgraph.checkpoint.serde.names import find_class

__all__ = ["JsonReader"]

logger = logging.getLogger(__name__)


class JsonReader:
    """
    Reads JSON in which objects of two envelopes may stand: LangChain's own, and LangGraph's.

    Args:
        listed: `(package, …, name)` of the types that may be made besides the safe ones; True for all.
    """

    __slots__ = ("_any", "_safe")

    def __init__(self, listed: Iterable[tuple[str, ...]] | Literal[True] | None) -> None:
        self._any = listed is True
        self._safe = AllowList(None if listed is True else listed)

    def loads(self, data: bytes) -> Any:
        """Return the value of `data`; raise `ValueError` if it is no JSON."""
        return json.loads(data, object_hook=self._revived)

    def _revived(self, value: dict[str, Any]) -> Any:
        if value.get("type") != "constructor" or not isinstance(value.get("id"), list):
            return value
        if value.get("lc") == 2:
            return self._made(value)
        return _langchain(value) if value.get("lc") == 1 else value

    def _made(self, value: dict[str, Any]) -> Any:
        *path, name = value["id"]
        module = ".".join(path)
        if not self._any and (module, name) not in self._safe.trusted:
            logger.warning(
                "did not make a %s.%s from stored JSON: no list allows it. "
                "To allow it: JsonPlusSerializer(allowed_json_modules=[%r])",
                module,
                name,
                (*path, name),
            )
            return value
        try:
            made = find_class(module, name)
            if (module, name, value.get("method")) == ("datetime", "datetime", "fromisoformat"):
                made = made.fromisoformat
            return made(*value.get("args") or (), **value.get("kwargs") or {})
        except Exception as error:
            logger.warning("could not make a %s.%s from stored JSON (%r)", module, name, error)
            return value


def _langchain(value: dict[str, Any]) -> Any:
    try:
        reviver = import_module("langchain_core.load.load").Reviver
    except ImportError:
        return value  # LangChain is not installed: whoever wants its objects will miss them by name
    try:
        return reviver("core")(value)
    except Exception as error:
        logger.warning("could not make a %s from stored JSON: %s", ".".join(map(str, value["id"])), error)
        return value
