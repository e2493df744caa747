"""
Where traces are read from: a trace store, or a file of OTLP-JSON lines.

Rule: both are asked in the same way, and answer with the same things; what only a store can do says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from time import time_ns
from typing import Any, Final, Protocol

from otgraph_exporters.trace_store.file import TraceStoreError, default_path
from otgraph_exporters.trace_store.store import StoredRun, TraceStore

from otgraph.cli.exits import CommandError
from otgraph.stream.exported import read_otlp_json
from otgraph.tracing import names

__all__ = ["Source", "find_run", "open_source", "open_store"]

SQLITE: Final = b"SQLite format 3\0"
LAST: Final = re.compile(r"last(?:~(\d+))?")


class Source(Protocol):
    """Runs and their spans."""

    def runs(
        self,
        *,
        workflow: str | None,
        thread_id: str | None,
        outcome: str | None,
        since: timedelta | None,
        limit: int,
    ) -> list[StoredRun]:
        """Return root runs, the newest first."""

    def run(self, run_id: str) -> StoredRun:
        """Return one run; the beginning of its id is enough."""

    def spans(self, run_id: str) -> list[Any]:
        """Return the spans of a run, in the order in which they began."""


def find_run(source: Source, said: str) -> StoredRun:
    """
    Return the run that was named: by its id, by how that begins, or as `last`, `last~1` and so on.

    Raises:
        LookupError: there is none.
    """
    if not (counted := LAST.fullmatch(said)):
        return source.run(said)
    back = int(counted[1] or 0)
    newest = source.runs(workflow=None, thread_id=None, outcome=None, since=None, limit=back + 1)
    if len(newest) <= back:
        raise LookupError(f"there is no run {said!r}: {len(newest)} are recorded")
    return newest[back]


class OtlpFile:
    """
    The runs in a file of OTLP-JSON, as file exporters write it.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with path.open(encoding="utf-8") as lines:
                self._spans = sorted(_read(path, lines), key=lambda span: span["start_ns"])
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path} cannot be read: {error}") from None
        self._runs = [_run_of(span) for span in self._spans if _is_root(span)]
        self._runs.reverse()

    def runs(
        self,
        *,
        workflow: str | None,
        thread_id: str | None,
        outcome: str | None,
        since: timedelta | None,
        limit: int,
    ) -> list[StoredRun]:
        begin = 0 if since is None else time_ns() - int(since.total_seconds() * 1e9)
        return [
            run
            for run in self._runs
            if workflow in (None, run.workflow)
            and thread_id in (None, run.thread_id)
            and outcome in (None, run.outcome)
            and run.start_ns >= begin
        ][:limit]

    def run(self, run_id: str) -> StoredRun:
        found = [
            run for run in self._runs if run.run_id.startswith(run_id) or run.trace_id.startswith(run_id)
        ]
        if not found:
            newest = ", ".join(f"{run.run_id} ({run.workflow})" for run in self._runs[:3]) or "none"
            raise LookupError(f"no run {run_id!r} in {self._path}; the newest: {newest}")
        exact = [run for run in found if run_id in (run.run_id, run.trace_id)]
        if len({run.run_id for run in exact or found}) > 1:
            raise LookupError(f"several runs begin with {run_id!r}; say more of the id")
        return (exact or found)[0]

    def spans(self, run_id: str) -> list[Any]:
        run = self.run(run_id)
        inside = {run.span_id}
        found = []
        for span in self._spans:
            if span["trace_id"] == run.trace_id and (
                span["span_id"] in inside or span["parent_id"] in inside
            ):
                inside.add(span["span_id"])
                found.append(span)
        return found


def _read(path: Path, lines: Iterable[str]) -> Iterator[Any]:
    for number, line in enumerate(lines, 1):
        try:
            yield from read_otlp_json([line])
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise CommandError(
                f"{path} is neither a trace store nor OTLP-JSON: line {number}: {error}"
            ) from None


def _is_root(span: Any) -> bool:
    attributes = span["attributes"]
    is_run = attributes.get(names.OPERATION) in (names.RUN_SPAN, names.AGENT_SPAN)
    return is_run and names.RUN_ID in attributes and not attributes.get(names.NESTED)


def _run_of(span: Any) -> StoredRun:
    attributes = span["attributes"]
    return StoredRun(
        run_id=attributes[names.RUN_ID],
        trace_id=span["trace_id"],
        span_id=span["span_id"],
        workflow=attributes.get(names.WORKFLOW, ""),
        thread_id=attributes.get(names.CONVERSATION),
        start_ns=span["start_ns"],
        end_ns=span["end_ns"],
        state="ended",
        outcome=attributes.get(names.OUTCOME),
        error_type=attributes.get(names.ERROR_TYPE),
        attributes=attributes,
    )


@contextmanager
def open_source(path: str | None) -> Iterator[Source]:
    """Open what `path` leads to, or the default trace store; what cannot be found there ends the command."""
    place = default_path() if path is None else Path(path)
    if path is not None and place.is_file() and place.stat().st_size and not _is_sqlite(place):
        with _told():
            yield OtlpFile(place)
        return
    with open_store(path) as store:
        yield store


@contextmanager
def open_store(path: str | None) -> Iterator[TraceStore]:
    """Open a trace store; a file of OTLP-JSON is none."""
    if path is not None and Path(path).is_file() and Path(path).stat().st_size and not _is_sqlite(Path(path)):
        raise CommandError(
            f"{path} is no trace store: this command needs one, as --record or TraceStoreProcessor writes"
        )
    with _told(), TraceStore(path) as store:
        yield store


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(SQLITE)) == SQLITE


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except TraceStoreError as error:
        raise CommandError(str(error)) from None
    except LookupError as error:
        if isinstance(error, (KeyError, IndexError)):
            raise
        raise CommandError(str(error)) from None
