"""
The tables of a store in SQLite, and how rows stand for items.

Rule: a file is laid out as LangGraph lays it out, so that either engine opens what the other wrote: a namespace
is its labels joined by periods, a value JSON text, a time UTC text, a vector the bytes of 32-bit floats.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, time, timezone
from enum import Enum
from sqlite3 import Cursor
from typing import Any, Final
from uuid import UUID

__all__ = [
    "create_tables",
    "decode_namespace",
    "decode_time",
    "encode_namespace",
    "encode_time",
    "encode_value",
    "under",
]

_ITEMS: Final = """
CREATE TABLE IF NOT EXISTS store (
    prefix TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    created_at TIMESTAMP, updated_at TIMESTAMP, expires_at TIMESTAMP, ttl_minutes REAL,
    PRIMARY KEY (prefix, key)
)"""
_VECTORS: Final = """
CREATE TABLE IF NOT EXISTS store_vectors (
    prefix TEXT NOT NULL, key TEXT NOT NULL, field_name TEXT NOT NULL, embedding BLOB,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (prefix, key, field_name)
)"""
_EXPIRY: Final = (
    "CREATE INDEX IF NOT EXISTS idx_store_expires_at ON store (expires_at) WHERE expires_at IS NOT NULL"
)
_LATER_COLUMNS: Final = {"expires_at": "TIMESTAMP", "ttl_minutes": "REAL"}
"""Columns that files of early releases lack."""
_MIGRATIONS: Final = {"store_migrations": 5, "vector_migrations": 1}
"""LangGraph's notes of which steps a file has taken; without them it would take them again, and fail."""


def create_tables(cursor: Cursor) -> None:
    """Create what is missing of the tables."""
    cursor.execute(_ITEMS)
    present = {row[1] for row in cursor.execute("PRAGMA table_info(store)")}
    for column, kind in _LATER_COLUMNS.items():
        if column not in present:
            cursor.execute(f"ALTER TABLE store ADD COLUMN {column} {kind}")
    cursor.execute(_VECTORS)
    cursor.execute(_EXPIRY)
    for table, steps in _MIGRATIONS.items():
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {table} (v INTEGER PRIMARY KEY)")
        cursor.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?)", [(step,) for step in range(steps)])


def encode_namespace(namespace: tuple[str, ...]) -> str:
    """Return the text of a namespace."""
    return ".".join(namespace)


def decode_namespace(text: str) -> tuple[str, ...]:
    """Return the namespace of a text."""
    return tuple(text.split(".")) if text else ()


def under(namespace: tuple[str, ...], table: str) -> tuple[str, tuple[str, ...]]:
    """Return the condition, and its parameters, that a row of a table is at or below a namespace."""
    if not namespace:
        return "1", ()
    text = encode_namespace(namespace)
    # "/" follows ".": between the two lies all that begins with the text and a period.
    return f"({table}.prefix = ? OR ({table}.prefix > ? AND {table}.prefix < ?))", (
        text,
        f"{text}.",
        f"{text}/",
    )


def encode_time(seconds: float) -> str:
    """Return the text of a time in seconds since 1970; texts are ordered as the times are."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(" ", "microseconds")


def decode_time(text: str) -> datetime:
    """Return the time of a text, in UTC."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=timezone.utc) if found.tzinfo is None else found


def encode_value(value: Mapping[str, Any]) -> str:
    """
    Return a value as JSON.

    What is not a number becomes null; times, UUIDs, members of enumerations and dataclasses become what
    stands for them. Raises `TypeError` for what JSON cannot hold.
    """
    value = dict(value)
    _check_keys(value)
    try:
        text = _encode(value)
    except ValueError:
        text = _encode(_finite(value))
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            text = json.dumps(json.loads(text), separators=(",", ":"))
    return text


def _check_keys(value: object) -> None:
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(
                    f"key {key!r} of {value!r} is of type {type(key).__name__}; JSON's keys are strings"
                )
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for each in value:
            if isinstance(each, (dict, list, tuple)):
                _check_keys(each)


def _plain(value: object) -> Any:
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(
        f"{value!r} of type {type(value).__name__} is nothing that JSON can hold; "
        f"a store on disk keeps dicts, lists, strings, numbers, booleans and None"
    )


_encode: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
).encode


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return value
