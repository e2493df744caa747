"""
`otgraph/ARCHITECTURE.md` says what is: its tables are compared with the code, its list of files with a run.

Rule: a table is found by the heading above it; what stands in backticks in it is a name of the code.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from test_architecture import FLOORS

from otgraph.engine import effects
from otgraph.events import Fact
from otgraph.stream.modes import MODES

PACKAGE = Path(__file__).resolve().parent.parent / "otgraph"
PAGE = PACKAGE / "ARCHITECTURE.md"

ONE_NODE = """
import json, sys
from typing import TypedDict

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otgraph.graph import START, StateGraph
from otgraph.telemetry import TelemetryOptions

package = sys.argv[1]


class State(TypedDict):
    x: int


def n(state):
    return {"x": 1}


provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
options = TelemetryOptions(provider=provider)
graph = StateGraph(State).add_node(n).add_edge(START, "n").compile(telemetry=options)
graph.invoke({"x": 0})  # what is made once per process or provider is no part of a run

touched = {}


def note(frame, event, argument):
    if event == "call" and frame.f_code.co_filename.startswith(package):
        touched[frame.f_code.co_filename[len(package) + 1 :]] = None


sys.setprofile(note)
result = graph.invoke({"x": 0})
sys.setprofile(None)
assert result == {"x": 1}, result
print(json.dumps(list(touched)))
"""
"""Prints the files of otgraph in which a function is called while a graph of one node runs."""


def section(heading: str) -> str:
    """Return the text below a heading of the page, up to the next one of its rank."""
    found = re.search(
        rf"^## {re.escape(heading)}$\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    assert found, f"{PAGE.name} has no section {heading!r}"
    return found[1]


def tables(text: str) -> list[list[list[str]]]:
    """Return the tables of a text: rows of cells, without the row of headings."""
    found = re.findall(r"^\|.*\|\n\|[-|]+\|\n((?:\|.*\|\n)*)", text, re.MULTILINE)
    return [
        [[cell.strip() for cell in row[1:-1].split(" | ")] for row in body.splitlines()] for body in found
    ]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def words(table: list[list[str]], column: int = 0) -> list[str]:
    return [name for row in table for name in quoted(row[column])]


def test_an_invoke_goes_through_the_files_of_the_page() -> None:
    """A run of one node calls functions of exactly the files that the page lists, each listed once."""
    command = [sys.executable, "-c", ONE_NODE, str(PACKAGE)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not ran.returncode, ran.stderr
    listed = [file for table in tables(section("The life of one `invoke`")) for file in words(table)]
    assert len(set(listed)) == len(listed)
    went = set(json.loads(ran.stdout))
    assert (set(), set()) == (went - set(listed), set(listed) - went), (
        "went through and not listed; listed in vain"
    )


def test_the_effects_are_those_of_the_engine() -> None:
    """The page has a row for each effect and each special reply."""
    asked, replies = tables(section("Effects"))
    assert sorted(effect.__name__ for effect in get_args(effects.Effect)) == sorted(words(asked))
    special = {"CANCELLED"} | {
        name
        for name, kind in vars(effects).items()
        if isinstance(kind, type) and issubclass(kind, effects.Failure)
    }
    assert sorted(special) == sorted(words(replies))
    assert set(words(asked, 2)) == special


def test_the_facts_are_those_of_the_record() -> None:
    """The page has a row for each fact."""
    (facts,) = tables(section("Facts"))
    assert sorted(fact.__name__ for fact in Fact.__subclasses__()) == sorted(words(facts))


@pytest.mark.parametrize("fact", Fact.__subclasses__(), ids=lambda fact: fact.__name__)
def test_a_fact_is_where_the_page_says(fact: type[Fact]) -> None:
    """The row of a fact has the name of its span event, if it is one, and the modes that show it."""
    (facts,) = tables(section("Facts"))
    (row,) = (row for row in facts if quoted(row[0]) == [fact.__name__])
    assert ([fact.name] if fact.name else []) == quoted(row[1])
    assert sorted(mode for mode in MODES if mode != "spans" and fact in MODES[mode]) == sorted(quoted(row[2]))


def test_the_floors_are_those_of_the_tree() -> None:
    """The page puts each file and folder that is there on the floor that the architecture test knows."""
    (floors,) = tables(section("Floors"))
    said = {(name, int(row[0].split()[0])) for row in floors for name in quoted(row[2])}
    there = {(name, floor) for name, floor in FLOORS.items() if (PACKAGE / name).exists()}
    assert (set(), set()) == (there - said, said - there), "there and not listed; listed in vain"


def test_every_file_that_the_page_names_is_there() -> None:
    """What looks like a path in the page is one, below the package or the repository."""
    paths = {name for name in quoted(PAGE.read_text()) if re.fullmatch(r"[\w/]+(\.py|\.md|/)", name)}
    assert not {
        name for name in paths if not (PACKAGE / name).exists() and not (PACKAGE.parent / name).exists()
    }
