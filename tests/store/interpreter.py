"""
Runs a list of operations on the store of either engine and writes down what came back, as JSON.

Rule: imported by both environments; it knows an engine by its name alone. Of an error only the class is kept,
of a score what 32-bit floats can tell.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any

__all__ = ["interpret"]


def interpret(engine: str, program: dict[str, Any]) -> list[Any]:
    """Run `program["ops"]` on a fresh store in memory, with methods of the given colour."""
    return asyncio.run(_Interpreter(engine, program).run())


def _letters(texts: Any) -> list[list[float]]:
    return [[*(float(text.count(letter)) for letter in "abcd"), 0.1] for text in texts]


class _Interpreter:
    def __init__(self, engine: str, program: dict[str, Any]) -> None:
        self.base = import_module(f"{engine}.store.base")
        index = program.get("index")
        self.store = import_module(f"{engine}.store.memory").InMemoryStore(
            index={"dims": 5, "embed": _letters, **index} if index is not None else None
        )
        self.ops = program["ops"]
        self.colour = program["colour"]

    async def run(self) -> list[Any]:
        return [await self._observe(op) for op in self.ops]

    async def _observe(self, op: dict[str, Any]) -> Any:
        kind, arguments = op["op"], {key: value for key, value in op.items() if key != "op"}
        for name in ("namespace", "prefix", "suffix"):
            if arguments.get(name) is not None:
                arguments[name] = tuple(arguments[name])
        try:
            if kind == "batch":
                return self._plain(await self._call("batch", [self._op(each) for each in op["ops"]]))
            positional = [arguments.pop("namespace")] if "namespace" in arguments else []
            return self._plain(await self._call(kind, *positional, **arguments))
        except Exception as error:
            return {"error": type(error).__name__}

    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if self.colour == "async":
            return await getattr(self.store, f"a{name}")(*args, **kwargs)
        return getattr(self.store, name)(*args, **kwargs)

    def _op(self, op: dict[str, Any]) -> Any:
        namespace = tuple(op.get("namespace", ()))
        if op["op"] == "get":
            return self.base.GetOp(namespace, op["key"])
        if op["op"] == "search":
            return self.base.SearchOp(namespace, filter=op.get("filter"), limit=op.get("limit", 10))
        if op["op"] == "list_namespaces":
            return self.base.ListNamespacesOp()
        return self.base.PutOp(namespace, op["key"], op.get("value"))

    def _plain(self, result: Any) -> Any:
        if isinstance(result, self.base.Item):
            shown = {"namespace": list(result.namespace), "key": result.key, "value": result.value}
            if isinstance(result, self.base.SearchItem):
                shown["score"] = None if result.score is None else round(result.score, 5) + 0.0
            return shown
        return [self._plain(each) for each in result] if isinstance(result, (list, tuple)) else result
