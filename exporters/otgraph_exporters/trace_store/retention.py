"""
Retention: which traces are deleted, and when.

Rule: whole traces, the oldest first; never one in which a run is going on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from sqlite3 import Connection
from typing import Final

from otgraph_exporters.trace_store.alive import Identity, is_alive

__all__ = ["Retention", "collect", "delete_traces", "living"]

SIZE_VARIABLE: Final = "OTGRAPH_TRACE_STORE_MAX_BYTES"


@dataclass(frozen=True)
class Retention:
    """How much a trace store keeps; None for no limit of that kind."""

    max_age: timedelta | None = None
    """Of a trace, counted from its last run's start."""
    max_runs: int | None = None
    max_bytes: int | None = None
    """Of the file, about."""

    @classmethod
    def default(cls) -> Retention:
        """Return what a store keeps if nobody says otherwise: the newest GiB, or `OTGRAPH_TRACE_STORE_MAX_BYTES`."""
        text = os.environ.get(SIZE_VARIABLE, "")
        try:
            return cls(max_bytes=int(text) if text else 1 << 30)
        except ValueError:
            raise ValueError(f"{SIZE_VARIABLE} must be a number of bytes, not {text!r}") from None


def living(connection: Connection) -> set[int]:
    """Return the numbers of the processes that write to the store and are still there."""
    now = time.time_ns()
    rows = connection.execute("SELECT id, host, space, pid, birth, beat_ns FROM processes").fetchall()
    return {row[0] for row in rows if is_alive(Identity(*row[1:5]), row[5], now)}


def collect(connection: Connection, retention: Retention) -> int:
    """Delete what is too old or too much; return how many traces that was."""
    doomed: list[str] = []
    candidates = _oldest_first(connection)
    if retention.max_age is not None:
        limit = time.time_ns() - int(retention.max_age.total_seconds() * 1e9)
        doomed += [trace for trace, start_ns, _ in candidates if start_ns < limit]
    if retention.max_runs is not None:
        over = connection.execute("SELECT count(*) FROM runs").fetchone()[0] - retention.max_runs
        for trace, _, runs in candidates:
            if over <= 0:
                break
            doomed.append(trace)
            over -= runs
    deleted = delete_traces(connection, dict.fromkeys(doomed))
    if retention.max_bytes is not None:
        gone = set(doomed)
        left = [trace for trace, _, _ in candidates if trace not in gone]
        deleted += _shrink(connection, retention.max_bytes, left)
    return deleted


def _oldest_first(connection: Connection) -> list[tuple[str, int, int]]:
    """Return the traces in which nothing goes on: their id, the start of their last run, how many runs they have."""
    here = living(connection)
    rows = connection.execute(
        "SELECT trace_id, start_ns, end_ns, process FROM runs ORDER BY start_ns"
    ).fetchall()
    busy = {trace for trace, _, end_ns, process in rows if end_ns is None and process in here}
    found: dict[str, tuple[int, int]] = {}
    for trace, start_ns, _, _ in rows:
        if trace not in busy:
            found[trace] = (start_ns, found.get(trace, (0, 0))[1] + 1)
    # Traces of others, in which no run is: of when they are tells only where they stand in the file.
    strangers = connection.execute(
        "SELECT trace_id, min(at), json_extract(body, '$.start_ns') FROM pieces"
        " WHERE trace_id NOT IN (SELECT trace_id FROM runs) GROUP BY trace_id"
    ).fetchall()
    found.update({trace: (start_ns or 0, 0) for trace, _, start_ns in strangers})
    return sorted(((trace, *told) for trace, told in found.items()), key=lambda row: row[1])


def _shrink(connection: Connection, most: int, candidates: list[str]) -> int:
    """Delete the oldest traces until the file has no more than `most` bytes, a tenth at a time."""
    deleted = 0
    while candidates and _used_bytes(connection) > most:
        count = max(1, len(candidates) // 10)
        deleted += delete_traces(connection, candidates[:count])
        del candidates[:count]
    return deleted


def _used_bytes(connection: Connection) -> int:
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def delete_traces(connection: Connection, traces: Iterable[str]) -> int:
    """Delete traces with all that belongs to them, and give their room back; return how many there were."""
    rows = [(trace,) for trace in traces]
    if not rows:
        return 0
    connection.execute("BEGIN IMMEDIATE")
    try:
        for table in ("pieces", "runs"):
            connection.executemany(f"DELETE FROM {table} WHERE trace_id = ?", rows)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    # As a script, for each page is a row without columns, and `execute` would stop after the first.
    connection.executescript("PRAGMA incremental_vacuum")
    return len(rows)
