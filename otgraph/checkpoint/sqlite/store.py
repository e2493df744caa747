"""
What an SQLite saver does, as plain calls; whose thread makes them is the business of the savers.

Rule: values are turned into bytes before a transaction begins, so that what cannot be stored changes nothing,
and a row that cannot be read is named and left as it is.
"""

from __future__ import annotations

import builtins
import json
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from otgraph.checkpoint.base import BaseCheckpointSaver
from otgraph.checkpoint.history import HistoryWalk
from otgraph.checkpoint.records import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    PendingWrite,
    dumped_writes,
    get_checkpoint_id,
    get_checkpoint_metadata,
    named_checkpoint,
    place_of,
    saved_config,
)
from otgraph.checkpoint.retention import Entry, Retention, check_strategy, doomed
from otgraph.checkpoint.selection import Selection
from otgraph.checkpoint.serde.base import SerializerProtocol
from otgraph.checkpoint.sqlite import statements
from otgraph.checkpoint.sqlite.database import Database
from otgraph.checkpoint.versions import next_version
from otgraph.run_config import RunnableConfig

__all__ = ["Place", "SqliteStore"]

Place = tuple[str, str, str]
"""Thread, namespace and checkpoint id."""

PAGE = 64
"""How many rows a listing reads before it lets others have the connection."""


class SqliteStore(BaseCheckpointSaver[str]):
    """
    The synchronous half of both SQLite savers.

    Args:
        database: the tables.
        serde: turns values into bytes.
        retention: what is kept.
    """

    def __init__(self, database: Database, serde: SerializerProtocol | None, retention: Retention) -> None:
        super().__init__(serde=serde)
        self._database = database
        self._retention = retention
        self._searched = 0.0

    @property
    def lock(self) -> Any:
        """Held while the connection is in use."""
        return self._database.lock

    @property
    def is_setup(self) -> bool:
        """Whether connection and tables were prepared."""
        return self._database.is_setup

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the checkpoint that `config` names with all that belongs to it, or None."""
        thread, ns = place_of(config)
        named = get_checkpoint_id(config)
        one, values = (statements.THAT, (thread, ns, named)) if named else (statements.LATEST, (thread, ns))
        found = self._database.row_and_more(one, values, statements.WRITES, lambda row: (thread, ns, row[0]))
        if found is None:
            return None
        row, writes = found
        checkpoint = self._tuple((thread, ns, row[0]), row[1:-1], writes)
        return checkpoint._replace(config=config) if named else checkpoint

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """
        Yield checkpoints, the newest first; see `BaseCheckpointSaver.list`.

        They are read a page at a time, so others can use the store while the caller looks at one.
        """
        listing = Listing(self, Selection.of(config, filter, before, limit))
        while not listing.done:
            yield from listing.next_page()

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint and return the config that names it; see `BaseCheckpointSaver.put`."""
        thread, ns = place_of(config)
        kind, payload = self.serde.dumps_typed(checkpoint)
        described = json.dumps(get_checkpoint_metadata(config, metadata), ensure_ascii=False)
        stored = described.encode("utf-8", "ignore")
        row = (thread, ns, checkpoint["id"], get_checkpoint_id(config), kind, payload, stored)
        with self._database.writing() as cursor:
            cursor.execute(statements.PUT, row)
            self._retain(cursor, thread, ns)
        named = _config(config["configurable"]["thread_id"], ns, checkpoint["id"])
        return saved_config(named, len(payload) + len(stored))

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a task wrote; see `BaseCheckpointSaver.put_writes`."""
        key = (*place_of(config), named_checkpoint(config), task_id, task_path)
        rows = [(*key, idx, channel, *value) for idx, channel, value in dumped_writes(self.serde, writes)]
        with self._database.writing() as cursor:
            for row in rows:
                cursor.execute(statements.REPLACE_WRITE if row[5] < 0 else statements.KEEP_WRITE, row)

    def delete_thread(self, thread_id: str) -> None:
        """Forget a thread: all its checkpoints and writes in all namespaces."""
        with self._database.writing() as cursor:
            _delete_thread(cursor, thread_id)

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Forget the checkpoints whose metadata has one of these `run_id`s, with their writes."""
        runs = {str(run) for run in run_ids}
        with self._database.writing() as cursor:
            rows = cursor.execute(statements.OF_RUNS, (json.dumps(sorted(runs)),)).fetchall()
            _delete(cursor, [row[:3] for row in rows if _run_of(row[3]) in runs])

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Give another thread a copy of all checkpoints and writes, under the same checkpoint ids."""
        with self._database.writing() as cursor:
            for statement in statements.COPIES:
                cursor.execute(statement, (str(target_thread_id), str(source_thread_id)))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Shorten the history of threads; see `BaseCheckpointSaver.prune`."""
        check_strategy(strategy)
        with self._database.writing() as cursor:
            for thread in map(str, thread_ids):
                if strategy == "delete":
                    _delete_thread(cursor, thread)
                else:
                    gone = doomed(_entries(cursor, thread), keep_last=1, orphans=False)
                    _delete(cursor, [(thread, *place) for place in gone])

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """Return from what the values of `channels` can be rebuilt; reads no writes to other channels."""
        thread, ns = place_of(config)
        walk = HistoryWalk(channels)
        with self._database.reading() as cursor:
            start = get_checkpoint_id(config) or cursor.execute(statements.NEWEST, (thread, ns)).fetchone()[0]
            row = cursor.execute(statements.ONE, (thread, ns, start)).fetchone()
            met: set[str] = set()
            while walk.open and row and row[0] and row[0] not in met:
                met.add(row[0])
                place = (thread, ns, row[0])
                row = cursor.execute(statements.ONE, place).fetchone()
                if row:
                    writes = cursor.execute(statements.WRITES, place).fetchall()
                    walk.meet(self._values(place, row, walk.open), self._pending(place, writes, walk.open))
        return walk.result()

    def _values(
        self, place: Place, row: builtins.tuple[Any, ...], channels: Collection[str]
    ) -> Mapping[str, Any]:
        """Return the values of a checkpoint; none if its metadata say that it has none of these channels."""
        counted = _metadata(place, row[3]).get("counters_since_delta_snapshot") or ()
        if all(channel in counted for channel in channels):
            return {}
        values: Mapping[str, Any] = self._loaded(place, "the checkpoint", row[1], row[2])["channel_values"]
        return values

    def get_next_version(self, current: str | None, channel: None) -> str:
        """Return a version greater than `current`, and other than what a fork makes of it."""
        return next_version(current)

    def _tuple(
        self, place: Place, row: builtins.tuple[Any, ...], writes: builtins.list[Any]
    ) -> CheckpointTuple:
        parent, kind, payload, metadata = row
        return CheckpointTuple(
            config=_config(*place),
            checkpoint=self._loaded(place, "the checkpoint", kind, payload),
            metadata=_metadata(place, metadata),
            parent_config=_config(*place[:2], parent) if parent else None,
            pending_writes=self._pending(place, writes),
        )

    def _pending(
        self, place: Place, rows: Iterable[Any], channels: Collection[str] | None = None
    ) -> builtins.list[PendingWrite]:
        return [
            (task, channel, self._loaded(place, f"the write of task {task} to {channel!r}", kind, value))
            for task, channel, kind, value in rows
            if channels is None or channel in channels
        ]

    def _loaded(self, place: Place, what: str, kind: str, payload: bytes) -> Any:
        try:
            return self.serde.loads_typed((kind, payload))
        except NotImplementedError as error:
            raise NotImplementedError(f"{_named(place)}: cannot read {what}: {error}") from error
        except Exception as error:
            raise ValueError(f"{_named(place)}: cannot read {what}: {error}") from error

    def _retain(self, cursor: sqlite3.Cursor, thread: str, ns: str) -> None:
        limits = self._retention
        if limits.keep_last is None and limits.ttl is None:
            return
        now = time.time()
        cutoff = limits.cutoff(now)
        many = _NEVER if limits.keep_last is None else limits.keep_last
        bounds = {"thread": thread, "ns": ns, "cutoff": cutoff, "many": many}
        if cursor.execute(statements.EXCESS, bounds).fetchone():
            gone = doomed(_entries(cursor, thread), keep_last=limits.keep_last, cutoff=cutoff)
            _delete(cursor, [(thread, *place) for place in gone])
        if limits.ttl and now - self._searched > limits.pause:
            self._searched = now
            for (idle,) in cursor.execute(statements.IDLE, (cutoff,)).fetchall():
                _delete_thread(cursor, idle)


_decode = json.JSONDecoder().decode

_NEVER = 1 << 62
"""More checkpoints than there can be."""


class Listing:
    """A call of `list` that is under way."""

    def __init__(self, store: SqliteStore, selection: Selection) -> None:
        self._store = store
        self._wanted = selection
        self._left = selection.limit
        self._after: Place | None = None
        self.done = selection.limit == 0

    def next_page(self) -> builtins.list[CheckpointTuple]:
        """Return the next checkpoints; none if a whole page does not pass the filter."""
        size = PAGE if self._left is None or self._wanted.metadata else min(self._left, PAGE)
        with self._store._database.reading() as cursor:
            found = [
                (place, rows)
                for place in self._places(cursor, size)
                if (rows := _rows(cursor, place)) is not None
            ]
        return [self._store._tuple(place, *rows) for place, rows in found]

    def _places(self, cursor: sqlite3.Cursor, size: int) -> Iterator[Place]:
        wanted = self._wanted
        bound = {"thread": wanted.thread, "ns": wanted.ns, "id": wanted.id, "before": wanted.before}
        statement = statements.page(
            **{name: value is not None for name, value in bound.items()}, after=self._after is not None
        )
        values = [value for value in bound.values() if value is not None]
        rows = cursor.execute(statement, (*values, *(self._after or ()), size)).fetchall()
        self.done = len(rows) < size
        for thread, ns, checkpoint, metadata in rows:
            self._after = (checkpoint, thread, ns)
            place = (thread, ns, checkpoint)
            if not wanted.metadata or wanted.wants(_metadata(place, metadata)):
                yield place
                if self._left is not None:
                    self._left -= 1
                    if self._left == 0:
                        self.done = True
                        return


def _rows(cursor: sqlite3.Cursor, place: Place) -> tuple[tuple[Any, ...], list[tuple[Any, ...]]] | None:
    row = cursor.execute(statements.ONE, place).fetchone()
    return (row, cursor.execute(statements.WRITES, place).fetchall()) if row else None


def _entries(cursor: sqlite3.Cursor, thread: str) -> list[Entry]:
    rows = cursor.execute(statements.ENTRIES, (thread,)).fetchall()
    return [
        Entry(ns, checkpoint, parent, _metadata((thread, ns, checkpoint), metadata))
        for ns, checkpoint, parent, metadata in rows
    ]


def _delete(cursor: sqlite3.Cursor, places: Iterable[Place]) -> None:
    for place in places:
        for statement in statements.DELETE_CHECKPOINT:
            cursor.execute(statement, place)


def _delete_thread(cursor: sqlite3.Cursor, thread: str) -> None:
    for statement in statements.DELETE_THREAD:
        cursor.execute(statement, (str(thread),))


def _metadata(place: Place, stored: bytes | str | None) -> CheckpointMetadata:
    if not stored:
        return {}
    try:
        found: CheckpointMetadata = _decode(stored.decode() if isinstance(stored, bytes) else stored)
    except ValueError as error:
        raise ValueError(f"{_named(place)}: cannot read the metadata: {error}") from error
    return found


def _run_of(stored: bytes | str | None) -> str | None:
    """Return the run that metadata names; a damaged row is nobody's."""
    try:
        run = json.loads(stored or "{}").get("run_id")
    except (ValueError, AttributeError):
        return None
    return None if run is None else str(run)


def _named(place: Place) -> str:
    thread, ns, checkpoint = place
    return f"checkpoint {checkpoint!r} of thread {thread!r}" + (f", namespace {ns!r}" if ns else "")


def _config(thread: Any, ns: str, checkpoint: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ns, "checkpoint_id": checkpoint}}
