"""
The names a benchmark program needs, taken from one engine or the other.

Rule: a program is written once. It asks for a name; which engine answers is the worker's choice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

__all__ = ["Bench", "Engine"]

_HOMES = {
    "StateGraph": "graph",
    "START": "graph",
    "END": "graph",
    "Send": "types",
    "entrypoint": "func",
    "create_react_agent": "prebuilt",
    "get_stream_writer": "config",
    "task": "func",
    "InMemorySaver": "checkpoint.memory",
    "SqliteSaver": "checkpoint.sqlite",
    "AsyncSqliteSaver": "checkpoint.sqlite.aio",
}


class Engine:
    """The public names of one engine; each is imported when it is first asked for."""

    def __init__(self, package: str) -> None:
        self.package = package

    def __getattr__(self, name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(
                f"no program has asked for {name!r} yet: add its module to {__name__}._HOMES"
            )
        value = getattr(import_module(f"{self.package}.{_HOMES[name]}"), name)
        setattr(self, name, value)
        return value


@dataclass(frozen=True, slots=True)
class Bench:
    """What a case is prepared with."""

    engine: Engine
    settle: Callable[[], object]
    """Waits until every ended span has reached the exporter; does nothing where there is none."""
