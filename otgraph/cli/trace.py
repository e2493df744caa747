"""
`otgraph trace`: the runs that were recorded, as a list, as a tree, as they happen, and once more.

Rule: a table for people, JSON for programs, from the same facts.
"""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from otgraph_exporters.rows import WORDS, lines, rows_of, time_text
from otgraph_exporters.run_tree import Forest
from otgraph_exporters.trace_store.store import StoredRun

from otgraph.cli.exits import CommandError
from otgraph.cli.show import Printer
from otgraph.cli.source import find_run, open_source, open_store
from otgraph.cli.spans import TreeSpan
from otgraph.cli.values import as_json, parse_size, parse_span
from otgraph.drivers.follow import follow
from otgraph.drivers.replay import replay
from otgraph.events import Outcome
from otgraph.tracing import names

__all__ = ["clock", "gc", "ls", "replay_run", "run_object", "show", "tail"]

FOLDED: Final = 5
"""Of finished tasks of one superstep, and of supersteps, so many are shown one by one."""
ROWS: Final = 60


def ls(given: Namespace) -> int:
    """List runs."""
    since = None if given.since is None else parse_span(given.since)
    with open_source(given.source) as source:
        runs = source.runs(
            workflow=given.workflow,
            thread_id=given.thread,
            outcome=None if given.outcome is None else _outcome(given.outcome),
            since=since,
            limit=given.limit,
        )
    if given.json:
        print(as_json([run_object(run) for run in runs], indent=2))
        return 0
    heads = ("RUN", "STARTED", "WORKFLOW", "THREAD", "OUTCOME", "TIME", "ERROR")
    table = [
        (
            run.run_id[:8],
            clock(run.start_ns),
            run.workflow,
            run.thread_id or "-",
            _word(run),
            _duration(run),
            run.error_type or "",
        )
        for run in runs
    ]
    for line in _columns([heads, *table]):
        print(line)
    return 0


def _outcome(said: str) -> str:
    """
    Return the outcome that was asked for, by its own name or by the word that is shown of it.

    Raises:
        CommandError: there is no such outcome.
    """
    known = {each.text: each.text for each in Outcome} | {"running": "running", "died": "died"}
    shown = {word: outcome for outcome, word in WORDS.items()}
    if said not in known and said not in shown:
        raise CommandError(f"--outcome {said!r} is none; expected one of {', '.join(known)}")
    return known.get(said) or shown[said]


def _columns(table: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _word(run: StoredRun) -> str:
    if run.state != "ended":
        return run.state
    return WORDS.get(run.outcome or "", run.outcome or "")


def _duration(run: StoredRun) -> str:
    if run.end_ns is not None:
        return time_text(run.end_ns - run.start_ns)
    return time_text(time.time_ns() - run.start_ns) if run.state == "running" else "-"


def clock(nanoseconds: int) -> str:
    """Return a moment in local time."""
    return datetime.fromtimestamp(nanoseconds / 1e9).strftime("%Y-%m-%d %H:%M:%S")


def run_object(run: StoredRun) -> dict[str, Any]:
    """Return a run as an object of JSON."""
    return {
        "run_id": run.run_id,
        "trace_id": run.trace_id,
        "workflow": run.workflow,
        "thread_id": run.thread_id,
        "start_ns": run.start_ns,
        "end_ns": run.end_ns,
        "state": run.state,
        "outcome": run.outcome,
        "error_type": run.error_type,
        "attributes": {key: value for key, value in run.attributes.items() if key not in _PAYLOADS},
    }


_PAYLOADS: Final = (names.PAYLOAD, names.STREAM_KEYS, names.OUTPUT_KEYS)


def show(given: Namespace) -> int:
    """Show one run as a tree."""
    with open_source(given.source) as source:
        run = find_run(source, given.run)
        spans = source.spans(run.run_id)
    if given.json:
        print(as_json({"run": run_object(run), "spans": spans}, indent=2))
        return 0
    print(f"run {run.run_id}, trace {run.trace_id}")
    told = [f"started {clock(run.start_ns)}", f"{_word(run)} after {_duration(run)}"]
    if run.thread_id is not None:
        told.append(f"thread {run.thread_id}")
    print(", ".join(told))
    if tags := run.attributes.get(names.TAGS):
        print(f"tags {', '.join(tags)}")
    print()
    for line in _tree(run, spans, sys.maxsize if given.all else FOLDED):
        print(line)
    for line in _failures(spans):
        print(line)
    return 0


def _tree(run: StoredRun, spans: Sequence[Any], kept: int) -> Iterator[str]:
    forest = Forest(kept)
    told = [(span["start_ns"], 0, number, span) for number, span in enumerate(spans)]
    # What is inside ends before what is around it, where the clock does not tell them apart.
    told += [(span["end_ns"], 1, -number, span) for number, span in enumerate(spans) if span["end_ns"]]
    root = None
    now = time.time_ns()
    for _, ends, _, span in sorted(told, key=lambda entry: entry[:3]):
        known: Any = TreeSpan(span, now if run.state == "running" else run.start_ns)
        item = forest.end(known) if ends else forest.start(known)
        if item is not None and item.parent is None:
            root = item
    if root is not None:
        yield from lines(rows_of(root, now, sys.maxsize if kept == sys.maxsize else ROWS))


def _failures(spans: Sequence[Any]) -> Iterator[str]:
    for span in spans:
        for event in span["events"]:
            if event["name"] == "exception":
                about = event["attributes"]
                message = about.get("exception.message", "")
                yield f"\n{span['name']}: {about.get('exception.type', 'exception')}: {message}".rstrip(": ")


def tail(given: Namespace) -> int:
    """Print what is told in the store, as it comes."""
    if given.mode:
        return _tail_stream(given)
    with open_store(given.source) as store:
        run_id = None if given.run is None else find_run(store, given.run).run_id
        following = store.follow(run_id, thread_id=given.thread, past=given.past)
        try:
            for entry in following:
                if given.json:
                    print(as_json(_entry_object(entry)), flush=True)
                else:
                    print(_entry_line(entry), flush=True)
        except KeyboardInterrupt:
            return 0
        if following.died:
            print("otgraph: the process of this run is gone; the run never ended", file=sys.stderr)
    return 0


def _tail_stream(given: Namespace) -> int:
    """Print what a run streams, while it goes on in another process."""
    if given.run is None and given.thread is None:
        raise CommandError("tail --mode needs to know of which run: name one, or its --thread")
    with open_store(given.source) as store:
        which = (
            {"thread_id": given.thread}
            if given.run is None
            else {"run_id": find_run(store, given.run).run_id}
        )
        try:
            _print_parts(
                follow(store, stream_mode=given.mode, subgraphs=given.subgraphs, version="v2", **which), given
            )
        except KeyboardInterrupt:
            return 0
        except ValueError as error:
            raise CommandError(f"this run cannot be followed in that way: {error}") from None
    return 0


def _entry_object(entry: Any) -> dict[str, Any]:
    span = entry["span"]
    told = {key: value for key, value in entry.items() if key != "span"}
    return {**told, "span": span["name"], "span_id": span["span_id"], "run_id": span["run_id"]}


def _entry_line(entry: Any) -> str:
    moment = datetime.fromtimestamp(entry["time_ns"] / 1e9).strftime("%H:%M:%S.%f")[:-3]
    span, attributes = entry["span"], entry["attributes"]
    words = [moment, (span["run_id"] or "-")[:8], f"{entry['kind']:<5}", span["name"]]
    if names.STEP in span["attributes"] and span["name"] == names.STEP_SPAN:
        words.append(str(span["attributes"][names.STEP]))
    if entry["kind"] in ("event", "live"):
        words.append(entry["name"])
        words.append(str(attributes.get(names.PAYLOAD, attributes.get("exception.type", ""))))
    elif entry["kind"] == "end":
        outcome = str(attributes.get(names.OUTCOME, ""))
        words.append(WORDS.get(outcome, outcome))
        words.append(time_text(entry["time_ns"] - span["start_ns"]))
    return " ".join(filter(None, words))


def replay_run(given: Namespace) -> int:
    """Print the chunks of a recorded run once more."""
    with open_source(given.source) as source:
        run = find_run(source, given.run)
        spans = source.spans(run.run_id)
    modes = given.mode or ["updates"]
    try:
        parts = replay(
            spans, modes, subgraphs=given.subgraphs, version="v2", run_id=run.run_id, speed=given.speed
        )
        _print_parts(parts, given)
    except ValueError as error:
        raise CommandError(f"run {run.run_id} cannot be replayed: {error}") from None
    return 0


def _print_parts(parts: Iterable[Any], given: Namespace) -> None:
    printer = Printer(given.mode or ["updates"], given.json, (), None)
    for part in parts:
        printer.take(part)
    printer.finish()


def gc(given: Namespace) -> int:
    """Delete old traces."""
    if given.older_than is None and given.keep is None and given.max_size is None:
        raise CommandError("say what may go: --older-than 7d, --keep 100 or --max-size 500M")
    with open_store(given.source) as store:
        before = store.size()
        deleted = store.gc(
            max_age=None if given.older_than is None else parse_span(given.older_than),
            max_runs=given.keep,
            max_bytes=None if given.max_size is None else parse_size(given.max_size),
        )
        after = store.size()
    if given.json:
        print(as_json({"deleted_traces": deleted, "bytes_before": before, "bytes_after": after}))
    else:
        print(f"{deleted:,} trace{'s' * (deleted != 1)} deleted, {after:,} bytes left")
    return 0
