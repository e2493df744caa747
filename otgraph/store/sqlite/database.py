"""
A SQLite file as several threads and processes share it: one connection, one transaction at a time.

Rule: whoever writes says so at the start (`BEGIN IMMEDIATE`) and waits there, never in the middle, where SQLite
would refuse instead of waiting. Readers never wait for writers of other processes (write-ahead log).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Final

__all__ = ["Database"]

PATIENCE: Final = 30.0
"""Seconds that a transaction waits for those of other processes."""
ATTEMPTS: Final = 100


class Database:
    """One connection and the lock under which it is used."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.lock = RLock()

    @classmethod
    def open(cls, target: str) -> Database:
        """Open a file, a `file:` address, or `:memory:`."""
        connection = sqlite3.connect(
            target,
            timeout=PATIENCE,
            isolation_level=None,
            check_same_thread=False,
            uri=target.startswith("file:"),
        )
        return cls(connection)

    def use_log(self) -> None:
        """Switch the file to a write-ahead log, unless it has one, is no file, or is in a transaction."""
        if self.connection.in_transaction:
            return
        for _ in range(ATTEMPTS):
            try:
                self.connection.execute("PRAGMA journal_mode=WAL").fetchone()
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
                # For this one switch SQLite does not wait by itself, but it does for a transaction.
                with self.write():
                    pass
            else:
                return
        raise sqlite3.OperationalError(
            "the file stayed locked by others while its journal was to be switched"
        )

    @contextmanager
    def read(self) -> Iterator[sqlite3.Cursor]:
        """Give a cursor for statements that all see the file as it is at the first of them."""
        with self._transaction("BEGIN") as cursor:
            yield cursor

    @contextmanager
    def write(self) -> Iterator[sqlite3.Cursor]:
        """Give a cursor for statements that happen all or not at all."""
        with self._transaction("BEGIN IMMEDIATE") as cursor:
            yield cursor

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Cursor]:
        with self.lock:
            cursor = self.connection.cursor()
            cursor.row_factory = None
            # A user's connection may be in a transaction of the user's, to be ended by the user.
            nested = self.connection.in_transaction
            cursor.execute("SAVEPOINT otgraph" if nested else begin)
            try:
                yield cursor
            except BaseException:
                # A full disk has SQLite roll back by itself.
                if self.connection.in_transaction:
                    cursor.execute("ROLLBACK TO otgraph" if nested else "ROLLBACK")
                raise
            else:
                cursor.execute("RELEASE otgraph" if nested else "COMMIT")
            finally:
                cursor.close()

    def close(self) -> None:
        """Close the connection, once whoever uses it is done."""
        with self.lock:
            self.connection.close()
