"""
The tables of the SQLite savers, and everything that is asked of them.

Rule: tables and columns are those of langgraph-checkpoint-sqlite, so that both engines can use one file. Columns
are always named: a file from an old release has them in another order.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ADD_TASK_PATH",
    "COLUMNS_OF_WRITES",
    "COPIES",
    "CREATE",
    "DELETE_CHECKPOINT",
    "DELETE_THREAD",
    "ENTRIES",
    "EXCESS",
    "IDLE",
    "KEEP_WRITE",
    "LATEST",
    "NEWEST",
    "OF_RUNS",
    "ONE",
    "PUT",
    "REPLACE_WRITE",
    "THAT",
    "WRITES",
    "page",
]

CREATE: Final = (
    """
    CREATE TABLE IF NOT EXISTS checkpoints (
        thread_id TEXT NOT NULL,
        checkpoint_ns TEXT NOT NULL DEFAULT '',
        checkpoint_id TEXT NOT NULL,
        parent_checkpoint_id TEXT,
        type TEXT,
        checkpoint BLOB,
        metadata BLOB,
        PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS writes (
        thread_id TEXT NOT NULL,
        checkpoint_ns TEXT NOT NULL DEFAULT '',
        checkpoint_id TEXT NOT NULL,
        task_id TEXT NOT NULL,
        task_path TEXT NOT NULL DEFAULT '',
        idx INTEGER NOT NULL,
        channel TEXT NOT NULL,
        type TEXT,
        value BLOB,
        PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
    )
    """,
)
COLUMNS_OF_WRITES: Final = "SELECT name FROM pragma_table_info('writes')"
ADD_TASK_PATH: Final = "ALTER TABLE writes ADD COLUMN task_path TEXT NOT NULL DEFAULT ''"

_PLACE: Final = "thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?"

ONE: Final = f"SELECT parent_checkpoint_id, type, checkpoint, metadata FROM checkpoints WHERE {_PLACE}"
_FULL: Final = """
    SELECT checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata, EXISTS (
        SELECT 1 FROM writes WHERE writes.thread_id = checkpoints.thread_id
            AND writes.checkpoint_ns = checkpoints.checkpoint_ns
            AND writes.checkpoint_id = checkpoints.checkpoint_id
    ) FROM checkpoints
"""
"""With what belongs to a checkpoint it says, last, whether anything was written for it."""
THAT: Final = f"{_FULL} WHERE {_PLACE}"
LATEST: Final = f"{_FULL} WHERE thread_id = ? AND checkpoint_ns = ? ORDER BY checkpoint_id DESC LIMIT 1"
NEWEST: Final = "SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ?"
WRITES: Final = f"""
    SELECT task_id, channel, type, value FROM writes WHERE {_PLACE} ORDER BY task_path, task_id, idx
"""
PUT: Final = """
    INSERT OR REPLACE INTO checkpoints
        (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_WRITE: Final = """
    INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
KEEP_WRITE: Final = f"INSERT OR IGNORE {_WRITE}"
REPLACE_WRITE: Final = f"INSERT OR REPLACE {_WRITE}"

DELETE_THREAD: Final = (
    "DELETE FROM checkpoints WHERE thread_id = ?",
    "DELETE FROM writes WHERE thread_id = ?",
)
DELETE_CHECKPOINT: Final = (f"DELETE FROM checkpoints WHERE {_PLACE}", f"DELETE FROM writes WHERE {_PLACE}")

COPIES: Final = (
    """
    INSERT OR REPLACE INTO checkpoints
        (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata)
    SELECT ?, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata
    FROM checkpoints WHERE thread_id = ?
    """,
    """
    INSERT OR REPLACE INTO writes
        (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value)
    SELECT ?, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value
    FROM writes WHERE thread_id = ?
    """,
)

ENTRIES: Final = """
    SELECT checkpoint_ns, checkpoint_id, parent_checkpoint_id, metadata FROM checkpoints WHERE thread_id = ?
"""
OF_RUNS: Final = """
    SELECT thread_id, checkpoint_ns, checkpoint_id, metadata FROM checkpoints
    WHERE NOT json_valid(CAST(metadata AS TEXT))
       OR CAST(json_extract(CAST(metadata AS TEXT), '$.run_id') AS TEXT) IN (SELECT value FROM json_each(?))
"""
"""Checkpoints of some runs, and those whose metadata is no JSON to SQLite, such as one with a NaN."""

EXCESS: Final = """
    SELECT 1 FROM checkpoints
    WHERE thread_id = :thread AND checkpoint_ns = :ns AND (checkpoint_id < :cutoff OR checkpoint_id <= (
        SELECT checkpoint_id FROM checkpoints
        WHERE thread_id = :thread AND checkpoint_ns = :ns ORDER BY checkpoint_id DESC LIMIT 1 OFFSET :many
    )) LIMIT 1
"""
"""Whether a namespace has checkpoints that are too old, or more than so many; read from the key alone."""

IDLE: Final = "SELECT thread_id FROM checkpoints GROUP BY thread_id HAVING max(checkpoint_id) < ?"


def page(*, thread: bool, ns: bool, id: bool, before: bool, after: bool) -> str:
    """
    Return the statement that finds the next checkpoints of a listing, the newest first.

    Args:
        thread, ns, id, before: whether the listing is bound to one thread, and so on.
        after: whether it goes on after a row, given as id, thread and namespace.
    """
    conditions = [
        condition
        for wanted, condition in (
            (thread, "thread_id = ?"),
            (ns, "checkpoint_ns = ?"),
            (id, "checkpoint_id = ?"),
            (before, "checkpoint_id < ?"),
            (after, "(checkpoint_id, thread_id, checkpoint_ns) < (?, ?, ?)"),
        )
        if wanted
    ]
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"""
        SELECT thread_id, checkpoint_ns, checkpoint_id, metadata FROM checkpoints {where}
        ORDER BY checkpoint_id DESC, thread_id DESC, checkpoint_ns DESC LIMIT ?
    """
