"""
Under which module and name a class is stored, and which class a stored name means.

Rule: otgraph's types bear LangGraph's names in storage. Whichever engine wrote a value, this one reads it as
its own type, and the other finds the name it knows.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, Final

from otgraph import command, policies, snapshot

__all__ = ["OWN_TYPES", "find_class", "stored_name"]

OWN_TYPES: Final[dict[tuple[str, str], type[Any]]] = {
    ("langgraph.types", cls.__name__): cls
    for cls in (
        command.Command,
        command.Overwrite,
        command.Send,
        policies.TimeoutPolicy,
        snapshot.GraphOutput,
        snapshot.Interrupt,
        snapshot.PregelTask,
        snapshot.StateSnapshot,
        snapshot.StateUpdate,
    )
}
"""Stored name -> class, for the types that an engine itself writes."""

_STORED: Final = {cls: name for name, cls in OWN_TYPES.items()}

_MOVED_OUT: Final = {
    "otgraph.infos": "langgraph.runtime",
    "otgraph.policies": "langgraph.types",
    "otgraph.runtime": "langgraph.runtime",
}
"""Module of otgraph -> where LangGraph has the same classes."""

_PACKAGES_OUT: Final = {"otgraph.store": "langgraph.store.base"}
"""Package of otgraph -> the module of LangGraph that has all its classes."""

_ELSEWHERE: Final = {"pathlib._local": "pathlib"}
"""A module that is an implementation detail of some Python -> the one that has its names everywhere."""


def stored_name(cls: type[Any]) -> tuple[str, str]:
    """Return the module and name under which instances of `cls` are stored."""
    known = _STORED.get(cls)
    if known is not None:
        return known
    module, name = cls.__module__, cls.__qualname__
    if "<locals>" in name:
        name = cls.__name__
    if module in _ELSEWHERE:
        module = _ELSEWHERE[module]
    elif module.startswith("otgraph."):
        package = ".".join(module.split(".")[:2])
        module = _MOVED_OUT.get(module) or _PACKAGES_OUT.get(package, module)
    return module, name


def find_class(module: str, name: str) -> Any:
    """
    Return what a stored name means here.

    Raises:
        ImportError: if there is no such module.
        AttributeError: if it has no such name.
    """
    root, _, rest = module.partition(".")
    if root in ("langgraph", "otgraph"):
        known = OWN_TYPES.get((f"langgraph.{rest}", name))
        if known is not None:
            return known
        if root == "langgraph":
            try:
                return _look_up(f"otgraph.{rest}", name)
            except (ImportError, AttributeError):
                pass  # a class that only the other engine has; it is found where that one is installed
    return _look_up(_ELSEWHERE.get(module, module), name)


def _look_up(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module) or import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found
