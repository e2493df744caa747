"""
The table of results, for a terminal and for the README.

Rule: figures reach the README from a run, between two marks; nobody types them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.rows import Result

__all__ = ["BEGIN", "END", "as_markdown", "as_text", "write_between"]

BEGIN: Final = "<!-- figures: written by `python -m benchmarks --write` -->"
END: Final = "<!-- end of figures -->"

_HEADER = ("case", "against", "ours", "theirs", "figure", "quartiles", "budget", "verdict")


def _time(seconds: float) -> str:
    for factor, unit in ((1, "s"), (1e3, "ms")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.0f} µs"


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"


def _cells(result: Result, tolerance: float) -> tuple[str, ...]:
    row = result.row
    budget = "" if row.budget is None else f"≤ {row.budget:g}"
    if result.failure or result.figure is None:
        return (row.title, row.against, "", "", "failed", "", budget, "FAILED")
    ours, *peers = result.seconds
    verdict = "" if row.budget is None else "MISSED" if result.missed(tolerance) else "kept"
    return (
        row.title,
        row.against,
        _time(ours),
        _time(peers[0]) if peers else "",
        f"{_number(result.figure)} {row.unit}",
        f"{_number(result.spread[0])} to {_number(result.spread[1])}",
        budget,
        verdict,
    )


def as_text(results: Sequence[Result], tolerance: float) -> str:
    """Return the table in columns, the reasons of failed rows below it."""
    rows = [_HEADER, *(_cells(result, tolerance) for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    lines.insert(1, "  ".join("─" * width for width in widths))
    return "\n".join([*lines, *_failures(results)])


def _failures(results: Sequence[Result]) -> list[str]:
    """Say each reason once, with the rows that failed for it."""
    titles: dict[str, list[str]] = {}
    for result in results:
        if result.failure:
            titles.setdefault(result.failure, []).append(result.row.title)
    return [f"failed: {reason} ({', '.join(dict.fromkeys(rows))})" for reason, rows in titles.items()]


def as_markdown(results: Sequence[Result], tolerance: float) -> str:
    """Return the table as Markdown."""
    rows = [_HEADER, ("---",) * len(_HEADER), *(_cells(result, tolerance) for result in results)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def write_between(path: Path, text: str) -> None:
    """Replace what stands between the marks in the file at `path` by `text`."""
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(
            f"{path.name} lacks the marks {BEGIN!r} and {END!r} around the place for the figures"
        )
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
