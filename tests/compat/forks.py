"""
A process that has imported an engine and the packages built on LangGraph, and forks for each program.

    python forks.py otgraph|langgraph

A line on its standard input is a module and a program in it; the answer is JSON: how the child ended, and what it wrote
to its standard output and its standard error.
Rule: the imports, which take far longer than the programs, are made once; whatever a program does dies with its child.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from importlib import import_module
from typing import IO, Any

__all__: list[str] = []


def main(engine: str) -> None:
    """Serve until the input ends."""
    modules: dict[str, Any] = {name: import_module(name) for name in ("programs", "agents")}
    theirs = modules["programs"].StateGraph.__module__.partition(".")[0]
    assert theirs == engine, f"the graphs are {theirs}'s"
    for line in sys.stdin:
        module, program = line.split()
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            process = os.fork()
            if not process:
                run(modules[module].PROGRAMS[program], out, err)
            _, status = os.waitpid(process, 0)
            written = [file.seek(0) or file.read() for file in (out, err)]
        print(json.dumps([status, *written]), flush=True)


def run(program: Any, out: IO[str], err: IO[str]) -> None:
    """Run a program in the child, and end that."""
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    code = 1
    try:
        program()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
