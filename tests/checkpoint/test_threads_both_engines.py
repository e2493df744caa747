"""One thread on one file, taken over by the other engine in the middle."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .oracle_side import Worker
from .threads import perform

pytestmark = pytest.mark.oracle

Deed = dict[str, Any]

FAILS = ["fail b"]
SCRIPTS: dict[str, tuple[str, list[Deed]]] = {
    "a packet fails and is sent again": (
        "fan_out",
        [{"input": {"words": [0]}, "flags": FAILS}, {"flags": FAILS}, {}, {"input": {"words": [1]}}],
    ),
    "a failed packet is given up": (
        "fan_out",
        [{"input": {"words": [0]}, "flags": FAILS}, {"input": {"words": [1]}, "flags": FAILS}, {}],
    ),
    "questions are answered one after the other": (
        "questions",
        [
            {"input": {"words": []}},
            {},
            {"resume": {"2": "B"}},
            {"resume": {"1": "A"}},
            {"resume": "C"},
            {"input": {"words": []}},
            {"resume": {"1": "D", "2": "E"}},
            {"resume": {"3": "F"}},
        ],
    ),
    "a question is left and state is written": (
        "questions",
        [
            {"input": {"words": []}},
            {"do": "update", "values": {"words": ["u"]}, "as_node": "one"},
            {},
            {"input": {"words": ["again"]}},
            {"do": "update", "values": {"words": ["v"]}, "as_node": "end"},
        ],
    ),
    "a graph inside asks": (
        "inherited",
        [{"input": {"words": []}}, {}, {"resume": "A"}, {"input": {"words": []}}, {"resume": "B"}],
    ),
    "a graph inside that remembers asks": (
        "own",
        [{"input": {"words": []}}, {}, {"resume": "A"}, {"input": {"words": []}}, {"resume": "B"}],
    ),
    "a graph inside a graph inside asks": (
        "deep",
        [{"input": {"words": []}}, {"resume": "A"}, {"input": {"words": []}}, {"resume": "B"}],
    ),
    "a graph that is called by a node asks": (
        "called_inside",
        [{"input": {"words": []}}, {}, {"resume": "A"}, {"input": {"words": []}}, {"resume": "B"}],
    ),
    "a join is half way": (
        "join",
        [
            {"input": {"words": []}, "flags": ["fail long2"]},
            {"flags": ["fail long2"]},
            {},
            {"input": {"words": []}, "flags": ["fail long1"]},
            {},
        ],
    ),
    "a node waits for all": (
        "deferred",
        [
            {"input": {"words": []}, "flags": ["fail long2"]},
            {},
            {"input": {"words": []}, "flags": ["fail both"]},
            {},
        ],
    ),
    "breakpoints": (
        "join",
        [
            {"input": {"words": []}, "interrupt_before": ["long2"]},
            {"interrupt_after": ["long2"]},
            {},
            {"input": {"words": []}, "interrupt_before": "*"},
            {"interrupt_before": "*"},
            {},
        ],
    ),
    "channels that forget": (
        "channels",
        [
            {"input": {"kept": "0", "passed": "0", "fleeting": "0"}, "interrupt_before": ["b"]},
            {"interrupt_before": ["c"]},
            {},
            {"input": {"passed": "1"}, "flags": ["fail c"]},
            {},
        ],
    ),
    "values of classes in a dataclass": (
        "dataclass",
        [
            {"input": {"told": ["x"]}, "interrupt_before": ["check"]},
            {},
            {"input": {}, "flags": ["fail check"]},
            {},
        ],
    ),
    "values of classes in a model": (
        "pydantic",
        [
            {"input": {"told": ["x"]}, "interrupt_before": ["check"]},
            {},
            {"input": {}, "flags": ["fail check"]},
            {},
        ],
    ),
    "a command goes somewhere and writes": (
        "join",
        [
            {"input": {"words": []}, "interrupt_before": ["long2"]},
            {"update": {"words": ["cu"]}, "goto": "short"},
            {"goto": "both"},
        ],
    ),
    "the past is gone on from": (
        "fan_out",
        [
            {"input": {"words": [0]}},
            {"at": 2},
            {"at": 1, "do": "update", "values": {"words": ["u"]}, "as_node": "split"},
            {},
            {"at": 3},
            {"at": 5, "do": "update", "values": None, "as_node": "__copy__"},
        ],
    ),
    "changes are saved": (
        "deltas",
        [
            {"input": {"words": [0]}},
            {"resume": "A"},
            {"input": {"words": [1]}, "flags": ["fail side"]},
            {"resume": "B"},
            {"input": {"words": [2]}},
            {"input": {"words": [3]}, "flags": ["overwrite"]},
            {"resume": "C", "update": {"words": ["cu"]}},
            {"do": "update", "values": {"words": ["u"]}, "as_node": "end"},
            {"at": 4},
            {"at": 3, "do": "update", "values": {"words": ["v"]}, "as_node": "side"},
            {"input": {"words": [4]}},
            {"resume": "D"},
        ],
    ),
    "changes are saved in graphs inside": (
        "deltas_inside",
        [{"input": {"words": [0]}}, {}, {"resume": "A"}, {"input": {"words": [1]}}, {"resume": "B"}],
    ),
    "changes are saved in graphs inside that remember": (
        "deltas_inside_own",
        [{"input": {"words": [0]}}, {"resume": "A"}, {"input": {"words": [1]}}, {"resume": "B"}],
    ),
}
"""What happens -> a graph, and what is done with a thread of it."""

SCHEDULES = {"here": "H", "here async": "A", "by turns": "TH", "by turns async": "AT"}
"""Whose turn it is: of LangGraph (T), of otgraph on threads (H), of otgraph on asyncio (A)."""


@pytest.fixture(scope="module")
def there() -> Iterator[Worker]:
    worker = Worker("threads")
    yield worker
    worker.close()


@pytest.mark.parametrize("durability", ["sync", "exit"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_thread_that_changes_hands(
    script: str, schedule: str, durability: str, there: Worker, tmp_path: Path
) -> None:
    """Whoever goes on with a thread, results, calls, states and history are what LangGraph alone makes of it."""
    graph, deeds = SCRIPTS[script]
    if durability == "exit":
        # There is less of a past then.
        deeds = [deed for deed in deeds if "at" not in deed]
    turns = SCHEDULES[schedule]
    for number, given in enumerate(deeds):
        deed = {"do": "invoke", "graph": graph, **given}
        if deed["do"] == "invoke":
            deed["durability"] = durability
        expected = there.ask(str(tmp_path / "theirs.db"), deed)
        ours = str(tmp_path / "ours.db")
        turn = turns[number % len(turns)]
        if turn == "T":
            told = there.ask(ours, deed)
        else:
            told = perform("otgraph", ours, deed, colour="sync" if turn == "H" else "async")
        assert same_names(expected) == same_names(told), (number, given)
        see = {"do": "see", "graph": graph}
        assert there.ask(ours, see) == perform("otgraph", ours, see), (number, given)


def same_names(shown: Any) -> Any:
    """Return what was shown with all ids named by the order in which they appear."""
    known: dict[str, str] = {}
    pattern = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{32}\b"
    text = json.dumps(shown)
    return json.loads(re.sub(pattern, lambda found: known.setdefault(found[0], f"#{len(known)}"), text))
