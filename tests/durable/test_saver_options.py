"""Runs on savers with options: what they keep is limited or encrypted, and runs do not notice."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from parity.engine import Engine

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.checkpoint.serde.encrypted import EncryptedSerializer
from otgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from .stories import STORIES
from .teller import CONFIG, Opener, tell

OTGRAPH = Engine("otgraph")
SAVERS = ("memory", "sqlite", "asqlite")
PRESENT = [name for name, story in STORIES.items() if not any(step.back for step in story.steps)]
"""The stories in which nobody goes back."""


def opener_of(kind: str, folder: Path, **options: Any) -> Opener:
    """Return what opens an own saver with options, on the same store each time."""
    memory = InMemorySaver(**options)
    path = folder / "checkpoints.db"

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        if kind == "memory":
            yield memory
        elif kind == "sqlite":
            with SqliteSaver.from_conn_string(path, **options) as saver:
                yield saver
        else:
            async with AsyncSqliteSaver.from_conn_string(path, **options) as asaver:
                yield asaver

    return opened


def on_savers(*names: str) -> Any:
    """Return what a test is given: stories, each on the savers of the colours that it is told in."""
    return pytest.mark.parametrize(
        ("name", "kind"),
        [
            (name, kind)
            for name in names
            for kind in SAVERS
            if ("async" if kind == "asqlite" else "sync") in STORIES[name].colours
        ],
    )


def told(name: str, kind: str, opener: Opener) -> list[list[str]]:
    """Return the lines of each step of a story, but for its history."""
    colour = "async" if kind == "asqlite" else "sync"
    return [step[:3] for step in tell(OTGRAPH, name, colour, opener)]


def used(opener: Opener, look: Callable[[Any], Any]) -> Any:
    async def use() -> Any:
        async with opener() as saver:
            return look(saver)

    return asyncio.run(use())


@on_savers(*PRESENT)
def test_runs_need_no_more_than_the_newest_checkpoint(name: str, kind: str, tmp_path: Path) -> None:
    """With `keep_last=1` chunks, executed nodes and states are those of a saver that keeps everything."""
    limited = opener_of(kind, mkdir(tmp_path / "limited"), keep_last=1)
    assert told(name, kind, opener_of(kind, tmp_path)) == told(name, kind, limited)
    kept = used(
        limited, lambda saver: [t.config["configurable"]["checkpoint_ns"] for t in saver.list(CONFIG)]
    )
    assert 1 == kept.count("")


def mkdir(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize("kind", SAVERS)
def test_old_turns_go_after_their_time(kind: str, tmp_path: Path) -> None:
    """With `ttl` a conversation that goes on keeps its newest checkpoints, and one that is idle goes as a whole."""
    opener = opener_of(kind, tmp_path, ttl=0.3)
    told("one question", kind, opener)
    time.sleep(0.5)

    async def other() -> None:
        async with opener() as saver:
            graph = STORIES["turns"].build(OTGRAPH, saver)
            config = {"configurable": {"thread_id": "other"}}
            call = graph.ainvoke if kind == "asqlite" else None
            for word in "ab":
                await call({"log": [word]}, config) if call else graph.invoke({"log": [word]}, config)

    asyncio.run(other())
    threads = used(opener, lambda saver: {t.config["configurable"]["thread_id"] for t in saver.list(None)})
    assert {"other"} == threads


@on_savers("typed values", "questions side by side", "functions")
def test_an_encrypted_store_shows_nothing(name: str, kind: str, tmp_path: Path) -> None:
    """With a cipher runs are the same, and no value, question or answer can be read in what is stored."""
    serde = EncryptedSerializer.from_pycryptodome_aes(JsonPlusSerializer(), key=os.urandom(32))
    plain = told(name, kind, opener_of(kind, mkdir(tmp_path / "plain")))
    hidden = mkdir(tmp_path / "hidden")
    opener = opener_of(kind, hidden, serde=serde)
    assert plain == told(name, kind, opener)
    if kind == "memory":
        stored = used(opener, lambda saver: repr((saver.storage, saver.writes, saver.blobs)).encode())
    else:
        stored = b"".join(file.read_bytes() for file in hidden.iterdir())
    assert stored
    for word in (b"left?", b"right?", b"Interrupt", b"datetime"):
        assert word not in stored
