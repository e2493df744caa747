"""
Writer: puts pieces of spans into the file, each batch in one transaction.

Rule: a batch is in the file as a whole or not at all. A writer is used by one thread at a time and by the process that
opened it, and says by exceptions what it could not do.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from otgraph.tracing import names
from otgraph_exporters.trace_store.alive import myself
from otgraph_exporters.trace_store.file import open_for_writing
from otgraph_exporters.trace_store.pieces import as_text

__all__ = ["Piece", "Writer"]

RUNS = (names.RUN_SPAN, names.AGENT_SPAN)


class Piece:
    """
    Something that became known of a span.

    Args:
        attributes: all that the span has by now.
        body: what is new.
    """

    __slots__ = ("attributes", "body", "run_id", "span_id", "trace_id")

    def __init__(self, context: Any, attributes: Any, body: dict[str, Any]) -> None:
        self.trace_id = f"{context.trace_id:032x}"
        self.span_id = f"{context.span_id:016x}"
        self.run_id: str | None = attributes.get(names.RUN_ID)
        self.attributes = attributes
        self.body = body

    @property
    def is_run(self) -> bool:
        """Whether the span is that of a root run."""
        told = self.attributes
        return self.run_id is not None and told.get(names.OPERATION) in RUNS and names.NESTED not in told


class Writer:
    """
    Args:
        path: of the file; it is made when something is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = 0
        """About how many bytes this writer has put there."""
        self._connection: Connection | None = None
        self._process = 0

    def write(self, pieces: Iterable[Piece], resource: Any = None) -> None:
        """Put pieces into the file."""
        with self._transaction() as connection:
            process = self._enrol(connection, resource)
            rows = []
            for piece in pieces:
                text = as_text(piece.body)
                self.written += len(text)
                rows.append((piece.trace_id, piece.span_id, piece.run_id, process, text))
                if piece.is_run:
                    self._write_run(connection, piece)
            connection.executemany(
                "INSERT INTO pieces (trace_id, span_id, run_id, process, body) VALUES (?, ?, ?, ?, ?)", rows
            )

    def beat(self, lost: int) -> None:
        """Leave a sign of life, and how many spans were lost so far."""
        with self._transaction() as connection:
            process = self._enrol(connection, None)
            connection.execute(
                "UPDATE processes SET beat_ns = ?, lost = ? WHERE id = ?", (time.time_ns(), lost, process)
            )

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def forget(self) -> None:
        """Begin anew in a process that was forked: who wrote so far is another one."""
        self._process = 0

    def connection(self) -> Connection:
        """Return the connection, which is opened if it is not."""
        if self._connection is None:
            self._connection = open_for_writing(self.path)
        return self._connection

    def _transaction(self) -> _Transaction:
        return _Transaction(self)

    def _enrol(self, connection: Connection, resource: Any) -> int:
        """Return the number of this process in the file."""
        if not self._process:
            who, now = myself(), time.time_ns()
            text = None if resource is None else as_text(dict(resource.attributes))
            self._process = connection.execute(
                "INSERT INTO processes (host, space, pid, birth, opened_ns, beat_ns, resource)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*who, now, now, text),
            ).lastrowid  # type: ignore[assignment]
        return self._process

    def _write_run(self, connection: Connection, piece: Piece) -> None:
        told, body = piece.attributes, piece.body
        # Content stays in one place.
        shown = {key: value for key, value in told.items() if key not in HIDDEN}
        if "start_ns" in body:
            connection.execute(
                "INSERT OR IGNORE INTO runs"
                " (trace_id, span_id, run_id, process, workflow, thread_id, start_ns, attributes)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    piece.trace_id,
                    piece.span_id,
                    piece.run_id,
                    self._process,
                    told.get(names.WORKFLOW, ""),
                    told.get(names.CONVERSATION),
                    body["start_ns"],
                    as_text(shown),
                ),
            )
        if "end_ns" in body:
            connection.execute(
                "UPDATE runs SET end_ns = ?, outcome = ?, error_type = ?, attributes = ?"
                " WHERE trace_id = ? AND span_id = ?",
                (
                    body["end_ns"],
                    told.get(names.OUTCOME),
                    told.get(names.ERROR_TYPE),
                    as_text(shown),
                    piece.trace_id,
                    piece.span_id,
                ),
            )


HIDDEN = (names.PAYLOAD, names.TRUNCATED, names.STREAM_KEYS, names.OUTPUT_KEYS)


class _Transaction:
    """One that is rolled back where something goes wrong in it."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._connection = writer.connection()
        self._process = writer._process

    def __enter__(self) -> Connection:
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            try:
                self._connection.execute("COMMIT")
                return
            except BaseException:
                self._roll_back()
                raise
        self._roll_back()

    def _roll_back(self) -> None:
        self._writer._process = self._process
        # A full disk has rolled it back already.
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
