"""
One process that holds one engine under one kind of telemetry and times cases on request.

Requests and answers are lines of JSON: `{"case": "chain", "times": 50}` is answered by a sample,
or by `{"error": "…"}` if the case cannot run.

Rule: the garbage collector and the engine run as they do by default; only the clock is ours. It is the wall's,
or, on a machine that others keep busy, the processor time of this process and of those it started.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import inspect
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any, TypeAlias

from benchmarks.cases import CASES
from benchmarks.engine import Bench, Engine
from benchmarks.runs import Run
from benchmarks.tracing import Telemetry, set_up

__all__ = ["Clock", "Worker"]

Clock: TypeAlias = Callable[[], float]


class Worker:
    """Prepares each case when it is first asked for and keeps it."""

    def __init__(self, package: str, telemetry: Telemetry, clock: Clock) -> None:
        self._telemetry, self._clock = telemetry, clock
        self._bench = Bench(Engine(package), telemetry.settle)
        self._prepared: dict[str, Run] = {}

    def measure(self, case: str, times: int) -> dict[str, Any]:
        """Run `case` `times` times; return the seconds, the spans and the other figures of one run."""
        if case not in self._prepared:
            self._prepared[case] = CASES[case](self._bench)
        run = self._prepared[case]
        self._telemetry.settle()
        self._telemetry.take_count()
        self._telemetry.take_measurements()
        gc.collect()
        repeat = _arepeat if inspect.iscoroutinefunction(run) else _repeat
        seconds, figures = repeat(run, times, self._clock)
        self._telemetry.settle()
        return {
            "seconds": seconds / times,
            "spans": self._telemetry.take_count() / times,
            "measurements": self._telemetry.take_measurements() / times,
            "figures": dict(figures),
        }


def _repeat(run: Any, times: int, clock: Clock) -> tuple[float, Any]:
    begin = clock()
    for _ in range(times):
        figures = run()
    return clock() - begin, figures


def _arepeat(run: Any, times: int, clock: Clock) -> tuple[float, Any]:
    async def repeat() -> tuple[float, Any]:
        begin = clock()
        for _ in range(times):
            figures = await run()
        return clock() - begin, figures

    return asyncio.run(repeat())


def _processor_time() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def main() -> None:
    """Answer requests until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker")
    parser.add_argument("clock", choices=["wall", "cpu"])
    parser.add_argument("package", choices=["otgraph", "langgraph"])
    parser.add_argument("tracing", choices=["none", "sdk", "metrics", "store", "openinference"])
    parser.add_argument("--one-core", action="store_true", help="keep all threads on one core; on Linux")
    options = parser.parse_args()
    if options.one_core:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    clock = time.perf_counter if options.clock == "wall" else _processor_time
    worker = Worker(options.package, set_up(options.tracing), clock)
    for line in sys.stdin:
        try:
            answer = worker.measure(**json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
