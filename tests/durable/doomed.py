"""
Runs that are killed: a nursery that forks a process for each line on its standard input.

Run as `doomed PACKAGE FILE EFFECTS`. A line is the JSON of a `Life`; the answers are the child's process id and, once
the child is gone, how it ended: `[wait status, how many calls of put or put_writes it was in, how many statements
those had made]`. Rule: a node's side
effect, a line in the file of effects, comes before its write; both bear the process id.
"""

from __future__ import annotations

import asyncio
import faulthandler
import json
import mmap
import operator
import os
import random
import signal
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from threading import Lock
from typing import Annotated, Any, TypedDict

from parity.engine import Engine

__all__ = ["LEVELS", "Life"]

NAP = 0.003
"""Seconds that a node may take at most."""
PATIENCE = 20
"""Seconds after which a child that hangs says where, and ends."""

LEVELS = {
    "start": 0, "work 0": 1, "work 1": 1, "work 2": 1, "beside": 1, "join": 2, "inner first": 3, "inner left": 4,
    "inner right": 4, "inner last": 5, "task a": 6, "task b": 6, "task c": 7, "calls": 8, "end": 9,
}  # fmt: skip
"""Everything that must happen in a thread -> its turn; what has the same turn happens side by side."""


@dataclass(frozen=True)
class Life:
    """What a child does."""

    thread: str
    colour: str
    durability: str
    statement: int = 0
    """The statement of put and put_writes at which it kills itself; 0 for never."""
    after: bool = False
    """Whether it does so after the statement."""


class State(TypedDict):
    done: Annotated[list[str], operator.add]


class Marks:
    """What outlives the child: how many calls of the saver it is in, and how many statements they made."""

    def __init__(self) -> None:
        self._shared = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("q")
        self._lock = Lock()
        self.life: Life | None = None

    @property
    def inside(self) -> int:
        return self._shared[0]

    @property
    def statements(self) -> int:
        return self._shared[1]

    def reset(self) -> None:
        self._shared[0] = self._shared[1] = 0

    def _add(self, where: int, what: int) -> None:
        with self._lock:
            self._shared[where] += what

    @contextmanager
    def call(self) -> Any:
        self._add(0, 1)
        try:
            yield
        finally:
            self._add(0, -1)

    def statement(self, execute: Callable[..., Any], *args: Any) -> Any:
        """Do a statement, and die before or after it if it is the one."""
        if self.inside:
            self._add(1, 1)
        mine = self.life is not None and self.inside and self.statements == self.life.statement
        if mine and self.life and not self.life.after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = execute(*args)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


marks = Marks()


class Cursor(sqlite3.Cursor):
    def execute(self, *args: Any) -> Any:
        return marks.statement(super().execute, *args)

    def executemany(self, *args: Any) -> Any:
        return marks.statement(super().executemany, *args)


class Connection(sqlite3.Connection):
    def cursor(self, factory: Any = Cursor) -> Any:
        return super().cursor(factory)

    def commit(self) -> None:
        marks.statement(super().commit)


def watched(kind: type[Any]) -> type[Any]:
    """Return a saver that marks when it is in put or put_writes."""

    class Watched(kind):  # type: ignore[misc]
        def put(self, *args: Any) -> Any:
            with marks.call():
                return super().put(*args)

        def put_writes(self, *args: Any) -> None:
            with marks.call():
                super().put_writes(*args)

    return Watched


def graph(lg: Any, saver: Any, effect: Callable[[str], str]) -> Any:
    """Return a graph with packets, a join, a graph inside, a chain, and tasks called by a node."""

    def does(name: str) -> Callable[[Any], dict[str, Any]]:
        return lambda state: {"done": [effect(name)]}

    def work(state: dict[str, int]) -> dict[str, Any]:
        return {"done": [effect(f"work {state['number']}")]}

    inner = lg.graph.StateGraph(State)
    for name in ("first", "left", "right", "last"):
        inner.add_node(name, does(f"inner {name}"))
    inner.add_edge(lg.graph.START, "first")
    inner.add_edge("first", "left")
    inner.add_edge("first", "right")
    inner.add_edge(["left", "right"], "last")
    called = inner.compile()

    def sub(state: State) -> dict[str, Any]:
        return {"done": called.invoke({"done": []})["done"]}

    calls = does("calls")
    if lg.has_tasks:
        task = lg.func.task(effect, name="effect")

        def calls(state: State) -> dict[str, Any]:
            both = [task("task a"), task("task b")]
            found = [future.result() for future in both]
            return {"done": [*found, task("task c").result(), effect("calls")]}

    builder = lg.graph.StateGraph(State)
    nodes = {"start": does("start"), "work": work, "beside": does("beside"), "join": does("join"), "sub": sub}
    for name, node in (nodes | {"calls": calls, "end": does("end")}).items():
        builder.add_node(name, node)
    builder.add_edge(lg.graph.START, "start")
    builder.add_conditional_edges(
        "start", lambda state: [*(lg.types.Send("work", {"number": n}) for n in range(3)), "beside"]
    )
    builder.add_edge("beside", "join")
    for before, after in zip(("join", "sub", "calls"), ("sub", "calls", "end")):
        builder.add_edge(before, after)
    return builder.compile(checkpointer=saver)


def live(lg: Any, path: str, effects: int, life: Life) -> None:
    """Go on with a thread to its end, from wherever the last life left it."""
    chance = random.Random(os.getpid())

    def effect(name: str) -> str:
        done = f"{name}#{os.getpid()}"
        os.write(effects, f"{life.thread} {done}\n".encode())
        time.sleep(chance.uniform(0, NAP))
        return done

    marks.life = life
    connection = sqlite3.connect(path, check_same_thread=False, factory=Connection)
    config: Any = {"configurable": {"thread_id": life.thread}}
    if life.colour == "sync":
        saver = watched(lg.checkpoint.sqlite.SqliteSaver)(connection)
        given = None if saver.get_tuple(config) else {"done": []}
        graph(lg, saver, effect).invoke(given, config, durability=life.durability)
        return

    async def run() -> None:
        saver = watched(lg.checkpoint.sqlite.aio.AsyncSqliteSaver)(connection)
        given = None if await saver.aget_tuple(config) else {"done": []}
        await graph(lg, saver, effect).ainvoke(given, config, durability=life.durability)

    asyncio.run(run())


def child(lg: Any, path: str, effects: int, life: Life) -> None:
    """Live, and end without the parent's clean-up."""
    code = 1
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    try:
        live(lg, path, effects, life)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def main(package: str, path: str, effects: str) -> None:
    """Fork a child for each line."""
    lg: Any = Engine(package)
    try:
        lg.has_tasks = bool(lg.func.task)
    except (ImportError, AttributeError):
        lg.has_tasks = False
    assert lg.graph.StateGraph
    assert lg.checkpoint.sqlite.aio.AsyncSqliteSaver
    file = os.open(effects, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    print(json.dumps(lg.has_tasks), flush=True)
    for line in sys.stdin:
        life = Life(**json.loads(line))
        marks.reset()
        process = os.fork()
        if not process:
            child(lg, path, file, life)
        print(process, flush=True)
        _, status = os.waitpid(process, 0)
        print(json.dumps([status, marks.inside, marks.statements]), flush=True)


def as_line(life: Life) -> str:
    return json.dumps(asdict(life)) + "\n"


if __name__ == "__main__":
    main(*sys.argv[1:])
