"""
LangGraph's half of the comparison: answers one request a line, `python -m store.oracle_worker`.

A request names what is wanted: `{"program": …}`, `{"tokens": path}`, `{"texts": [value, path]}`, or
`{"file": path, "put": [namespace, key, value]}`, which is answered by all that is in the file.

Rule: standard output carries answers only.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from importlib import import_module
from typing import Any

from .interpreter import interpret

__all__ = ["answer", "main"]


def answer(engine: str, request: dict[str, Any]) -> Any:
    """Carry out one request on an engine."""
    if "program" in request:
        return interpret(engine, request["program"])
    if "file" in request:
        return _share(engine, request)
    base = import_module(f"{engine}.store.base")
    if "tokens" in request:
        return base.tokenize_path(request["tokens"])
    return base.get_text_at_path(*request["texts"])


def _share(engine: str, request: dict[str, Any]) -> Any:
    try:
        module = import_module(f"{engine}.store.sqlite")
    except ImportError as error:
        return str(error)
    with module.SqliteStore.from_conn_string(request["file"]) as store:
        store.setup()
        namespace, key, value = request["put"]
        store.put(tuple(namespace), key, value)
        return sorted([list(item.namespace), item.key, item.value] for item in store.search((), limit=100))


def main() -> None:
    """Answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    logging.getLogger().addHandler(logging.NullHandler())
    for line in sys.stdin:
        answers.write(json.dumps(answer("langgraph", json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
