"""Door: `otgraph.store.sqlite`."""

from otgraph.store.sqlite.aio import AsyncSqliteStore
from otgraph.store.sqlite.base import SqliteStore

__all__ = ["AsyncSqliteStore", "SqliteStore"]
