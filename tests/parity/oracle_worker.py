"""
LangGraph's half of the suite: a process in the oracle's environment that answers one request a line.

Run as `python -m parity.oracle_worker` with the folder of this package on the path. A request is a JSON object,
`{"program": name, "colour": colour}`, `{"graph": description, "calls": [...]}` or
`{"graph": description, "thread": description}`; the answer is
`{"lines": [...]}` or, when the program itself is broken, `{"fault": traceback}`.

Rule: standard output carries answers only; whatever a program prints goes to standard error.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from typing import Any

from .described import run_described
from .described_threads import run_thread
from .engine import Engine
from .registry import run_program

__all__ = ["answer", "main"]


def answer(engine: Engine, request: dict[str, Any]) -> dict[str, Any]:
    """Carry out one request on `engine`."""
    try:
        if "program" in request:
            return {"lines": run_program(engine, request["program"], request["colour"])}
        if "thread" in request:
            return {"lines": run_thread(engine, request["graph"], request["thread"])}
        return {"lines": run_described(engine, request["graph"], request["calls"])}
    except Exception:
        return {"fault": traceback.format_exc()}


def main() -> None:
    """Answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    logging.getLogger().addHandler(logging.NullHandler())
    engine = Engine("langgraph")
    for line in sys.stdin:
        answers.write(json.dumps(answer(engine, json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
