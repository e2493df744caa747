"""
`otgraph run`: a graph, run from the command line.

Rule: what the run says goes to standard output, what is said about the run to standard error. However it ends, what it
has done is saved and its trace is flushed.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
import sys
import traceback
from argparse import Namespace
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from otgraph.cli.exits import DONE, DRAINED, FAILED, PAUSED, CommandError
from otgraph.cli.recording import record
from otgraph.cli.show import Printer
from otgraph.cli.signals import Cancelled, Signals
from otgraph.cli.target import load_graph
from otgraph.cli.values import parse_answer, parse_json
from otgraph.command import Command
from otgraph.errors import GraphDrained
from otgraph.runtime import RunControl
from otgraph.tracebacks import FULL, is_ours
from otgraph.tracing.options import get_telemetry
from otgraph.tracing.setup import flush

__all__ = ["run"]


@dataclass
class Call:
    """One run of a graph, as it was asked for, and what has come of it."""

    graph: Any
    input: Any
    config: dict[str, Any]
    options: dict[str, Any]
    """What `stream` takes besides."""
    printer: Printer
    control: RunControl = field(default_factory=RunControl)

    def parts(self) -> Iterator[Any]:
        return iter(self.graph.stream(self.input, self.config, control=self.control, **self.options))

    def aparts(self) -> AsyncIterator[Any]:
        stream: AsyncIterator[Any] = self.graph.astream(
            self.input, self.config, control=self.control, **self.options
        )
        return stream


def run(given: Namespace) -> int:
    """Run the graph that was asked for; return the exit code."""
    graph = load_graph(given.target)
    config = _config(given)
    thread = config["configurable"].get("thread_id")
    saved = bool(given.db) or graph.checkpointer not in (None, False)
    if saved and thread is None:
        thread = config["configurable"]["thread_id"] = str(uuid4())
    modes = given.mode or []
    printer = Printer(modes, given.json, _output_keys(graph), thread)
    options: dict[str, Any] = {
        "stream_mode": list(dict.fromkeys([*modes, "values"])),
        "subgraphs": given.subgraphs,
        "version": "v2",
    }
    if given.capture:
        options["telemetry"] = replace(graph.options.telemetry or get_telemetry(), capture=True)
    call = Call(graph, _input(given, saved), config, options, printer)
    _check_database(given.db)
    record(tree=given.tree, store=given.record, capture=given.capture)
    try:
        return _perform(call, given)
    finally:
        flush(10)


def _check_database(path: str | None) -> None:
    """
    See to it that checkpoints can be kept in a file.

    Raises:
        CommandError: it cannot be opened, or is something else.
    """
    try:
        with _saver(path) as saver:
            if saver is not None:
                saver.setup()
    except (sqlite3.Error, ValueError) as error:
        raise CommandError(f"--db {path} cannot be used as an SQLite database: {error}") from None


def _config(given: Namespace) -> dict[str, Any]:
    config = parse_json(given.config, "--config") if given.config is not None else {}
    if not isinstance(config, dict) or not isinstance(config.get("configurable", {}), dict):
        raise CommandError('--config is no config: expected an object, such as {"recursion_limit": 50}')
    config["configurable"] = dict(config.get("configurable", {}))
    if given.thread is not None:
        config["configurable"]["thread_id"] = given.thread
    return config


def _input(given: Namespace, saved: bool) -> Any:
    if given.resume is not None:
        if given.input is not None:
            raise CommandError("--resume and --input exclude each other: an answer goes to a run that waits")
        if not saved:
            raise CommandError(
                "--resume needs what was saved: say --db FILE, or compile the graph with a checkpointer"
            )
        if given.thread is None:
            raise CommandError("--resume needs to know of which run: say --thread ID")
        return Command(resume=parse_answer(given.resume))
    if given.input is not None:
        return parse_json(given.input, "--input")
    if not saved or given.thread is None:
        raise CommandError("say --input JSON to begin a run, or --thread ID of a saved one that is to go on")
    return None


def _output_keys(graph: Any) -> str | tuple[str, ...]:
    keys = graph.plan.output_keys
    return keys if isinstance(keys, str) else tuple(keys)


def _perform(call: Call, given: Namespace) -> int:
    try:
        with Signals(call.control):
            if given.use_asyncio or _needs_loop(call.graph):
                import asyncio

                asyncio.run(_run_async(call, given.db))
            else:
                _run_sync(call, given.db)
    except Cancelled as cancelled:
        call.printer.end("cancelled")
        print("otgraph: cancelled", file=sys.stderr)
        return cancelled.code
    except GraphDrained:
        call.printer.end("drained")
        print(f"otgraph: stopped between two supersteps{_go_on(call, given)}", file=sys.stderr)
        return DRAINED
    except Exception as error:
        call.printer.end("error", error)
        print(_told(error), file=sys.stderr, end="")
        return FAILED
    if call.printer.interrupts:
        call.printer.end("interrupted")
        for interrupt in call.printer.interrupts:
            print(f"otgraph: the run waits for an answer: {interrupt.value!r}", file=sys.stderr)
        print(f"otgraph: paused{_go_on(call, given, answer=True)}", file=sys.stderr)
        return PAUSED
    call.printer.end("success")
    return DONE


def _run_sync(call: Call, db: str | None) -> None:
    with _saver(db) as saver:
        call.graph = _saved_in(call.graph, saver)
        for part in call.parts():
            call.printer.take(part)


async def _run_async(call: Call, db: str | None) -> None:
    async with _asaver(db) as saver:
        call.graph = _saved_in(call.graph, saver)
        async for part in call.aparts():
            call.printer.take(part)


def _saved_in(graph: Any, saver: Any) -> Any:
    return graph if saver is None else graph.copy({"checkpointer": saver})


@contextmanager
def _saver(path: str | None) -> Iterator[Any]:
    if path is None:
        yield None
        return
    from otgraph.checkpoint.sqlite.saver import SqliteSaver

    with SqliteSaver.from_conn_string(path) as saver:
        yield saver


@asynccontextmanager
async def _asaver(path: str | None) -> AsyncIterator[Any]:
    if path is None:
        yield None
        return
    from otgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    async with AsyncSqliteSaver.from_conn_string(path) as saver:
        yield saver


def _needs_loop(graph: Any) -> bool:
    """Say whether a node, here or in a graph inside, exists in async code only."""
    for node in graph.plan.nodes.values():
        callee = node.callee
        if callee.graph is not None:
            if _needs_loop(callee.graph):
                return True
        elif callee.sync is None:
            return True
    return False


def _go_on(call: Call, given: Namespace, *, answer: bool = False) -> str:
    """Say by which command the run goes on, if it is saved where another process finds it."""
    if not given.db:
        if call.graph.checkpointer in (None, False):
            return ", and not saved: it cannot go on. With --db FILE and --thread ID it could"
        return f"; thread {_thread(call)}"
    words = ["otgraph", "run", given.target, "--db", given.db, "--thread", _thread(call)]
    return f"; to go on: {shlex.join(words)}{' --resume ANSWER' if answer else ''}"


def _thread(call: Call) -> str:
    return str(call.config["configurable"]["thread_id"])


def _told(error: Exception) -> str:
    """Return an error with the frames of the program, and without those of the engine."""
    told = traceback.TracebackException.from_exception(error)
    if os.environ.get(FULL) != "full":
        stack = [frame for frame in told.stack if not is_ours(frame.filename)]
        told.stack = traceback.StackSummary.from_list(stack)
    return "".join(told.format())
