"""
Tail: what is new in a trace store, in the order in which it was told.

Rule: within a run the order is that of `otgraph.seq`, whatever order pieces were written in. A number that is missing
is waited for, but not for long: it may be one that is not kept.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator
from sqlite3 import Connection
from typing import Any, Final, Literal

from typing_extensions import TypedDict

from otgraph.tracing import names
from otgraph_exporters.trace_store.alive import Identity, is_alive
from otgraph_exporters.trace_store.pieces import StoredSpan, add_piece, from_text, new_span

__all__ = ["StoredEntry", "Tail"]

GRACE: Final = 0.25
"""Seconds for which a missing number is waited for."""

OLD_NS: Final = 2_000_000_000
"""What is older than that waits for nothing: all that came before it has long been written."""

PAGE: Final = 2000


class StoredEntry(TypedDict):
    """Something that happened: a span started, ended or received an event."""

    kind: Literal["start", "event", "live", "end"]
    seq: int
    """Its place in the record of the run, from 1; 0 for spans that are not otgraph's."""
    time_ns: int
    name: str
    """Of the span; of the event, if it is one."""
    attributes: dict[str, Any]
    """Of the span at that time; of the event, if it is one."""
    span: StoredSpan
    """What is known of the span by now."""


class Tail:
    """
    An iterator over what is told in a trace store; made by `TraceStore.follow`.

    Args:
        connection: to the file.
        after: pieces up to this place in the file are known, and not told.
        which: an SQL condition on pieces, with its values.
        run: (trace id, span id) of the run after whose end there is no more; None to go on for ever.
        poll: seconds between two looks.
    """

    def __init__(
        self,
        connection: Connection,
        after: int,
        which: tuple[str, tuple[Any, ...]],
        run: tuple[str, str] | None,
        poll: float,
    ) -> None:
        self._connection = connection
        self._after = self._at = after
        self._condition, self._values = which
        self._run = run
        self._poll = poll
        self._spans: dict[str, dict[str, StoredSpan]] = {}
        """Trace id -> span id -> what is known."""
        self._told: set[tuple[str, str, Any]] = set()
        self._waiting: dict[tuple[str, str], _Line] = {}
        self._strangers: list[StoredEntry] = []
        """What spans tell that are not otgraph's."""
        self.ended = False
        """Whether there will be nothing more: the run has ended, or its process has."""
        self.died = False
        """Whether its process is gone, so that the run never ended."""

    def read(self) -> list[StoredEntry]:
        """Return what is new, without waiting."""
        ready: list[StoredEntry] = []
        rows = self._rows()
        while rows:
            for at, trace_id, span_id, run_id, body in rows:
                self._at = at
                self._take(trace_id, span_id, run_id, from_text(body))
            rows = self._rows() if len(rows) == PAGE else []
        for key, line in list(self._waiting.items()):
            line.release(ready)
            if not line.entries and self._is_over(key[0], line):
                del self._waiting[key]
        ready = self._with_strangers(ready)
        if self._run is not None and not ready and not any(line.entries for line in self._waiting.values()):
            self._look_for_the_end(*self._run)
        return ready

    def __iter__(self) -> Iterator[StoredEntry]:
        while True:
            yield from self.read()
            if self.ended:
                return
            time.sleep(self._poll)

    def _rows(self) -> list[Any]:
        return self._connection.execute(
            "SELECT at, trace_id, span_id, run_id, body FROM pieces"
            f" WHERE at > ? AND {self._condition} ORDER BY at LIMIT {PAGE}",
            (self._at, *self._values),
        ).fetchall()

    def _take(self, trace_id: str, span_id: str, run_id: str | None, body: dict[str, Any]) -> None:
        spans = self._spans.get(trace_id)
        if spans is None:
            spans = self._spans[trace_id] = self._before(trace_id)
        span = spans.get(span_id)
        if span is None:
            span = spans[span_id] = new_span(trace_id, span_id)
        new = [entry for entry in entries_of(span, body) if self._is_new(entry)]
        if run_id is None:
            self._strangers += new
            return
        key = (trace_id, run_id)
        line = self._waiting.get(key)
        if line is None:
            line = self._waiting[key] = _Line(1 if self._after == 0 else 0)
        line.add(new)

    def _with_strangers(self, ready: list[StoredEntry]) -> list[StoredEntry]:
        """Put what spans of others tell where its time is, since it has no number; what is around it comes first."""
        if not self._strangers:
            return ready
        waiting = [line.entries[0][2]["time_ns"] for line in self._waiting.values() if line.entries]
        until = min(waiting, default=None)
        due = [entry for entry in self._strangers if until is None or entry["time_ns"] <= until]
        self._strangers = [] if until is None else [e for e in self._strangers if e["time_ns"] > until]
        due.sort(key=_time_of)
        return list(heapq.merge(ready, due, key=_time_of))

    def _before(self, trace_id: str) -> dict[str, StoredSpan]:
        """Return what was told of a trace before this tail began."""
        spans: dict[str, StoredSpan] = {}
        if self._after:
            rows = self._connection.execute(
                "SELECT span_id, body FROM pieces WHERE trace_id = ? AND at <= ? ORDER BY at",
                (trace_id, self._after),
            )
            for span_id, body in rows:
                span = spans.setdefault(span_id, new_span(trace_id, span_id))
                for entry in entries_of(span, from_text(body)):
                    self._is_new(entry)
        return spans

    def _is_new(self, entry: StoredEntry) -> bool:
        """Say whether an entry is told for the first time: what was lost on the way to the file comes again."""
        span = entry["span"]
        mark: Any = entry["kind"]
        if mark in ("event", "live"):
            mark = entry["seq"] or (entry["name"], entry["time_ns"])
        key = (span["trace_id"], span["span_id"], mark)
        if key in self._told:
            return False
        self._told.add(key)
        return True

    def _is_over(self, trace_id: str, line: _Line) -> bool:
        """Say whether the run has ended; if so, forget its trace, and remember if it is the one that is followed."""
        end = line.end
        if end is None:
            return False
        run = (end["trace_id"], end["span_id"])
        if run == self._run:
            self.ended = True
        if not any(key[0] == trace_id and other is not line for key, other in self._waiting.items()):
            self._spans.pop(trace_id, None)
            self._told = {key for key in self._told if key[0] != trace_id}
        return True

    def _look_for_the_end(self, trace_id: str, span_id: str) -> None:
        if self.ended:
            return
        row = self._connection.execute(
            "SELECT end_ns, host, space, pid, birth, beat_ns FROM runs JOIN processes ON processes.id = process"
            " WHERE trace_id = ? AND span_id = ?",
            (trace_id, span_id),
        ).fetchone()
        if row is None or row[0] is not None:
            # Deleted meanwhile, or over before this tail began.
            self.ended = not self._rows()
        elif not is_alive(Identity(*row[1:5]), row[5], time.time_ns()):
            self.ended = self.died = not self._rows()


def _time_of(entry: StoredEntry) -> int:
    return entry["time_ns"]


class _Line:
    """The entries of one run that wait for their turn."""

    def __init__(self, number: int) -> None:
        self.entries: list[tuple[int, float, StoredEntry]] = []
        self.end: StoredSpan | None = None
        """The run's span, once its end was told."""
        self._next = number
        """The number of the next one; 0 if any may be the first."""

    def add(self, entries: list[StoredEntry]) -> None:
        """Put entries into their order."""
        now = time.monotonic()
        self.entries += [(entry["seq"], now, entry) for entry in entries]
        self.entries.sort(key=lambda waiting: waiting[0])

    def release(self, ready: list[StoredEntry]) -> None:
        """Put those whose turn it is into `ready`."""
        late, old = time.monotonic() - GRACE, time.time_ns() - OLD_NS
        count = 0
        for seq, came, entry in self.entries:
            if seq > self._next > 0 and came > late and entry["time_ns"] > old:
                break
            self._next = max(self._next, seq + 1)
            ready.append(entry)
            count += 1
            span = entry["span"]
            if entry["kind"] == "end" and names.NESTED not in span["attributes"] and is_run(span):
                self.end = span
        del self.entries[:count]


def is_run(span: StoredSpan) -> bool:
    """Say whether a span is that of a run."""
    return span["attributes"].get(names.OPERATION) in (names.RUN_SPAN, names.AGENT_SPAN)


def entries_of(span: StoredSpan, body: dict[str, Any]) -> list[StoredEntry]:
    """Add a piece to what is known of its span, and return what it tells."""
    add_piece(span, body)
    told = body.get("attributes", {})
    entries: list[StoredEntry] = []
    if "start_ns" in body:
        seq = told.get(names.SEQ, 0)
        entries.append(
            {
                "kind": "start",
                "seq": seq,
                "time_ns": body["start_ns"],
                "name": span["name"],
                "attributes": told,
                "span": span,
            }
        )
    for kind in KINDS:
        for each in body.get(KEYS[kind], ()):
            attributes = each["attributes"]
            entries.append(
                {
                    "kind": kind,
                    "seq": attributes.get(names.SEQ, 0),
                    "time_ns": each["time_ns"],
                    "name": each["name"],
                    "attributes": attributes,
                    "span": span,
                }
            )
    if "end_ns" in body:
        attributes = span["attributes"]
        seq = attributes.get(names.END_SEQ, 0)
        entries.append(
            {
                "kind": "end",
                "seq": seq,
                "time_ns": body["end_ns"],
                "name": span["name"],
                "attributes": attributes,
                "span": span,
            }
        )
    return entries


KINDS: Final[tuple[Literal["event", "live"], ...]] = ("event", "live")
KEYS: Final = {"event": "events", "live": "live"}
