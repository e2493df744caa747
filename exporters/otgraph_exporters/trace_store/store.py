"""
TraceStore: the runs and spans in a trace store, for reading.

Rule: reading never disturbs those who write. What is not there is an error that says what is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Literal

from typing_extensions import Self

from otgraph_exporters.trace_store.file import default_path, open_for_reading, open_for_writing
from otgraph_exporters.trace_store.pieces import StoredSpan, add_piece, from_text, new_span
from otgraph_exporters.trace_store.retention import Retention, collect, delete_traces, living
from otgraph_exporters.trace_store.tail import Tail

__all__ = ["StoredRun", "TraceStore"]


@dataclass(frozen=True)
class StoredRun:
    """A root run."""

    run_id: str
    trace_id: str
    span_id: str
    """Of the run's own span."""
    workflow: str
    """The name of its graph."""
    thread_id: str | None
    """The thread that it belongs to, `gen_ai.conversation.id`."""
    start_ns: int
    end_ns: int | None
    """None where it has not ended."""
    state: Literal["running", "died", "ended"]
    """`died`: its process is gone, and the run never ended."""
    outcome: str | None
    """How it ended: `otgraph.outcome`."""
    error_type: str | None
    attributes: Mapping[str, Any]
    """Those of its span, without content: tags, metadata, usage and the like."""

    @property
    def duration(self) -> timedelta | None:
        """How long it took; None where it has not ended."""
        return None if self.end_ns is None else timedelta(microseconds=(self.end_ns - self.start_ns) / 1000)


FIELDS = (
    "run_id",
    "trace_id",
    "span_id",
    "workflow",
    "thread_id",
    "start_ns",
    "end_ns",
    "outcome",
    "error_type",
)
COLUMNS = f"{', '.join(FIELDS)}, attributes, process"


class TraceStore:
    """
    Reads a trace store; any number of processes may write to it meanwhile.

    Args:
        path: of the file; by default what `OTGRAPH_TRACE_STORE` says, or `.otgraph/traces.db`.

    Raises:
        TraceStoreError: there is no trace store at that place.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = default_path() if path is None else Path(path)
        self._lock = Lock()
        self._connection = open_for_reading(self.path)

    # ---- runs

    def runs(
        self,
        *,
        workflow: str | None = None,
        thread_id: str | None = None,
        outcome: str | None = None,
        since: datetime | timedelta | None = None,
        in_flight: bool | None = None,
        limit: int | None = None,
    ) -> list[StoredRun]:
        """
        Return root runs, the newest first.

        Args:
            workflow: the name of their graph.
            thread_id: their thread.
            outcome: how they ended: `success`, `error`, `interrupted` and so on; or `running` or `died`.
            since: only those that began after that moment, or so recently.
            in_flight: whether they are going on (True), or are not (False).
            limit: at most so many.
        """
        wanted: dict[str, Any] = {"workflow = ?": workflow, "thread_id = ?": thread_id}
        state = outcome if outcome in ("running", "died") else None
        if state is None:
            wanted["outcome = ?"] = outcome
        if since is not None:
            moment = datetime.now().astimezone() - since if isinstance(since, timedelta) else since
            wanted["start_ns >= ?"] = int(moment.timestamp() * 1e9)
        clauses = [clause for clause, value in wanted.items() if value is not None]
        if state is not None or in_flight:
            clauses.append("end_ns IS NULL")
        found = self._runs(" AND ".join(clauses), [value for value in wanted.values() if value is not None])
        if state is not None:
            found = [run for run in found if run.state == state]
        if in_flight is not None:
            found = [run for run in found if (run.state == "running") is in_flight]
        return found[:limit]

    def run(self, run_id: str) -> StoredRun:
        """
        Return one run; where several have that id, the newest.

        Args:
            run_id: the run's id or the id of its trace, or the beginning of one if no other begins like that.

        Raises:
            LookupError: there is none, or there are several that begin like that.
        """
        found = self._runs("run_id = ? OR trace_id = ?", [run_id, run_id])
        if not found and run_id:
            pattern = run_id.replace("*", "[*]").replace("?", "[?]") + "*"
            found = self._runs("run_id GLOB ? OR trace_id GLOB ?", [pattern, pattern])
            ids = list(dict.fromkeys(run.run_id for run in found))
            if len(ids) > 1:
                raise LookupError(
                    f"several runs begin with {run_id!r}: {', '.join(ids[:5])}; say more of the id"
                )
        if not found:
            newest = ", ".join(f"{run.run_id} ({run.workflow})" for run in self.runs(limit=3)) or "none"
            raise LookupError(f"no run {run_id!r} in the trace store {self.path}; the newest: {newest}")
        return found[0]

    def _runs(self, clause: str, values: Iterable[Any]) -> list[StoredRun]:
        where = f"WHERE {clause}" if clause else ""
        rows = self._rows(f"SELECT {COLUMNS} FROM runs {where} ORDER BY start_ns DESC", values)
        alive: set[int] | None = None
        runs = []
        for *told, attributes, process in rows:
            state: Literal["running", "died", "ended"] = "ended"
            if told[6] is None:
                if alive is None:
                    with self._lock:
                        alive = living(self._connection)
                state = "running" if process in alive else "died"
            known = dict(zip(FIELDS, told, strict=True))
            runs.append(StoredRun(**known, state=state, attributes=json.loads(attributes)))
        return runs

    # ---- spans

    def spans(self, run_id: str, *, whole_trace: bool = False) -> list[StoredSpan]:
        """
        Return the spans of a run, those included that go on, in the order in which they began.

        Args:
            run_id: as for `run`.
            whole_trace: whether to return all spans of the run's trace: the request that the run was a part of, other
                runs in it. Otherwise the run's own span, and all below it.
        """
        run = self.run(run_id)
        spans = self.trace(run.trace_id)
        return spans if whole_trace else _below(spans, run.span_id)

    def trace(self, trace_id: str) -> list[StoredSpan]:
        """Return all spans of a trace, in the order in which they began; none if there is no such trace."""
        rows = self._rows("SELECT span_id, body FROM pieces WHERE trace_id = ? ORDER BY at", [trace_id])
        spans: dict[str, StoredSpan] = {}
        for span_id, body in rows:
            span = spans.get(span_id)
            if span is None:
                span = spans[span_id] = new_span(trace_id, span_id)
            add_piece(span, from_text(body))
        return sorted(spans.values(), key=lambda span: span["start_ns"])

    def resource(self, run_id: str) -> dict[str, Any]:
        """Return the attributes of the resource that a run's spans are of, such as `service.name`."""
        run = self.run(run_id)
        rows = self._rows(
            "SELECT resource FROM processes JOIN runs ON process = id WHERE trace_id = ? AND span_id = ?",
            [run.trace_id, run.span_id],
        )
        return json.loads(rows[0][0]) if rows and rows[0][0] else {}

    # ---- what is new

    def follow(
        self,
        run_id: str | None = None,
        *,
        thread_id: str | None = None,
        past: bool = False,
        poll: float = 0.1,
    ) -> Tail:
        """
        Return an iterator over what is told from now on: starts, events and ends of spans.

        Args:
            run_id: of which run, as for `run`; the iterator ends with it. None for all that come.
            thread_id: only of runs of that thread.
            past: whether to begin with what was told before.
            poll: seconds between two looks.
        """
        if run_id is not None:
            run = self.run(run_id)
            which: tuple[str, tuple[Any, ...]] = ("trace_id = ?", (run.trace_id,))
            followed: tuple[str, str] | None = (run.trace_id, run.span_id)
        else:
            which, followed = ("1", ()), None
            if thread_id is not None:
                which = ("trace_id IN (SELECT trace_id FROM runs WHERE thread_id = ?)", (thread_id,))
        after = 0 if past else self._rows("SELECT max(at) FROM pieces")[0][0] or 0
        return Tail(self._connection, after, which, followed, poll)

    # ---- what is no longer wanted

    def delete(self, run_ids: Iterable[str]) -> int:
        """Delete runs with their whole traces; return how many traces that were."""
        traces = dict.fromkeys([self.run(run_id).trace_id for run_id in run_ids])
        return self._change(lambda connection: delete_traces(connection, traces))

    def gc(
        self,
        *,
        max_age: timedelta | None = None,
        max_runs: int | None = None,
        max_bytes: int | None = None,
    ) -> int:
        """
        Delete traces that are older than `max_age`, and the oldest beyond `max_runs` or `max_bytes`.

        A trace in which a run is going on is kept. Returns how many were deleted.
        """
        retention = Retention(max_age, max_runs, max_bytes)
        return self._change(lambda connection: collect(connection, retention))

    def size(self) -> int:
        """Return how many bytes the store takes on disk."""
        files = [Path(f"{self.path}{suffix}") for suffix in ("", "-wal", "-shm")]
        return sum(file.stat().st_size for file in files if file.exists())

    def _change(self, change: Any) -> int:
        connection = open_for_writing(self.path)
        try:
            return int(change(connection))
        finally:
            connection.close()

    # ---- the file

    def _rows(self, statement: str, values: Iterable[Any] = ()) -> list[Any]:
        with self._lock:
            return self._connection.execute(statement, tuple(values)).fetchall()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _below(spans: list[StoredSpan], span_id: str) -> list[StoredSpan]:
    """Return a span and all below it."""
    children: dict[str | None, list[StoredSpan]] = {}
    for span in spans:
        children.setdefault(span["parent_id"], []).append(span)
    found = [span for span in spans if span["span_id"] == span_id]
    for span in found:
        found += children.get(span["span_id"], [])
    return sorted(found, key=lambda span: span["start_ns"])
