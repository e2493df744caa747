"""
One order for the chunks of nested graphs that ran side by side.

When two nested graphs run in parallel, how their chunks interleave is up to the engine's threads; only the order
within a graph, and between a graph and those inside it, means anything. Untangling picks, of all interleavings
with the same meaning, the one that comes first by the names and contents of the graphs.

Rule: chunks of the same namespace, and of namespaces of which one holds the other, never change places.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["namespace_of", "untangle"]

_Namespace = tuple[str, ...]


def namespace_of(chunk: Any) -> _Namespace:
    """Return the namespace a chunk of a `subgraphs=True` stream carries; the root's for anything else."""
    found: Any = ()
    if isinstance(chunk, dict):
        found = chunk.get("ns", ())
    elif isinstance(chunk, tuple) and chunk:
        found = chunk[0]
    return found if isinstance(found, tuple) else ()


def untangle(chunks: list[Any], show: Callable[[Any], str]) -> list[Any]:
    """
    Return `chunks` in the first of their equivalent orders.

    Args:
        show: the text of a chunk without ids, by which graphs of the same name are told apart.
    """
    waiting = [(namespace_of(chunk), chunk) for chunk in chunks]
    rank = _ranks(waiting, show)
    ordered: list[Any] = []
    while waiting:
        free = [
            index
            for index, (space, _) in enumerate(waiting)
            if not any(_related(space, earlier) for earlier, _ in waiting[:index])
        ]
        first = min(free, key=lambda index: (rank[waiting[index][0]], index))
        ordered.append(waiting.pop(first)[1])
    return ordered


def _related(one: _Namespace, other: _Namespace) -> bool:
    short = min(len(one), len(other))
    return one[:short] == other[:short]


def _ranks(waiting: list[tuple[_Namespace, Any]], show: Callable[[Any], str]) -> dict[_Namespace, list[Any]]:
    """Return what each namespace is ordered by: at each level its name, when it was announced, what was said in it."""
    said: dict[_Namespace, list[str]] = {}
    told: dict[_Namespace, list[str]] = {}
    for space, chunk in waiting:
        text = show(chunk)
        told.setdefault(space, []).append(repr(chunk))
        for depth in range(len(space) + 1):
            said.setdefault(space[:depth], []).append(text)
    for texts in said.values():
        texts.sort()

    def rank(space: _Namespace) -> tuple[Any, ...]:
        name, _, task = space[-1].partition(":")
        above = told.get(space[:-1], [])
        announced = next((index for index, text in enumerate(above) if task and task in text), len(above))
        return name, announced, said[space]

    return {space: [rank(space[: depth + 1]) for depth in range(len(space))] for space in said}
