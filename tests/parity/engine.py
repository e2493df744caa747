"""
One engine behind the names both engines share: `lg.graph.StateGraph`, `lg.types.Send`, `lg.errors`.

Rule: a program reaches an engine through this object only, so that it cannot tell which one it runs on.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["Engine"]


class Engine:
    """
    A package's modules as attributes, imported when first asked for.

    Args:
        root: `otgraph` or `langgraph`, or one of their modules.
    """

    def __init__(self, root: str) -> None:
        self._root = root

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            found = getattr(import_module(self._root), name)
        except AttributeError:
            found = import_module(f"{self._root}.{name}")
        value = Engine(f"{self._root}.{name}") if isinstance(found, ModuleType) else found
        setattr(self, name, value)
        return value

    def module(self, path: str) -> ModuleType:
        """Return the module itself, for programs that look at its names."""
        return import_module(f"{self._root}.{path}" if path else self._root)

    def __repr__(self) -> str:
        return f"<engine {self._root.partition('.')[0]}>"
