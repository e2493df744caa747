"""
The operations of a store, in SQL: what one batch does with a cursor.

Rule: nothing here waits, embeds or commits. Filters are checked by the same code as in memory, so that a search
finds the same items wherever they are kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from sqlite3 import Cursor
from typing import Any, Final, TypeAlias

from otgraph.store.base.filters import read_filter
from otgraph.store.base.index import Vectors
from otgraph.store.base.item import Item, SearchItem
from otgraph.store.base.namespaces import list_page
from otgraph.store.base.ops import (
    GetOp,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchOp,
    last_puts,
    unknown_op,
)
from otgraph.store.base.vectors import best_scores
from otgraph.store.sqlite.prefilter import prefilter
from otgraph.store.sqlite.tables import (
    decode_namespace,
    decode_time,
    encode_namespace,
    encode_time,
    encode_value,
    under,
)

__all__ = ["Operations", "Reader", "delete_expired"]

Row: TypeAlias = tuple[Any, ...]
Reader: TypeAlias = Callable[[Any], dict[str, Any]]
"""JSON text, or its bytes -> value."""

_COLUMNS: Final = "prefix, key, value, created_at, updated_at, ttl_minutes"


@dataclass(slots=True)
class Operations:
    """One batch: its operations, and what has to be known to perform them."""

    ops: Sequence[Op]
    vectors: Vectors
    now: float
    """Seconds since 1970."""
    omit_expired: bool = False
    read_value: Reader = json.loads
    values: dict[tuple[tuple[str, ...], str], str] = field(init=False)
    """The JSON of the items that are put; what JSON cannot hold is known before the transaction begins."""
    refreshed: list[tuple[str, str, float]] = field(default_factory=list)
    """Prefix, key and minutes of the items that were read and live their time anew."""

    def __post_init__(self) -> None:
        self.values = {
            place: encode_value(op.value) for place, op in last_puts(self.ops).items() if op.value is not None
        }

    @property
    def writes(self) -> bool:
        """Whether the batch holds a put."""
        return any(isinstance(op, PutOp) for op in self.ops)

    def perform(self, cursor: Cursor) -> list[Result]:
        """Perform the reads, then the puts, and return the results."""
        results = [self._result(cursor, op) for op in self.ops]
        for op in last_puts(self.ops).values():
            self._put(cursor, op)
        return results

    def refresh(self, cursor: Cursor) -> None:
        """Let what was read live its time anew, unless it was put again meanwhile with another."""
        cursor.executemany(
            "UPDATE store SET expires_at = ? WHERE prefix = ? AND key = ? AND ttl_minutes = ?",
            [
                (encode_time(self.now + 60 * minutes), prefix, key, minutes)
                for prefix, key, minutes in self.refreshed
            ],
        )

    def _result(self, cursor: Cursor, op: Op) -> Result:
        if isinstance(op, GetOp):
            return self._get(cursor, op)
        if isinstance(op, SearchOp):
            query = self.vectors.queries.get(op.query) if op.query else None
            rows = self._matching(cursor, op) if query is None else self._nearest(cursor, op, query)
            return [self._found(row, score, op.refresh_ttl) for row, score in rows]
        if isinstance(op, ListNamespacesOp):
            alive, parameters = self._alive()
            cursor.execute(f"SELECT DISTINCT prefix FROM store WHERE {alive}", parameters)
            return list_page([decode_namespace(text) for (text,) in cursor], op)
        if isinstance(op, PutOp):
            return None
        raise unknown_op(op)

    def _alive(self) -> tuple[str, tuple[str, ...]]:
        if not self.omit_expired:
            return "1", ()
        return "(expires_at IS NULL OR expires_at > ?)", (encode_time(self.now),)

    def _get(self, cursor: Cursor, op: GetOp) -> Item | None:
        alive, parameters = self._alive()
        row = cursor.execute(
            f"SELECT {_COLUMNS} FROM store WHERE prefix = ? AND key = ? AND {alive}",
            (encode_namespace(op.namespace), op.key, *parameters),
        ).fetchone()
        if row is None:
            return None
        self._note_read(row, op.refresh_ttl)
        return Item(
            namespace=op.namespace,
            key=op.key,
            value=self.read_value(row[2]),
            created_at=decode_time(row[3]),
            updated_at=decode_time(row[4]),
        )

    def _matching(self, cursor: Cursor, op: SearchOp) -> list[tuple[Row, None]]:
        """Return a page of the items that were put last."""
        begin, end = op.offset, op.offset + op.limit
        if begin < 0 or end < begin:
            return [(row, None) for row in list(self._rows(cursor, op))[begin:end]]
        return [(row, None) for row in islice(self._rows(cursor, op, end), begin, end)]

    def _nearest(self, cursor: Cursor, op: SearchOp, query: bytes) -> list[tuple[Row, float]]:
        """Return a page of the items whose texts are nearest to a query."""
        rows = list(self._rows(cursor, op))
        vectors: dict[tuple[str, str], list[bytes]] = {}
        below, place = under(op.namespace_prefix, "store_vectors")
        cursor.execute(f"SELECT prefix, key, embedding FROM store_vectors WHERE {below}", place)
        for prefix, key, vector in cursor:
            vectors.setdefault((prefix, key), []).append(vector)
        found = [(row, vectors[row[:2]]) for row in rows if row[:2] in vectors]
        scores = best_scores(query, [group for _, group in found])
        ranked = sorted(zip(scores, found, strict=True), key=itemgetter(0), reverse=True)
        return [(row, score) for score, (row, _) in ranked[op.offset : op.offset + op.limit]]

    def _rows(self, cursor: Cursor, op: SearchOp, enough: int = -1) -> Iterator[Row]:
        """Return the rows of the items that match, or the first so many, those put last first."""
        below, place = under(op.namespace_prefix, "store")
        alive, time = self._alive()
        matches = read_filter(op.filter, dotted=True)
        possible, operands = prefilter(op.filter)
        cursor.execute(
            f"SELECT {_COLUMNS} FROM store WHERE {below} AND {alive} AND {possible} "
            f"ORDER BY updated_at DESC, prefix, key LIMIT ?",
            (*place, *time, *operands, -1 if matches else enough),
        )
        if matches is None:
            return cursor
        return (row for row in cursor if matches(self.read_value(row[2])))

    def _found(self, row: Row, score: float | None, refresh: bool) -> SearchItem:
        self._note_read(row, refresh)
        return SearchItem(
            decode_namespace(row[0]),
            row[1],
            self.read_value(row[2]),
            decode_time(row[3]),
            decode_time(row[4]),
            score,
        )

    def _note_read(self, row: Row, refresh: bool) -> None:
        if refresh and row[5] is not None:
            self.refreshed.append((row[0], row[1], row[5]))

    def _put(self, cursor: Cursor, op: PutOp) -> None:
        place = (encode_namespace(op.namespace), op.key)
        cursor.execute("DELETE FROM store_vectors WHERE prefix = ? AND key = ?", place)
        if op.value is None:
            cursor.execute("DELETE FROM store WHERE prefix = ? AND key = ?", place)
            return
        now = encode_time(self.now)
        expiry = None if op.ttl is None else encode_time(self.now + 60 * op.ttl)
        cursor.execute(
            "INSERT INTO store (prefix, key, value, created_at, updated_at, expires_at, ttl_minutes) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (prefix, key) DO UPDATE SET value = excluded.value, "
            "updated_at = excluded.updated_at, expires_at = excluded.expires_at, "
            "ttl_minutes = excluded.ttl_minutes",
            (*place, self.values[op.namespace, op.key], now, now, expiry, op.ttl),
        )
        cursor.executemany(
            "INSERT INTO store_vectors (prefix, key, field_name, embedding) VALUES (?, ?, ?, ?)",
            [
                (*place, name, vector)
                for name, vector in self.vectors.documents.get((op.namespace, op.key), ())
            ],
        )


def delete_expired(cursor: Cursor, now: float) -> int:
    """Delete the items whose time is over and return how many there were."""
    time = (encode_time(now),)
    cursor.execute(
        "DELETE FROM store_vectors WHERE EXISTS (SELECT 1 FROM store WHERE store.prefix = store_vectors.prefix "
        "AND store.key = store_vectors.key AND store.expires_at < ?)",
        time,
    )
    return cursor.execute("DELETE FROM store WHERE expires_at < ?", time).rowcount
