"""What a published saver keeps for otgraph comes back as otgraph's types; the saver itself stays as it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from otgraph.checkpoint.base import empty_checkpoint
from otgraph.checkpoint.foreign import with_own_types
from otgraph.types import Command, Interrupt, Send

from .kinds import ASYNC, KINDS, Opener

CONFIG: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
VALUES = {"sent": [Send("a", {"x": {1, 2}})], "text": "plain", "none": None, "empty": []}
WRITES: list[tuple[str, Any]] = [
    ("__interrupt__", [Interrupt(value="why?", id="0" * 32)]),
    ("text", Command(goto="b")),
]


class Calls:
    """A saver's methods, all awaitable."""

    def __init__(self, saver: Any, kind: str) -> None:
        self._saver, self._prefix = saver, "a" if kind in ASYNC else ""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            found = getattr(self._saver, self._prefix + name)(*args, **kwargs)
            if name == "list":
                return [each async for each in found] if self._prefix else list(found)
            return await found if self._prefix else found

        return call


@pytest.mark.parametrize(("opener", "kind"), [(kind, kind) for kind in KINDS], indirect=["opener"])
def test_own_types_come_back(opener: Opener, kind: str) -> None:
    """Packets, interrupts and commands are otgraph's own again, in a saver opened anew as well."""

    async def run() -> None:
        async with opener() as saver:
            serde = saver.serde
            calls = Calls(with_own_types(saver), kind)
            versions = {channel: saver.get_next_version(None, None) for channel in VALUES}
            checkpoint = {**empty_checkpoint(), "channel_values": VALUES, "channel_versions": versions}
            saved = await calls.put(
                CONFIG, checkpoint, {"source": "loop", "step": 1, "parents": {}}, versions
            )
            await calls.put_writes(saved, WRITES, "task")
            assert serde is saver.serde
        async with opener() as saver:
            calls = Calls(with_own_types(saver), kind)
            for found in (await calls.get_tuple(CONFIG), *await calls.list(CONFIG)):
                assert VALUES == found.checkpoint["channel_values"]
                assert isinstance(found.checkpoint["channel_values"]["sent"][0], Send)
                assert sorted(map(repr, WRITES)) == sorted(repr(write[1:]) for write in found.pending_writes)
            await calls.delete_thread("t")
            assert None is await calls.get_tuple(CONFIG)

    asyncio.run(run())
