"""
Runs a list of operations on the cache of either engine and writes down what came back, as JSON.

Rule: imported by both environments; it knows an engine by its name alone. Of an error only the class is kept.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any

__all__ = ["interpret"]


def interpret(engine: str, program: dict[str, Any]) -> list[Any]:
    """Run `program["ops"]` on a fresh cache in memory, with methods of the given colour."""
    cache = import_module(f"{engine}.cache.memory").InMemoryCache()
    return asyncio.run(_run(cache, program["ops"], program["colour"]))


async def _run(cache: Any, ops: list[Any], colour: str) -> list[Any]:
    results: list[Any] = []
    for name, argument in ops:
        try:
            if colour == "async":
                found = await getattr(cache, f"a{name}")(_argument(name, argument))
            else:
                found = getattr(cache, name)(_argument(name, argument))
            results.append(found and sorted([list(ns), key, value] for (ns, key), value in found.items()))
        except Exception as error:
            results.append({"error": type(error).__name__})
    return results


def _argument(name: str, argument: Any) -> Any:
    if name == "get":
        return [(tuple(namespace), key) for namespace, key in argument]
    if name == "set":
        return {(tuple(ns), key): (value, ttl) for (ns, key), value, ttl in argument}
    return argument if argument is None else [tuple(namespace) for namespace in argument]
