"""
Applications that the tests run in processes of their own, since a process can be set up only once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PRELUDE = """
import operator, os, sys, time
from typing import Annotated, TypedDict
from otgraph.graph import START, StateGraph
from otgraph.telemetry import flush, setup, shutdown

class State(TypedDict, total=False):
    notes: Annotated[list, operator.add]

def graph_of(*nodes, name="essay"):
    builder = StateGraph(State)
    for before, node in zip([None, *nodes], nodes):
        builder.add_node(node.__name__, node)
        builder.add_edge(before.__name__ if before else START, node.__name__)
    return builder.compile(name=name)

def write(state):
    return {"notes": ["written"]}

graph = graph_of(write)
"""

SPANS = ["invoke_node write", "invoke_workflow essay", "otgraph.superstep"]
"""What one run of `graph` is."""


def environment(**variables: Any) -> dict[str, str]:
    """Return this process's variables without those of telemetry, and with `variables`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "OTGRAPH_"))}
    return (
        kept
        | {"PYTHONPATH": str(Path(__file__).parent)}
        | {key: str(value) for key, value in variables.items()}
    )


def run(
    code: str, *, warnings: str = "error", timeout: float = 60, **variables: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program, after the prelude, and return what became of it."""
    command = [sys.executable, "-W", warnings, "-c", PRELUDE + code]
    return subprocess.run(
        command, env=environment(**variables), capture_output=True, text=True, check=False, timeout=timeout
    )


def succeed(code: str, **options: Any) -> str:
    """Run a program that must succeed; return what it printed."""
    done = run(code, **options)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
