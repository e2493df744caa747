"""Every program shows the same on both engines, in each of its colours."""

from __future__ import annotations

import pytest

from .compare import compare
from .engine import Engine
from .oracle import Oracle
from .registry import load_programs, run_program

LANGCHAIN = (
    "agent_",
    "callbacks.",
    "lifecycle.",
    "messages.",
    "react_agent.",
    "runnables",
    "tool_",
    "tools_",
)
"""Programs that need LangChain."""

CASES = [(program.name, colour) for program in load_programs().values() for colour in program.colours]


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "colour"), CASES, ids=[f"{name}-{colour}" for name, colour in CASES])
def test_program(oracle: Oracle, name: str, colour: str) -> None:
    """What a program observes on otgraph is what it observes on LangGraph, chunk by chunk."""
    if name.startswith(LANGCHAIN):
        pytest.importorskip("langchain_core")
    engine = Engine("otgraph")
    compare(oracle, {"program": name, "colour": colour}, lambda: run_program(engine, name, colour))
