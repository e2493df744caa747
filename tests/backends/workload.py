"""
The workload: what its processes do, in numbers that are known before they run.

Rule: every number here follows from `backends.stories` by counting, none from a measurement.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from backends.stories import STORIES

__all__ = ["AGENTS", "KEPT", "NODES", "RETRIES", "RUNS", "SPANS", "Workload", "happen", "tell"]

TESTS: Final = Path(__file__).resolve().parents[1]

RUNS: Final = Counter(
    {
        ("survey", "success"): 40,
        ("crowd", "success"): 30,
        ("division", "error"): 7,
        ("fetch", "success"): 5,
        ("approval", "interrupted"): 6,
        ("approval", "success"): 3,
        ("approval", "error"): 1,
        ("late", "interrupted"): 1,
        ("late", "success"): 1,
        ("feed", "cancelled"): 3,
        ("endless", "recursion_limit"): 2,
        ("matryoshka", "success"): 2,
        ("matryoshka", "error"): 2,
        ("wide", "success"): 1,
        ("diary", "success"): 5,
        ("board", "success"): 3,
        ("slow", "success"): 1,
        ("long", "success"): 1,
        ("giant", "recursion_limit"): 1,
    }
)
"""Workflow and outcome -> root runs."""

AGENTS: Final = Counter({("librarian", "success"): 5})
"""Agent and outcome -> root runs."""

SPANS: Final = {
    "survey": 7,  # the run, and for each of three steps a superstep and a task
    "crowd": 6,
    "division": 3,
    "fetch": 3,  # retries stay in their task
    "late": 10,  # two runs of five
    "feed": 3,
    "endless": 11,
    "matryoshka": 9,
    "wide": 506,
    "diary": 7,
    "board": 3,
    "slow": 5,
    "long": 5,
    "librarian": 12,
    "giant": 10_001,
}
"""Story -> spans of each of its traces, where all of them have as many."""

NODES: Final = {
    **{("survey", node): 40 for node in ("collect", "weigh", "report")},
    **{("diary", node): 5 for node in ("collect", "weigh", "report")},
    **{("crowd", node): 30 for node in ("left", "right", "meet")},
    ("division", "divide"): 7,
    ("fetch", "download"): 5,
    ("approval", "draft"): 6,
    ("approval", "approve"): 10,  # six times until it asks, four times with an answer
    ("approval", "publish"): 4,
    ("late", "draft"): 1,
    ("late", "approve"): 2,
    ("late", "publish"): 1,
    ("feed", "tell"): 3,
    ("endless", "turn"): 10,
    ("matryoshka", "large"): 4,
    ("middle", "small"): 4,
    ("inner", "kernel"): 4,
    ("wide", "split"): 1,
    ("wide", "part"): 500,
    ("wide", "join"): 1,
    ("board", "write"): 3,
    **{(workflow, node): 1 for workflow in ("slow", "long") for node in ("begin", "dwell")},
    ("librarian", "agent"): 10,
    ("librarian", "tools"): 10,
    ("giant", "turn"): 5000,
}
"""Workflow and node -> tasks."""

RETRIES: Final = {("fetch", "download"): 10, ("wide", "part"): 1}
"""Workflow and node -> attempts after the first."""

KEPT: Final = frozenset(
    {
        "division",
        "fetch",
        "feed",
        "endless",
        "question",
        "answer",
        "wide",
        "slow",
        "long",
        "librarian",
        "giant",
    }
)
"""Stories whose every trace has a reason to be kept."""


APART: Final = frozenset({"heavy", "secrets"})
"""Stories that are no part of the workload."""

Traces = dict[str, list[dict[str, Any]]]
"""By the id of each trace, the spans that have ended."""


class Workload:
    """
    What happened.

    Args:
        traces: what each story's process has written down.
    """

    def __init__(self, traces: dict[str, Traces]) -> None:
        self.traces = traces

    def spans(self) -> Iterator[dict[str, Any]]:
        """Yield every span."""
        for story in self.traces.values():
            for spans in story.values():
                yield from spans


def tell(folder: Path, http: str, grpc: str) -> Workload:
    """
    Let every story happen, a few at a time.

    Args:
        http: where every other one sends its telemetry, by OTLP over HTTP.
        grpc: where the rest does, over gRPC.
    """
    roads = {
        story: ("grpc", grpc) if number % 2 else ("http/protobuf", http)
        for number, story in enumerate(sorted(STORIES.keys() - APART))
    }
    first = [story for story in roads if story != "answer"]  # which goes on with what `question` has left
    with ThreadPoolExecutor(4) as pool:
        traces = dict(
            zip(first, pool.map(lambda story: happen(story, folder, *roads[story]), first), strict=True)
        )
    return Workload({**traces, "answer": happen("answer", folder, *roads["answer"])})


def happen(story: str, folder: Path, protocol: str, endpoint: str) -> Traces:
    """Let a story happen in a process of its own, and return what it has written down."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "OTGRAPH_"))
    }
    environment["PYTHONPATH"] = str(TESTS)
    environment["OTEL_LOGS_EXPORTER"] = "otlp"
    environment["OTEL_EXPORTER_OTLP_PROTOCOL"] = protocol
    environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint
    command = [sys.executable, "-m", "backends.stories", story, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, f"{story} failed:\n{done.stdout}{done.stderr}"
    assert not done.stderr, f"{story} complains:\n{done.stderr}"
    traces: Traces = json.loads((folder / f"{story}.json").read_text())
    return traces
