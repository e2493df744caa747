"""
The programs of the suite: found by module, named `subject.function`, each with the features it proves.

Rule: a program is a function of an engine (and of a `Drive`, when it runs a graph) that yields or returns
what it observed; it is registered by `covers`, and by nothing else.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from inspect import isgenerator, signature
from typing import Any

from .drive import COLOURS, Drive
from .engine import Engine
from .normalise import Normaliser

__all__ = ["Program", "covers", "load_programs", "run_program"]

_found: dict[str, Program] = {}


@dataclass(frozen=True)
class Program:
    """One program and the ways to drive it."""

    name: str
    body: Callable[..., Any]
    features: tuple[str, ...]
    colours: tuple[str, ...]
    sort_interrupts: bool = False


def covers(
    *features: str, colours: tuple[str, ...] = tuple(COLOURS), sort_interrupts: bool = False
) -> Callable[[Any], Any]:
    """
    Register a program under the ids of the features it proves.

    Args:
        sort_interrupts: several tasks of a nested graph ask at once in it; LangGraph reports those in any order.
    """

    def register(body: Callable[..., Any]) -> Callable[..., Any]:
        name = f"{body.__module__.rpartition('.')[2]}.{body.__name__}"
        if name in _found:
            raise ValueError(f"two programs are named {name!r}; rename one")
        driven = len(signature(body).parameters) > 1
        _found[name] = Program(name, body, features, colours if driven else ("plain",), sort_interrupts)
        return body

    return register


def load_programs() -> dict[str, Program]:
    """Import every module of `programs` and return what they registered, by name."""
    package = import_module(".programs", __package__)
    for module in pkgutil.iter_modules(package.__path__):
        import_module(f".programs.{module.name}", __package__)
    return _found


def run_program(engine: Engine, name: str, colour: str) -> list[str]:
    """Run one program on one engine and return its observations, a line each."""
    program = load_programs()[name]
    if colour == "plain":
        return Normaliser().lines(_observations(program.body(engine)))
    with Drive(engine, colour) as drive:
        normaliser = Normaliser(sort_interrupts=program.sort_interrupts)
        return normaliser.lines(_observations(program.body(engine, drive)))


def _observations(result: Any) -> Iterable[Any]:
    return result if isgenerator(result) else [result]
