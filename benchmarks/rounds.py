"""
Workers measured in turn, round after round, so that a noisy machine is noisy for all of them alike.

Rule: nothing is compared across rounds. A row's figure is computed in each round; the median counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

__all__ = ["WORKERS", "CaseFailed", "Pool", "Round", "Sample", "Side", "WorkerName", "play", "pool"]

WorkerName: TypeAlias = Literal[
    "otgraph",
    "otgraph + sdk",
    "otgraph + sdk on one core",
    "otgraph + sdk + metrics",
    "otgraph + sdk + store",
    "langgraph",
    "langgraph + openinference",
]

ROOT: Final = Path(__file__).resolve().parent.parent
ORACLE: Final = ROOT / ".venv-oracle" / "bin" / "python"
"""The environment that holds LangGraph; `make oracle` makes it."""

WORKERS: Final[Mapping[WorkerName, tuple[Path | str, ...]]] = {
    "otgraph": (Path(sys.executable), "otgraph", "none"),
    "otgraph + sdk": (Path(sys.executable), "otgraph", "sdk"),
    "otgraph + sdk on one core": (Path(sys.executable), "otgraph", "sdk", "--one-core"),
    "otgraph + sdk + metrics": (Path(sys.executable), "otgraph", "metrics"),
    "otgraph + sdk + store": (Path(sys.executable), "otgraph", "store"),
    "langgraph": (ORACLE, "langgraph", "none"),
    "langgraph + openinference": (ORACLE, "langgraph", "openinference"),
}
"""Name -> interpreter, engine, telemetry, options."""

_TRACING_VARIABLES = ("LANGSMITH_", "LANGCHAIN_", "LANGGRAPH_", "OTEL_", "OTGRAPH_")


class CaseFailed(Exception):
    """A worker could not run a case; the text is the worker's."""


@dataclass(frozen=True, slots=True)
class Side:
    """One thing that is measured: a case on a worker."""

    worker: WorkerName
    case: str
    spans: int | None = None
    """How many spans each run must export; None where nobody counts."""
    measurements: int | None = None
    """The same for what histograms are given."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run of a side cost in one round."""

    seconds: float
    spans: float = 0
    measurements: float = 0
    figures: Mapping[str, float] = field(default_factory=dict)


Round: TypeAlias = Mapping[Side, Sample]


class _Process:
    """A worker process: asked over its standard input, answering on its standard output."""

    def __init__(self, name: WorkerName, clock: str, stack: ExitStack) -> None:
        python, *arguments = WORKERS[name]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(_TRACING_VARIABLES)}
        self._process = stack.enter_context(
            subprocess.Popen(
                [python, "-m", "benchmarks.worker", clock, *arguments],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise CaseFailed(
                f"the worker ended (exit code {self._process.wait()}); its standard error says why"
            )
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise CaseFailed(answer["error"])
        return answer


class Pool:
    """The workers of one run of the benchmarks, each started when it is first needed."""

    def __init__(self, stack: ExitStack, *, slice_seconds: float, clock: str) -> None:
        self._stack, self._slice, self._clock = stack, slice_seconds, clock
        self._processes: dict[WorkerName, _Process] = {}
        self._times: dict[Side, int] = {}

    def measure(self, side: Side) -> Sample:
        """Measure `side` once; the first time, warm it up and find how often it fits into a slice."""
        if side not in self._times:
            self._times[side] = self._calibrate(side)
        sample = self._ask(side, self._times[side])
        for what, arrived, wanted in (
            ("spans", sample.spans, side.spans),
            ("measurements", sample.measurements, side.measurements),
        ):
            if wanted is not None and arrived != wanted:
                raise CaseFailed(f"{arrived:g} {what} per run arrived on {side.worker!r}, expected {wanted}")
        return sample

    def _calibrate(self, side: Side) -> int:
        cold = self._ask(side, 1)
        enough = self._slice / 4
        if cold.seconds > enough * 8:
            return 1
        warm = self._ask(side, max(2, int(enough / cold.seconds)))
        return max(1, round(self._slice / warm.seconds))

    def _ask(self, side: Side, times: int) -> Sample:
        if side.worker not in self._processes:
            self._processes[side.worker] = _Process(side.worker, self._clock, self._stack)
        return Sample(**self._processes[side.worker].ask({"case": side.case, "times": times}))


@contextmanager
def pool(*, slice_seconds: float, clock: str = "wall") -> Iterator[Pool]:
    """Give a pool whose workers end with the block; `clock` is `wall` or `cpu`."""
    with ExitStack() as stack:
        yield Pool(stack, slice_seconds=slice_seconds, clock=clock)


def play(workers: Pool, sides: Sequence[Side], rounds: int) -> tuple[list[Round], dict[Side, str]]:
    """Measure every side in every round, each second round backwards; return the rounds and what failed."""
    failed: dict[Side, str] = {}
    played: list[Round] = []
    for number in range(rounds):
        samples: dict[Side, Sample] = {}
        for side in sides if number % 2 == 0 else reversed(sides):
            if side in failed:
                continue
            try:
                samples[side] = workers.measure(side)
            except CaseFailed as error:
                failed[side] = str(error)
        played.append(samples)
    return played, failed
