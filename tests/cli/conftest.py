"""The command as people run it: a process of its own, in a folder with a module of graphs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent

GRAPHS = """
import operator
import os
import time
from pathlib import Path
from typing import Annotated, TypedDict

from otgraph.errors import GraphDrained
from otgraph.func import entrypoint
from otgraph.graph import START, StateGraph
from otgraph.types import interrupt


class State(TypedDict, total=False):
    topic: str
    lines: Annotated[list, operator.add]


def plan(state, writer):
    writer(f"thinking about {state['topic']}")
    return {"lines": ["a plan"]}


def write(state):
    return {"lines": [f"a text about {state['topic']}"]}


def ask(state):
    return {"lines": [interrupt("publish it?")]}


def fail(state):
    raise ValueError("no more ideas")


def slow(state):
    Path("begun").write_text("")
    while not Path("go").exists():
        time.sleep(0.01)
    return {"lines": ["slow is done"]}


async def awrite(state):
    return {"lines": ["written on a loop"]}


def chain(*nodes):
    graph, before = StateGraph(State), START
    for node in nodes:
        graph.add_node(node).add_edge(before, node.__name__)
        before = node.__name__
    return graph


graph = chain(plan, write).compile(name="essay")
asking = chain(plan, ask)
failing = chain(plan, fail)
slowly = chain(slow, write)
on_loop = chain(awrite)
number = 7


def make():
    return graph


@entrypoint()
def double(value: int) -> int:
    return 2 * value
"""


def environment(**more: str) -> dict[str, str]:
    """Return what a process needs, without what changes how the command or OpenTelemetry behaves."""
    strange = ("OTEL_", "OTGRAPH_", "NO_COLOR", "CI", "COLUMNS", "FORCE_COLOR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
    path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "exporters")])
    return {**kept, "PYTHONPATH": path, **more}


@pytest.fixture(name="environment")
def environment_fixture() -> Callable[..., dict[str, str]]:
    """Makes the environment of a process."""
    return environment


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the module `graphs` in it."""
    (tmp_path / "graphs.py").write_text(GRAPHS)
    return tmp_path


@pytest.fixture
def otgraph(folder: Path) -> Run:
    """Runs the command in that folder."""

    def run(*arguments: str, stdin: str = "", **env: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "-m", "otgraph", *arguments]
        return subprocess.run(
            command, cwd=folder, env=environment(**env), input=stdin, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip

    return run


@pytest.fixture
def start(folder: Path) -> Any:
    """Starts the command in that folder and returns the process."""
    running: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, **env: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "otgraph", *arguments],
            cwd=folder, env=environment(**env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()
