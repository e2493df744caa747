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
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Final

from otgraph.compat.lent import lend

__all__ = ["install"]

THEIRS: Final = "langgraph"
OURS: Final = "otgraph"
OPEN: Final = ("langgraph.checkpoint.", "langgraph.store.", "langgraph.cache.")
"""Packages in which others keep what they made for LangGraph: savers, stores, caches."""

MOVED: Final = {
    "langgraph._internal._constants": "otgraph.compat.constants",
    "langgraph._internal._config": "otgraph.compat.config",
    "langgraph._internal._runnable": "otgraph.compat.runnable",
    "langgraph._internal._typing": "otgraph.compat.typing",
    "langgraph.checkpoint.base.id": "otgraph.compat.ids",
    "langgraph.pregel.main": "otgraph.pregel",
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


PACKAGES: Final = frozenset({"langgraph.checkpoint.base"})
"""Modules of otgraph that are packages in LangGraph."""


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
            found = None
        if found is None:
            return _find_beside(fullname) if fullname.startswith(OPEN) else None
        return ModuleSpec(fullname, _Alias(name), is_package=found.submodule_search_locations is not None)


def _find_beside(fullname: str) -> ModuleSpec | None:
    """Return how to load what others have put into a package that otgraph serves."""
    folders = [Path(entry, *fullname.split(".")[:-1]) for entry in sys.path]
    return PathFinder.find_spec(fullname, [str(folder) for folder in folders if folder.is_dir()])


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
        lend(module)
        if module.__spec__ is not None and module.__spec__.name in PACKAGES:
            module.__path__ = []
        module.__spec__ = self._spec
