"""
One of many processes that use one SQLite file at once.

Run as `crowd FILE NUMBER THREADS TURNS COLOUR`; it waits for a line before it begins, so that all begin at once.
Rule: every fault ends the process with a traceback.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

__all__ = ["checkpoint", "config"]


def config(thread: str, id: str | None = None) -> dict[str, Any]:
    named = {"checkpoint_id": id} if id else {}
    return {"configurable": {"thread_id": thread, "checkpoint_ns": "", **named}}


def checkpoint(id: str, value: Any) -> dict[str, Any]:
    return {
        "v": 4, "ts": "t", "id": id, "channel_values": {"a": value}, "channel_versions": {"a": id},
        "versions_seen": {}, "updated_channels": None,
    }  # fmt: skip


def work(saver: Any, name: str, turns: int) -> None:
    """Save, read, list, copy and delete, in a thread of one's own and in one that all share."""
    for turn in range(turns):
        saved = f"{turn:05}-{name}"
        for thread in (name, "shared"):
            saver.put(config(thread), checkpoint(saved, turn), {"step": turn, "run_id": name}, {})
            saver.put_writes(config(thread, saved), [("a", turn), ("b", name)], f"task {name}")
        found = saver.get_tuple(config(name))
        assert (saved, 2) == (found.checkpoint["id"], len(found.pending_writes)), found
        assert turn < len(list(saver.list(config(name))))
        assert saver.get_tuple(config("shared", saved))
        saver.copy_thread(name, f"copy of {name}")
        saver.prune([f"copy of {name}"])
        saver.delete_for_runs(["nobody"])
        assert 1 == len(list(saver.list(config(f"copy of {name}"))))
    saver.delete_thread(f"copy of {name}")


async def awork(saver: AsyncSqliteSaver, name: str, turns: int) -> None:
    """The same with coroutines."""
    for turn in range(turns):
        saved = f"{turn:05}-{name}"
        for thread in (name, "shared"):
            await saver.aput(config(thread), checkpoint(saved, turn), {"step": turn, "run_id": name}, {})
            await saver.aput_writes(config(thread, saved), [("a", turn), ("b", name)], f"task {name}")
        found = await saver.aget_tuple(config(name))
        assert found
        assert (saved, 2) == (found.checkpoint["id"], len(found.pending_writes or ()))


async def run_async(path: str, number: str, tasks: int, turns: int) -> None:
    async with AsyncSqliteSaver.from_conn_string(path) as saver:
        await asyncio.gather(*(awork(saver, f"{number}.{task}", turns) for task in range(tasks)))


def run_threads(path: str, number: str, threads: int, turns: int, *, own: bool) -> None:
    """Let threads work on one saver, or on one each."""
    faults: list[str] = []

    def target(thread: int, saver: Any) -> None:
        try:
            if saver is None:
                with SqliteSaver.from_conn_string(path) as mine:
                    work(mine, f"{number}.{thread}", turns)
            else:
                work(saver, f"{number}.{thread}", turns)
        except BaseException:
            faults.append(traceback.format_exc())

    with SqliteSaver.from_conn_string(path) as shared:
        pool = [threading.Thread(target=target, args=(n, None if own else shared)) for n in range(threads)]
        for thread in pool:
            thread.start()
        for thread in pool:
            thread.join()
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    file, number, threads, turns, colour = sys.argv[1:]
    assert Path(file).parent.is_dir()
    print("ready", flush=True)
    sys.stdin.readline()
    if colour == "async":
        asyncio.run(run_async(file, number, int(threads), int(turns)))
    else:
        run_threads(file, number, int(threads), int(turns), own=colour == "own")
