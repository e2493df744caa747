"""
The published conformance kit, run on otgraph's savers; a module of the oracle's environment.

Rule: prints one JSON object on the last line, `{saver: {test: failure or ""}}`.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from langgraph.checkpoint.conformance import checkpointer_test, validate

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from otgraph.checkpoint.twins import AsyncBySync

FOLDER = Path(tempfile.mkdtemp())


class Sync(AsyncBySync, SqliteSaver):
    """The synchronous saver with the asynchronous methods that the kit calls."""


@checkpointer_test(name="InMemorySaver")
async def memory() -> AsyncIterator[Any]:
    yield InMemorySaver()


@checkpointer_test(name="InMemorySaver, strict")
async def strict() -> AsyncIterator[Any]:
    yield InMemorySaver(serde=JsonPlusSerializer(allowed_msgpack_modules=None))


@checkpointer_test(name="SqliteSaver")
async def sqlite() -> AsyncIterator[Any]:
    with Sync.from_conn_string(":memory:") as saver:
        yield saver


@checkpointer_test(name="AsyncSqliteSaver")
async def async_sqlite() -> AsyncIterator[Any]:
    path = Path(tempfile.mkdtemp(dir=FOLDER)) / "checkpoints.db"
    async with AsyncSqliteSaver.from_conn_string(path) as saver:
        yield saver


async def main() -> None:
    found = {}
    for registered in (memory, strict, sqlite, async_sqlite):
        found[registered.name] = (await validate(registered)).to_dict()
    print(json.dumps(found, default=str))


if __name__ == "__main__":
    asyncio.run(main())
