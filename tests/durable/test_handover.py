"""A thread begun in one engine goes on in the other, on the same SQLite file, as if nothing had happened."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import pytest
from checkpoint.oracle_side import run_there
from parity.engine import Engine

from .stories import STORIES
from .teller import on_file, tell

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(300)]

Cut = tuple[str, str, int]
"""Story, colour, and how many steps the first engine makes."""

OTGRAPH = Engine("otgraph")
CUTS: list[Cut] = [
    (name, colour, steps)
    for name, story in STORIES.items()
    for colour in story.colours
    for steps in range(1, len(story.steps) if colour == "sync" else 2)
]
WHOLE = [(name, colour) for name, story in STORIES.items() for colour in story.colours]


def file(begun_by: str, name: str, colour: str, steps: int | None = None) -> str:
    return f"{begun_by} {name} {colour} {steps}.db"


def theirs(folder: Path, plan: list[Any]) -> Any:
    """Let LangGraph tell parts of stories in a process of its own, where otgraph is not installed."""
    return run_there("durable.teller", "langgraph", folder, json.dumps(plan))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("handover")


@pytest.fixture(scope="module")
def told(folder: Path) -> Any:
    """Every story as LangGraph alone tells it; it has begun the others, too, when this is there."""
    whole = [(name, colour, file("alone", name, colour), 0, None) for name, colour in WHOLE]
    begun = [(name, colour, file("langgraph", name, colour, steps), 0, steps) for name, colour, steps in CUTS]
    return dict(zip(WHOLE, theirs(folder, whole + begun)))


@pytest.fixture(scope="module")
def ended(folder: Path) -> Any:
    """What LangGraph told of the stories that otgraph began, or why otgraph could not begin."""
    ends: dict[Cut, Any] = {}
    for name, colour, steps in CUTS:
        opener = on_file(OTGRAPH, folder / file("otgraph", name, colour, steps), colour)
        try:
            tell(OTGRAPH, name, colour, opener, 0, steps)
        except Exception:
            ends[name, colour, steps] = traceback.format_exc()
    begun = [cut for cut in CUTS if cut not in ends]
    plan = [
        (name, colour, file("otgraph", name, colour, steps), steps, None) for name, colour, steps in begun
    ]
    return ends | dict(zip(begun, theirs(folder, plan)))


@pytest.mark.parametrize(("name", "colour", "steps"), CUTS)
def test_otgraph_goes_on_with_a_thread_of_langgraph(
    name: str, colour: str, steps: int, told: Any, folder: Path
) -> None:
    """Chunks, executed nodes, state and history are those of a thread that LangGraph had all to itself."""
    opener = on_file(OTGRAPH, folder / file("langgraph", name, colour, steps), colour)
    assert told[name, colour][steps:] == tell(OTGRAPH, name, colour, opener, steps)


@pytest.mark.parametrize(("name", "colour", "steps"), CUTS)
def test_langgraph_goes_on_with_a_thread_of_otgraph(
    name: str, colour: str, steps: int, told: Any, ended: Any
) -> None:
    """Whoever began: LangGraph sees and does what it would have seen and done."""
    assert told[name, colour][steps:] == ended[name, colour, steps]
