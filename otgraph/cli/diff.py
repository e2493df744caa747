"""
`otgraph trace diff`: what two runs did differently.

Rule: tasks are compared in the order in which they began, superstep by superstep. Times are shown and are no
difference; content is compared where it was captured.
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any, Final

from otgraph_exporters.rows import WORDS, time_text
from otgraph_exporters.run_tree import CUSTOM_EVENT
from otgraph_exporters.trace_store.store import StoredRun

from otgraph.cli.exits import DONE, FAILED
from otgraph.cli.source import find_run, open_source
from otgraph.cli.trace import clock
from otgraph.cli.values import as_json
from otgraph.tracing import names

__all__ = ["diff"]

COMMITTED: Final = "otgraph.task.committed"
WIDEST: Final = 60
"""Characters of a value that are shown."""


@dataclass(frozen=True)
class Task:
    """One execution of one node."""

    place: str
    """Its superstep and its name, with the nodes around it."""
    outcome: str
    duration: int
    attempts: int
    error: str | None
    writes: dict[str, str] = field(default_factory=dict)
    """Key -> what was written to it, as JSON; only where it was captured."""
    customs: tuple[str, ...] = ()
    """What it handed to the stream writer, as JSON; only where that was captured."""


@dataclass(frozen=True)
class Change:
    """A task that is the same in both runs, differs, or is in one of them only."""

    sign: str
    """`=`, `~`, `-` or `+`."""
    place: str
    before: Task | None
    after: Task | None
    differences: tuple[tuple[str, Any, Any], ...] = ()
    """What differs: (what, before, after)."""


def diff(given: Namespace) -> int:
    """Compare two runs; the exit code is 1 where they differ."""
    sides = []
    for run_id, path in ((given.before, given.source), (given.after, given.other or given.source)):
        with open_source(path) as source:
            run = find_run(source, run_id)
            sides.append((run, source.spans(run.run_id)))
    (before, before_spans), (after, after_spans) = sides
    changes = list(_compare(_tasks(before_spans), _tasks(after_spans)))
    about = list(_about(before, after))
    differs = bool(about) or any(change.sign != "=" for change in changes)
    if given.json:
        print(as_json({"differ": differs, "runs": _runs(before, after), "run": _pairs(about),
                       "tasks": [_object(change) for change in changes]}, indent=2))  # fmt: skip
    else:
        for line in _report(before, after, about, changes, everything=given.all):
            print(line)
    return FAILED if differs else DONE


def _tasks(spans: Sequence[Any]) -> list[Task]:
    within = {span["span_id"]: span for span in spans}
    return [
        _task(span, _place(span, within))
        for span in sorted(spans, key=lambda span: span["attributes"].get(names.SEQ, 0))
        if span["attributes"].get(names.OPERATION) == names.TASK_SPAN
    ]


def _place(span: Any, within: dict[str, Any]) -> str:
    parts = [f"{span['attributes'].get(names.STEP, '')} {span['attributes'].get(names.NODE)}".strip()]
    above = within.get(span["parent_id"])
    while above is not None:
        if above["attributes"].get(names.OPERATION) == names.TASK_SPAN:
            parts.append(
                f"{above['attributes'].get(names.STEP, '')} {above['attributes'].get(names.NODE)}".strip()
            )
        above = within.get(above["parent_id"])
    return " > ".join(reversed(parts))


def _task(span: Any, place: str) -> Task:
    attributes = span["attributes"]
    told = [
        (event["name"], event["attributes"][names.PAYLOAD])
        for event in span["events"]
        if names.PAYLOAD in event["attributes"]
    ]
    writes = {key: value for name, payload in told if name == COMMITTED for key, value in _pairs_in(payload)}
    return Task(
        place,
        attributes.get(names.OUTCOME, "unfinished"),
        max(span["end_ns"] - span["start_ns"], 0),
        attributes.get(names.ATTEMPTS, 1),
        attributes.get(names.ERROR_TYPE),
        writes,
        tuple(payload for name, payload in told if name == CUSTOM_EVENT),
    )


def _pairs_in(payload: str) -> Iterator[tuple[str, str]]:
    """Yield what was written: channel and value, as they stand in the payload."""
    try:
        written = json.loads(payload)
    except ValueError:
        yield "writes", payload
        return
    for item in written if isinstance(written, list) else ():
        pair = item.get("v") if isinstance(item, dict) else item
        if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str):
            if not pair[0].startswith("branch:"):
                yield pair[0], json.dumps(pair[1], ensure_ascii=False, sort_keys=True)
        else:
            yield "writes", json.dumps(item, ensure_ascii=False, sort_keys=True)


def _compare(before: list[Task], after: list[Task]) -> Iterator[Change]:
    matcher = SequenceMatcher(
        None, [task.place for task in before], [task.place for task in after], autojunk=False
    )
    for kind, low, high, from_, to in matcher.get_opcodes():
        if kind == "equal":
            for left, right in zip(before[low:high], after[from_:to], strict=True):
                found = tuple(_differences(left, right))
                yield Change("~" if found else "=", left.place, left, right, found)
            continue
        for task in before[low:high]:
            yield Change("-", task.place, task, None)
        for task in after[from_:to]:
            yield Change("+", task.place, None, task)


def _differences(left: Task, right: Task) -> Iterator[tuple[str, Any, Any]]:
    for what in ("outcome", "error", "attempts"):
        pair = getattr(left, what), getattr(right, what)
        if pair[0] != pair[1]:
            yield what, *pair
    if left.customs and right.customs and left.customs != right.customs:
        yield "custom", f"[{', '.join(left.customs)}]", f"[{', '.join(right.customs)}]"
    if left.writes and right.writes:
        for key in sorted(left.writes.keys() | right.writes.keys()):
            values = left.writes.get(key), right.writes.get(key)
            if values[0] != values[1]:
                yield f"writes {key}", *values


def _about(before: StoredRun, after: StoredRun) -> Iterator[tuple[str, Any, Any]]:
    for what in ("workflow", "outcome", "error_type"):
        pair = getattr(before, what), getattr(after, what)
        if pair[0] != pair[1]:
            yield what, *pair


def _runs(before: StoredRun, after: StoredRun) -> list[dict[str, Any]]:
    return [
        {"run_id": run.run_id, "workflow": run.workflow, "outcome": run.outcome, "duration_ns": _spent(run)}
        for run in (before, after)
    ]


def _spent(run: StoredRun) -> int | None:
    return None if run.end_ns is None else run.end_ns - run.start_ns


def _pairs(found: Sequence[tuple[str, Any, Any]]) -> list[dict[str, Any]]:
    return [{"what": what, "before": before, "after": after} for what, before, after in found]


def _object(change: Change) -> dict[str, Any]:
    sides = {"before": change.before, "after": change.after}
    return {
        "change": {"=": "same", "~": "changed", "-": "removed", "+": "added"}[change.sign],
        "task": change.place,
        "differences": _pairs(change.differences),
        **{f"{side}_ns": task and task.duration for side, task in sides.items()},
    }


def _report(
    before: StoredRun, after: StoredRun, about: list[Any], changes: list[Change], *, everything: bool
) -> Iterator[str]:
    for sign, run in (("-", before), ("+", after)):
        spent = _spent(run)
        took = "unfinished" if spent is None else time_text(spent)
        yield f"{sign} run {run.run_id[:8]} of {run.workflow}, {clock(run.start_ns)}, {_word(run.outcome)}, {took}"
    for what, left, right in about:
        yield f"~ {what}: {_word(left)} → {_word(right)}"
    same = 0
    for change in changes:
        if change.sign == "=" and not everything:
            same += 1
            continue
        if same:
            yield f"= {same:,} task{'s' * (same != 1)} alike"
            same = 0
        times = [time_text(task.duration) for task in (change.before, change.after) if task is not None]
        yield f"{change.sign} {change.place}  {' → '.join(times)}"
        for what, left, right in change.differences:
            yield f"    {what}: {_short(left)} → {_short(right)}"
    if same:
        yield f"= {same:,} task{'s' * (same != 1)} alike"


def _word(value: Any) -> str:
    return "-" if value is None else WORDS.get(value, str(value))


def _short(value: Any) -> str:
    text = _word(value)
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
