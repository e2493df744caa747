"""
The file of a trace store: where it is, what is in it, and how it is opened.

Rule: whoever opens the file gets it with its tables in place, or a `TraceStoreError` that says what to do.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

__all__ = ["VARIABLE", "TraceStoreError", "default_path", "open_for_reading", "open_for_writing"]

VARIABLE: Final = "OTGRAPH_TRACE_STORE"
"""The environment variable that says where the trace store is."""

FOLDER: Final = ".otgraph"

APPLICATION: Final = 0x6F746772
"""The `application_id` of the file: `otgr`."""

VERSION: Final = 1
"""Of the tables."""

PATIENCE: Final = 10.0
"""Seconds that a connection waits for another one that writes."""

TURNS: Final = 200
"""How often it tries what SQLite does not wait for."""

TABLES: Final = """
CREATE TABLE processes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host TEXT NOT NULL,
    space TEXT NOT NULL,
    pid INTEGER NOT NULL,
    birth TEXT NOT NULL,
    opened_ns INTEGER NOT NULL,
    beat_ns INTEGER NOT NULL,
    lost INTEGER NOT NULL DEFAULT 0,
    resource TEXT
);
CREATE TABLE runs (
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    process INTEGER NOT NULL,
    workflow TEXT NOT NULL,
    thread_id TEXT,
    start_ns INTEGER NOT NULL,
    end_ns INTEGER,
    outcome TEXT,
    error_type TEXT,
    attributes TEXT NOT NULL,
    PRIMARY KEY (trace_id, span_id)
) WITHOUT ROWID;
CREATE INDEX runs_by_start ON runs (start_ns);
CREATE INDEX runs_by_id ON runs (run_id);
CREATE INDEX runs_by_thread ON runs (thread_id, start_ns) WHERE thread_id IS NOT NULL;
CREATE TABLE pieces (
    at INTEGER PRIMARY KEY AUTOINCREMENT,
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    run_id TEXT,
    process INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX pieces_by_trace ON pieces (trace_id);
"""
"""
A span is the sum of its pieces: what is known at its start, events in between, what is added at its end. A number
`at` is given once and grows with each transaction, so that a reader finds what is new.
"""


class TraceStoreError(Exception):
    """The file of a trace store cannot be used; the message says why, and what to do."""


def default_path() -> Path:
    """Return where the trace store is if nobody says otherwise: `OTGRAPH_TRACE_STORE`, or `.otgraph/traces.db` here."""
    return Path(os.environ.get(VARIABLE) or Path(FOLDER) / "traces.db")


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Return a connection to the file at `path`, which is made if there is none."""
    _make_folder(path.parent)
    try:
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise TraceStoreError(f"the trace store {path} cannot be opened: {error}") from error
    try:
        _check(connection, path)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA journal_size_limit = 16777216")
    except BaseException:
        connection.close()
        raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Return a connection to the file at `path` that changes nothing in it; deletions go by `open_for_writing`."""
    if not path.is_file():
        raise TraceStoreError(
            f"there is no trace store at {path}: run something that writes one, with TraceStoreProcessor or "
            f"OTEL_TRACES_EXPORTER=otgraph_sqlite, or say where it is by {VARIABLE}"
        )
    connection = None
    try:
        # Not "ro": a reader of a file in WAL mode has to keep the index of the log.
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=rw",
            timeout=PATIENCE,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
        )
        _check(connection, path)
        connection.execute("PRAGMA query_only = ON")
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.Error):
            raise TraceStoreError(f"the trace store {path} cannot be read: {error}") from error
        raise
    return connection


def _make_folder(folder: Path) -> None:
    if folder.name == FOLDER and not folder.exists():
        folder.mkdir(parents=True)
        # Traces may have content, and belong to nobody's repository.
        (folder / ".gitignore").write_text("*\n")
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TraceStoreError(f"the folder of the trace store {folder} cannot be made: {error}") from error


def _check(connection: sqlite3.Connection, path: Path) -> None:
    try:
        # The tables first: whoever makes them writes the ids in the same transaction.
        tables = connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        application, version = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        if application == 0 and not tables:
            _lay_out(connection)
            return
    except sqlite3.DatabaseError as error:
        if type(error) is sqlite3.DatabaseError:
            raise TraceStoreError(f"{path} is no trace store: {error}; give another path") from error
        raise
    if application != APPLICATION:
        raise TraceStoreError(f"{path} is a database, but no trace store; give another path")
    if version != VERSION:
        raise TraceStoreError(
            f"the trace store {path} has tables of version {version}, and this release knows version {VERSION}; "
            "delete the file, or use the release that wrote it"
        )


def _lay_out(connection: sqlite3.Connection) -> None:
    """Make the tables, unless another process has just done so."""
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    for turn in range(TURNS):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError:
            # Another process does the same, and SQLite does not wait for that.
            if turn == TURNS - 1:
                raise
            time.sleep(PATIENCE / TURNS)
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            for statement in TABLES.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
