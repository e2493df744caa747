"""Packages built on LangGraph behave the same on otgraph, unmodified."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
PYTHON = REPOSITORY / ".venv-oracle" / "bin" / "python"
FILES = ("programs.py", "agents.py")
NAMES = [
    (file, name)
    for file in FILES
    for name in re.findall(
        r"^        (\w+),$", (HERE / file).read_text().partition("PROGRAMS = ")[2], re.MULTILINE
    )
]


class Forks:
    """Runs programs on an engine, in the environment where the packages are installed; see `forks.py`."""

    def __init__(self, engine: str) -> None:
        self._process = subprocess.Popen(
            [str(PYTHON), str(HERE / "forks.py"), engine],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._input, self._output = self._process.stdin, self._process.stdout

    def begin(self, file: str, program: str) -> None:
        """Begin a program."""
        self._input.write(f"{file.removesuffix('.py')} {program}\n")
        self._input.flush()

    def end(self) -> tuple[int, str, str]:
        """Return how the program ended that was begun, and what it wrote to its output and of its errors."""
        line = self._output.readline()
        assert line, f"it ended with {self._process.wait(10)}; what it said of that is above"
        status, out, err = json.loads(line)
        return status, out, err

    def close(self) -> None:
        """End the process."""
        self._input.close()
        self._process.wait(60)
        self._output.close()


@pytest.fixture(scope="module")
def engines() -> Iterator[list[Forks]]:
    """Both engines."""
    forks = [Forks("otgraph"), Forks("langgraph")]
    yield forks
    for each in forks:
        each.close()


@pytest.mark.oracle
@pytest.mark.parametrize(("file", "program"), NAMES)
def test_a_package_behaves_the_same(file: str, program: str, engines: list[Forks]) -> None:
    """Agents of langchain, deepagents and others show on otgraph what they show on LangGraph, chunk by chunk."""
    for engine in engines:
        engine.begin(file, program)  # so that both work at once
    ends = [engine.end() for engine in engines]
    assert [0, 0] == [status for status, _, _ in ends], "".join(error[-3000:] for _, _, error in ends)
    (_, here, _), (_, there, _) = ends
    assert here.splitlines() == there.splitlines()


def run_here(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


def test_imports_are_served_from_otgraph() -> None:
    """After `install()` a module has two names and one identity, which is otgraph's."""
    ran = run_here(
        "import otgraph.compat, otgraph.graph\n"
        "otgraph.compat.install(); otgraph.compat.install()\n"
        "import langgraph.graph.state, langgraph.types\n"
        "assert langgraph.graph is otgraph.graph and langgraph.types.Command.__module__ == 'otgraph.command'\n"
        "assert langgraph.graph.__spec__.name == langgraph.graph.__name__ == 'otgraph.graph'\n"
        "try:\n    import langgraph.nothing\nexcept ModuleNotFoundError as error:\n    print(error)\n"
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "No module named 'langgraph.nothing'"), ran.stderr


def test_it_is_too_late_once_langgraph_is_imported() -> None:
    """Two engines under one name would make a mess, so that is an error that says what to do."""
    ran = run_here(
        "import sys, types\nsys.modules['langgraph'] = types.ModuleType('langgraph')\n"
        "import otgraph.compat\notgraph.compat.install()"
    )
    assert "must be called before LangGraph is imported; 'langgraph' is already there" in ran.stderr


@pytest.mark.oracle
def test_a_graph_of_langgraphs_is_a_node() -> None:
    """A graph that LangGraph compiled runs inside one of otgraph's."""
    code = (
        "from typing import TypedDict\n"
        "import langgraph.graph as theirs, otgraph.graph as ours\n"
        "class S(TypedDict):\n    x: int\n"
        "inner = theirs.StateGraph(S).add_node('n', lambda s: {'x': s['x'] + 1}).add_edge('__start__', 'n').compile()\n"
        "graph = ours.StateGraph(S).add_node('inner', inner).add_edge(ours.START, 'inner').compile()\n"
        "print(graph.invoke({'x': 1}), list(graph.stream({'x': 1})))\n"
    )
    ran = subprocess.run(
        [str(PYTHON), "-c", code],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stdout.strip() == "{'x': 2} [{'inner': {'x': 2}}]", ran.stderr
