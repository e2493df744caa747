"""
LangGraph's half of the comparison: answers one program a line, `python -m cache.oracle_worker`.

Rule: standard output carries answers only.
"""

from __future__ import annotations

import json
import os
import sys

from .interpreter import interpret

__all__ = ["main"]


def main() -> None:
    """Answer programs until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(interpret("langgraph", json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
