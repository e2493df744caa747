"""
What there is to count in the workload, and how it is summed up.

Rule: each number follows by counting from what the workload's stories do. What is a time is a range: from what a story
is known to wait at least, to what no machine should need.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from backends.agent import FIRST, SECOND
from backends.mishaps import MISHAPS
from backends.workload import AGENTS, RUNS

__all__ = [
    "ASKING",
    "AT_LEAST",
    "BARRIERS",
    "Between",
    "CALLS",
    "COST",
    "DROPPED",
    "ERRORS",
    "FAULTY",
    "LONG",
    "LOST",
    "MINUTES",
    "Numbers",
    "PAUSES",
    "RESUMED",
    "SAVERS",
    "SAVES",
    "STEPS",
    "TASKS",
    "TOKENS",
    "TOOLS",
    "a_minute",
    "durations",
    "ended",
    "failed",
    "present",
    "ratios",
    "summed",
]

MINUTES: Final = 30
"""The window of all queries: it begins before the workload does, so that everything is new in it."""

LONG: Final = 120
"""Seconds within which everything ends, on a slow machine too."""


@dataclass(frozen=True)
class Between:
    """A number in a range."""

    low: float
    high: float


Numbers = Mapping[tuple[str, ...], "float | Between"]
"""The values of a series' labels, in the order of the names of the labels -> its value."""

ERRORS: Final = {
    "division": "ZeroDivisionError",
    "approval": "PermissionError",
    "endless": "GraphRecursionError",
    "giant": "GraphRecursionError",
    "matryoshka": "LookupError",
    "middle": "LookupError",
    "inner": "LookupError",
    "fetch": "ConnectionError",
    "wide": "ConnectionError",
}
"""Workflow -> what its nodes raise."""

TASKS: Final = Counter(
    {
        **{("survey", node, "success"): 40 for node in ("collect", "weigh", "report")},
        **{("diary", node, "success"): 5 for node in ("collect", "weigh", "report")},
        **{("crowd", node, "success"): 30 for node in ("left", "right", "meet")},
        ("division", "divide", "error"): 7,
        ("fetch", "download", "success"): 5,
        ("approval", "draft", "success"): 6,
        ("approval", "approve", "interrupted"): 6,
        ("approval", "approve", "success"): 4,
        ("approval", "publish", "success"): 3,
        ("approval", "publish", "error"): 1,
        ("late", "draft", "success"): 1,
        ("late", "approve", "interrupted"): 1,
        ("late", "approve", "success"): 1,
        ("late", "publish", "success"): 1,
        ("feed", "tell", "success"): 3,
        ("endless", "turn", "success"): 10,
        ("giant", "turn", "success"): 5000,
        **{
            (workflow, node, outcome): 2
            for workflow, node in (("matryoshka", "large"), ("middle", "small"), ("inner", "kernel"))
            for outcome in ("success", "error")
        },
        ("wide", "split", "success"): 1,
        ("wide", "part", "success"): 500,
        ("wide", "join", "success"): 1,
        ("board", "write", "success"): 3,
        **{(workflow, node, "success"): 1 for workflow in ("slow", "long") for node in ("begin", "dwell")},
        ("librarian", "agent", "success"): 10,
        ("librarian", "tools", "success"): 10,
    }
)
"""Workflow, node and outcome -> tasks."""

STEPS: Final = Counter(
    {
        "survey": 120,
        "diary": 15,
        "crowd": 60,
        "division": 7,
        "fetch": 5,
        "approval": 12 + 8,  # draft and approve of six; approve and publish of four
        "late": 2 + 2,
        "feed": 3,
        "endless": 10,
        "giant": 5000,
        "matryoshka": 4,
        "middle": 4,
        "inner": 4,
        "wide": 3,
        "board": 3,
        "slow": 2,
        "long": 2,
        "librarian": 15,
    }
)
"""Workflow -> supersteps."""

AT_LEAST: Final = {"slow": 5.0, "long": 10.0, "dwell": 5.0, "right": 0.05, "left": 0.01, "crowd": 0.05}
"""Workflow or node -> the lower bound of the bucket in which its p95 must lie, at least."""

BARRIERS: Final = {"crowd": ("left", "right"), "wide": ("part",)}
"""Workflow -> the nodes that run beside others."""

CALLS: Final = 2 * sum(AGENTS.values())
TOKENS: Final = {"input": (FIRST[0] + SECOND[0]) * 5, "output": (FIRST[1] + SECOND[1]) * 5}
COST: Final = (TOKENS["input"] * 1.0 + TOKENS["output"] * 2.0) / 1e6
TOOLS: Final = {"find": (5, 0), "lend": (5, 5)}
"""Tool -> calls, and those that failed."""
DROPPED: Final = 3 * 92
SAVES: Final = {
    ("put", "InMemorySaver"): 5 * (1 + 1 + 3) + (3 + 2),  # of `diary`: input, start and steps; of `late`
    ("get", "InMemorySaver"): 5 + 2,
    ("put", "SqliteSaver"): 6 * 3 + 3 * 2 + 1,  # of `approval`: until it asks; after a yes; after a no
    ("get", "SqliteSaver"): 6 + 4,
}
"""Operation and saver -> calls."""
SAVERS: Final = ("InMemorySaver", "SqliteSaver")
FAULTY: Final = ("span processor on_end",)
LOST: Final = (
    4 * (MISHAPS["answers that stream"] + MISHAPS["answers that fail"])  # run, superstep, task, call
    + 4 * MISHAPS["agents that fail"]
    + 3 * MISHAPS["processors that fail"]
    + MISHAPS["savers that fail"]  # the run alone
    + 3
)
"""Spans that ended where no backend takes them."""
BAD: Final = ("error", "recursion_limit", "timeout", "budget_exceeded")


def summed(
    counts: Mapping[tuple[str, ...], int], *kept: int, only: Callable[..., bool] = lambda *key: True
) -> Counter[tuple[str, ...]]:
    """Return the sums over all but some parts of the keys, of those entries that are wanted."""
    found: Counter[tuple[str, ...]] = Counter()
    for key, count in counts.items():
        found[tuple(key[part] for part in kept)] += count if only(*key) else 0
    return found


def a_minute(counts: Mapping[tuple[str, ...], float]) -> Numbers:
    return {key: count / MINUTES for key, count in counts.items()}


def ratios(part: Mapping[tuple[str, ...], float], whole: Mapping[tuple[str, ...], float]) -> Numbers:
    return {key: part.get(key, 0) / count for key, count in whole.items() if count}


def present(counts: Counter[tuple[str, ...]]) -> Numbers:
    return {key: count for key, count in counts.items() if count}


def durations(names: Mapping[tuple[str, ...], object]) -> Numbers:
    return {key: Between(AT_LEAST.get(key[0], 0), LONG) for key in names}


def failed(*key: str) -> bool:
    return key[-1] in BAD


def ended(*key: str) -> bool:
    return key[-1] != "interrupted"


ASKING: Final = ("approval", "late")
"""Workflows that stop to ask; what ends otherwise in them has gone on from there."""
PAUSES: Final = summed(RUNS, 0, only=lambda name, outcome: outcome == "interrupted")
RESUMED: Final = summed(RUNS, 0, only=lambda name, outcome: name in ASKING and outcome != "interrupted")
