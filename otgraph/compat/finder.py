"""
install: `import langgraph…` finds otgraph.

Rule: one module, two names; nothing is copied. What otgraph does not have is looked for where it would be without it,
so that packages such as `langgraph-checkpoint-postgres` are found beside it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

__all__ = ["install"]

THEIRS: Final = "langgraph"
OURS: Final = "otgraph"

MOVED: Final = {
    "langgraph._internal._constants": "otgraph.compat.constants",
    "langgraph._internal._config": "otgraph.compat.config",
    "langgraph._internal._runnable": "otgraph.compat.runnable",
    "langgraph._internal._typing": "otgraph.compat.typing",
    "langgraph.pregel.remote": "otgraph.compat.remote",
    "langgraph.stream._mux": "otgraph.compat.stream.transformers",
    "langgraph.stream._types": "otgraph.compat.stream.transformers",
    "langgraph.stream.run_stream": "otgraph.compat.stream.transformers",
    "langgraph.stream.stream_channel": "otgraph.compat.stream.transformers",
    "langgraph.stream.transformers": "otgraph.compat.stream.transformers",
}
"""Modules that packages import and otgraph has somewhere else."""


def install() -> None:
    """
    Serve `langgraph` and everything below it from otgraph, in this process, from now on.

    Call it before anything that imports LangGraph. Safe to call more than once.

    Raises:
        RuntimeError: LangGraph itself was imported already.
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    loaded = sorted(name for name in sys.modules if name == THEIRS or name.startswith(f"{THEIRS}."))
    if loaded:
        raise RuntimeError(
            f"otgraph.compat.install() must be called before LangGraph is imported; {loaded[0]!r} is already there: "
            "put the call at the top of the program"
        )
    sys.meta_path.insert(0, _Finder())
    if importlib.util.find_spec("langchain_core") is not None:
        from otgraph.langchain.agents.outputs import let_commands_through

        let_commands_through()


class _Finder(MetaPathFinder):
    """Finds `langgraph.x` where `otgraph.x` is."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load a module under LangGraph's name; None for one that otgraph does not have."""
        if fullname != THEIRS and not fullname.startswith(f"{THEIRS}."):
            return None
        name = MOVED.get(fullname, OURS + fullname.removeprefix(THEIRS))
        if fullname == f"{THEIRS}._internal":
            name = "otgraph.compat"
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            return None
        if found is None:
            return None
        return ModuleSpec(fullname, _Alias(name), is_package=found.submodule_search_locations is not None)


class _Alias(Loader):
    """Loads a module by importing it under its own name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module that otgraph has."""
        module = importlib.import_module(self._name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own identity back, which the import system has just overwritten."""
        module.__spec__ = self._spec
