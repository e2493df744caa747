"""
The public names of LangGraph's public modules, and which of them otgraph serves.

    python names.py langgraph        prints module -> names, of LangGraph itself
    python names.py otgraph < names  prints module -> those of these names that are not served

Rule: a name is public where it is in `__all__`, or defined in the module, and has no underscore in front.
"""

from __future__ import annotations

import json
import sys
import warnings
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import typing_extensions

VARIABLES = (TypeVar, typing_extensions.ParamSpec, type(typing_extensions.TypeVar("T", default=Any)))


def modules() -> list[str]:
    """Return the names of LangGraph's public modules, those of separate packages left out."""
    import langgraph

    found = set()
    for root in langgraph.__path__:
        for path in Path(root).rglob("*.py"):
            parts = path.relative_to(root).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            if name and "_" not in {part[0] for part in parts if part != "__init__"}:
                found.add(name)
    return sorted(name for name in found if not name.startswith("checkpoint.conformance"))


def public(module: ModuleType) -> list[str]:
    """Return what is public in a module."""
    said = set(getattr(module, "__all__", None) or ())
    for name in dir(module):
        thing = getattr(module, name)
        if getattr(thing, "__module__", None) == module.__name__ and not isinstance(thing, VARIABLES):
            said.add(name)
    return sorted(name for name in said if name[0] != "_")


def missing(name: str, names: list[str]) -> list[str]:
    """Return which of the names are not there under LangGraph's path."""
    try:
        module = import_module(f"langgraph.{name}")
    except ImportError:
        return ["*"]
    return [each for each in names if not hasattr(module, each)]


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1] == "langgraph":
        print(json.dumps({name: public(import_module(f"langgraph.{name}")) for name in modules()}))
    else:
        import otgraph.compat

        otgraph.compat.install()
        lost = {name: missing(name, names) for name, names in json.load(sys.stdin).items()}
        print(json.dumps({name: names for name, names in lost.items() if names}))
