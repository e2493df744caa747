"""
One connection to an SQLite file that many threads use in turn, beside other processes with connections of theirs.

Rule: a transaction that will write says so at its start. Then it waits its turn for as long as the busy timeout,
where one that began by reading would fail at once.
"""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any, Final

from otgraph.checkpoint.sqlite import statements

__all__ = ["Database"]

BUSY_TIMEOUT = 30.0
"""Seconds that a statement waits for other connections by default."""

_LEFT_ALONE = ("memory", "off", "wal")
"""Journal modes that are not changed."""


class Database:
    """
    The tables of a saver.

    Args:
        connection: opened with `check_same_thread=False` if several threads will use it; None if it comes later.
        busy_timeout: seconds to wait for other connections; None leaves the connection as it is.
    """

    def __init__(self, connection: sqlite3.Connection | None, busy_timeout: float | None) -> None:
        self.connection = connection
        self.lock = RLock()
        self.is_setup = False
        self.reopen: Callable[[], sqlite3.Connection] | None = None
        """Opens the connection again, where it is the saver's own; one that a caller gave is as the caller chose."""
        self._busy_timeout = busy_timeout
        self._process = os.getpid()
        self._held = False
        """Whether the lock was taken for a fork."""
        DATABASES.add(self)

    def row_and_more(
        self, one: str, values: tuple[Any, ...], more: str, key: Callable[[Any], tuple[Any, ...]]
    ) -> tuple[Any, list[Any]] | None:
        """
        Return the row that a statement finds, and the rows that another one finds for it, of one state of the file.

        It is how every run begins, so the second statement is asked, in a transaction, only where the last column of
        the row says that there is more.
        """
        with self.lock:
            self.setup()
            cursor = _cursor(self.opened())
            try:
                row = cursor.execute(one, values).fetchone()
            finally:
                cursor.close()
            if row is None:
                return None
            if not row[-1]:
                return row, []
            with self.reading() as cursor:
                row = cursor.execute(one, values).fetchone()
                return None if row is None else (row, cursor.execute(more, key(row)).fetchall())

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Cursor]:
        """Give a cursor all of whose statements see the same state of the file."""
        with self.lock:
            self.setup()
            with self._transaction("BEGIN") as cursor:
                yield cursor

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Cursor]:
        """Give a cursor whose changes are kept together at the end, or not at all if an exception leaves."""
        with self.lock:
            self.setup()
            with self._transaction(_WRITING) as cursor:
                yield cursor

    def check_process(self) -> None:
        """
        See to it that we are where the connection was opened.

        Raises:
            RuntimeError: we are in a child.
        """
        if os.getpid() != self._process:
            raise RuntimeError(
                f"this SQLite connection was opened in process {self._process} and cannot be used in its child "
                f"{os.getpid()}: open a saver in each process"
            )

    def setup(self) -> None:
        """
        Prepare connection and tables; done on the first use.

        Raises:
            ValueError: if the file is no SQLite database.
        """
        self.check_process()
        with self.lock:
            if self.is_setup:
                return
            try:
                self._prepare()
            except sqlite3.DatabaseError as error:
                if "not a database" not in str(error):
                    raise
                raise ValueError(f"cannot keep checkpoints in {self._file()!r}: {error}") from error
            self.is_setup = True

    def _prepare(self) -> None:
        connection = self.opened()
        cursor = _cursor(connection)
        if self._busy_timeout is not None:
            cursor.execute(f"PRAGMA busy_timeout = {int(self._busy_timeout * 1000)}")
        if self.reopen is not None:
            # SQLite may have been built to do with less: then a loss of power may undo a commit.
            cursor.execute("PRAGMA synchronous = FULL")
        mode = cursor.execute("PRAGMA journal_mode").fetchone()[0]
        if mode not in _LEFT_ALONE and not connection.in_transaction:
            self._switch_to_wal(cursor)
        if not _has_tables(cursor):
            with self._transaction(_WRITING):
                for statement in statements.CREATE:
                    cursor.execute(statement)
                if not _has_tables(cursor):
                    cursor.execute(statements.ADD_TASK_PATH)
        cursor.close()

    def _switch_to_wal(self, cursor: sqlite3.Cursor) -> None:
        """Change the journal, which SQLite refuses without waiting while another connection does the same."""
        for attempt in range(_ATTEMPTS):
            try:
                cursor.execute("PRAGMA journal_mode = WAL").fetchone()
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or attempt == _ATTEMPTS - 1:
                    raise
            with self._transaction(_WRITING):
                pass  # waits until the other one is done

    def close(self) -> None:
        """Close the connection, for good."""
        with self.lock:
            self.reopen = None
            if self.connection is not None:
                self.connection.close()

    def opened(self) -> sqlite3.Connection:
        """Return the connection."""
        if self.connection is None and self.reopen is not None:
            self.connection = self.reopen()
        if self.connection is None:
            raise RuntimeError(
                "the aiosqlite connection is not open yet; await one of the saver's methods first"
            )
        return self.connection

    def _file(self) -> str:
        try:
            return str(self.opened().execute("PRAGMA database_list").fetchone()[2])
        except sqlite3.DatabaseError:
            return "this file"

    # ---- forks: SQLite's locks are the process's, so a child must not inherit an open connection

    def before_fork(self) -> None:
        """Wait until a transaction in progress is over, and let go of the file."""
        self._held = self.lock.acquire(timeout=_PATIENCE)
        connection = self.connection
        if not self._held or self.reopen is None or connection is None:
            return
        if not connection.in_transaction and self._file():
            connection.close()
            self.connection, self.is_setup = None, False

    def after_fork_here(self) -> None:
        """Go on; the connection is opened again when it is needed."""
        if self._held:
            self.lock.release()

    def after_fork_there(self) -> None:
        """Have no thread of the parent keep the child from hearing that it needs a saver of its own."""
        self.lock = RLock()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Cursor]:
        connection = self.opened()
        # A connection that is not ours alone may be in the middle of its owner's transaction.
        inside = connection.in_transaction
        cursor = _cursor(connection)
        cursor.execute("SAVEPOINT otgraph" if inside else begin)
        try:
            yield cursor
            if connection.in_transaction:
                cursor.execute("RELEASE otgraph" if inside else "COMMIT")
                if inside and begin == _WRITING:
                    connection.commit()
        except BaseException:
            if connection.in_transaction:
                for statement in _UNDO_INSIDE if inside else ("ROLLBACK",):
                    cursor.execute(statement)
            raise
        finally:
            cursor.close()


DATABASES: Final[weakref.WeakSet[Database]] = weakref.WeakSet()


def _each(hook: Callable[[Database], None]) -> Callable[[], None]:
    def call() -> None:
        # In one order, so that two threads that fork do not wait for each other.
        for database in sorted(DATABASES, key=id):
            hook(database)

    return call


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_each(Database.before_fork),
        after_in_parent=_each(Database.after_fork_here),
        after_in_child=_each(Database.after_fork_there),
    )


def _cursor(connection: sqlite3.Connection) -> sqlite3.Cursor:
    cursor = connection.cursor()
    cursor.row_factory = None  # rows are tuples here, whatever the connection's owner wants for himself
    return cursor


def _has_tables(cursor: sqlite3.Cursor) -> bool:
    return ("task_path",) in cursor.execute(statements.COLUMNS_OF_WRITES).fetchall()


_PATIENCE = 5.0
"""Seconds that a fork waits for a transaction."""
_ATTEMPTS = 50
_WRITING = "BEGIN IMMEDIATE"
_UNDO_INSIDE = ("ROLLBACK TO otgraph", "RELEASE otgraph")
