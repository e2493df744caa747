"""
`python -m benchmarks`: measure, print one table, and say which budgets are kept.

Rule: exit code 0, or 1 with `--check` if a budget is missed, or 2 if the measurement could not start.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.rounds import ORACLE, play, pool
from benchmarks.rows import ROWS, Result, Row, judge
from benchmarks.table import as_markdown, as_text, write_between

_README = Path(__file__).with_name("README.md")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split("\n")[1])
    add = parser.add_argument
    add("--rows", metavar="TEXT", help="only rows whose group, title or peer contains TEXT; commas mean or")
    add("--rounds", type=int, metavar="N", help="rounds per row (default: 15, fewer for slow rows)")
    add(
        "--slice",
        type=float,
        default=0.1,
        metavar="SECONDS",
        help="time per measurement (default: %(default)s)",
    )
    add("--clock", choices=["wall", "cpu"], default="wall", help="cpu: processor time, for a busy machine")
    add("--check", action="store_true", help="exit with 1 if a budget is missed by more than the tolerance")
    add("--tolerance", type=float, default=0.1, help="a fraction of the budget (default: %(default)s)")
    add("--write", action="store_true", help="write the table into benchmarks/README.md")
    return parser.parse_args(arguments)


def _chosen(wanted: str | None) -> list[Row]:
    words = [word.strip().lower() for word in wanted.split(",")] if wanted else [""]
    return [
        row for row in ROWS if any(word in f"{row.group} {row.title} {row.against}".lower() for word in words)
    ]


def _measure(rows: Sequence[Row], rounds: int | None, **given: Any) -> list[Result]:
    results: list[Result] = []
    with pool(**given) as workers:
        for group, members in groupby(rows, key=lambda row: row.group):
            rows_of_group = list(members)
            print(f"measuring {group} …", file=sys.stderr, flush=True)
            sides = list(dict.fromkeys(side for row in rows_of_group for side in row.sides))
            count = max(row.rounds for row in rows_of_group)
            played, failed = play(workers, sides, min(count, rounds or count))
            results += [judge(row, played, failed) for row in rows_of_group]
    return results


def _machine() -> str:
    """Say what was measured on what; the peers are asked in their own environment."""
    peers = ("langgraph", "openinference-instrumentation-langchain")
    question = f"from importlib.metadata import version; print(*map(version, {peers!r}))"
    answer = subprocess.run([ORACLE, "-c", question], capture_output=True, text=True, check=True)
    langgraph, openinference = answer.stdout.split()
    return (
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}; "
        f"otgraph {version('otgraph')}, OpenTelemetry SDK {version('opentelemetry-sdk')}, "
        f"LangGraph {langgraph}, OpenInference {openinference}."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; return the exit code."""
    options = _options(arguments)
    rows = _chosen(options.rows)
    if not rows:
        print(
            f"no row matches {options.rows!r}; rows: {', '.join(row.title for row in ROWS)}", file=sys.stderr
        )
        return 2
    if not ORACLE.exists():
        print("LangGraph's environment is missing; make it with: make oracle", file=sys.stderr)
        return 2
    results = _measure(rows, options.rounds, slice_seconds=options.slice, clock=options.clock)
    missed = [result for result in results if result.missed(options.tolerance)]
    budgeted = [result for result in results if result.row.budget is not None]
    summary = (
        f"{len(budgeted) - sum(result in missed for result in budgeted)} of {len(budgeted)} budgets kept "
        f"(tolerance {options.tolerance:.0%} of the budget; {options.clock} clock)."
    )
    machine = _machine()
    print(f"{as_text(results, options.tolerance)}\n\n{summary} {machine}")
    if options.write:
        write_between(_README, f"{as_markdown(results, options.tolerance)}\n\n{summary} {machine}")
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
