"""
The graph that the command line names: `package.module:name` or `path/to/file.py:name`.

Rule: whatever is wrong with the name is told from what is wrong inside the module that it leads to.
"""

from __future__ import annotations

import importlib
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from otgraph.cli.exits import CommandError
from otgraph.graph.compiled import Pregel
from otgraph.graph.state import StateGraph

__all__ = ["load_graph"]


def load_graph(target: str) -> Any:
    """
    Return the compiled graph that `target` names; a `StateGraph` is compiled, `name()` is called.

    Raises:
        CommandError: there is no such module or name, or it is no graph.
    """
    place, _, name = target.rpartition(":")
    if not place or not name:
        there = f"; {_graphs_in(_load_file(Path(target)))}" if Path(target).is_file() else ""
        raise CommandError(
            f"{target!r} names no graph: expected module:graph or path/to/file.py:graph{there}"
        )
    module = _load_file(Path(place)) if place.endswith(".py") else _load_module(place)
    found: Any = module
    for part in name.removesuffix("()").split("."):
        if not hasattr(found, part):
            raise CommandError(f"{place!r} has no {part!r}; {_graphs_in(module)}")
        found = getattr(found, part)
    if name.endswith("()"):
        found = found()
    if isinstance(found, StateGraph):
        return found.compile(name=name.removesuffix("()").rpartition(".")[2])
    if isinstance(found, Pregel):
        return found
    hint = f"; write {target}() to call it" if callable(found) and not isinstance(found, type) else ""
    raise CommandError(f"{target!r} is no graph but {_kind(found)}{hint or '; ' + _graphs_in(module)}")


def _load_module(name: str) -> ModuleType:
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # something that the module imports is missing
        instead = Path(name.replace(".", "/") + ".py")
        hint = f"; there is a file {instead}: write {instead}:…" if instead.exists() else ""
        raise CommandError(
            f"there is no module {error.name!r} in {Path.cwd()} or among what is installed{hint}"
        ) from None
    except ValueError as error:
        raise CommandError(f"{name!r} is no name of a module: {error}") from None


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise CommandError(f"there is no file {str(path)!r}")
    # As for `python path/to/file.py`: what lies beside it can be imported.
    sys.path.insert(0, str(path.parent.resolve()))
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise CommandError(f"{str(path)!r} is no Python file")
    module = sys.modules[path.stem] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _graphs_in(module: ModuleType) -> str:
    names = [name for name, value in vars(module).items() if isinstance(value, (Pregel, StateGraph))]
    if names:
        return f"graphs there: {', '.join(sorted(names))}"
    return "there is no graph in it: expected what compile() or @entrypoint makes"


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"of type {type(value).__name__}"
