"""
How a program runs its graphs: written once, driven by `stream` or `astream`, with sync or async nodes.

Rule: a colour changes how a graph is called and what its functions are, never what the program says.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import io
import logging
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from copy import copy
from itertools import groupby
from typing import Any

from .engine import Engine
from .normalise import NULL_ID, Chunks, Normaliser, Raised
from .turns import Turns

__all__ = ["COLOURS", "Drive"]

COLOURS: dict[str, tuple[str, str]] = {
    "sync": ("sync", "sync"),
    "async": ("async", "async"),
    "mixed": ("async", "sync"),
}
"""Colour -> how the run is driven, what its functions are."""


class Drive:
    """Runs the graphs of one program in one colour."""

    def __init__(self, engine: Engine, colour: str) -> None:
        self.engine = engine
        self.colour = colour
        self.driver, self.functions = COLOURS[colour]
        self.turns = Turns(settle_of(engine))

    def __enter__(self) -> Drive:
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.simplefilter("ignore")
        return self

    def __exit__(self, *_: object) -> None:
        self.turns.close()
        self._warnings.__exit__(None, None, None)

    # -- functions of a graph

    def node(self, function: Any = None, *, turn: Any = None) -> Any:
        """
        Return `function` in this drive's colour, with its name and signature.

        Args:
            function: plain, or a coroutine function that waits for nothing but this drive's own helpers.
            turn: parallel bodies run one after another by this number (where equal, by their input), and
                so finish in that order.
        """
        if function is None:
            return functools.partial(self.node, turn=turn)
        return (
            self._sync_body(function, turn) if self.functions == "sync" else self._async_body(function, turn)
        )

    def with_sync_functions(self) -> Drive:
        """Return this drive for functions that are sync whatever the run is."""
        twin = copy(self)
        twin.functions = "sync"
        return twin

    def _sync_body(self, function: Any, turn: Any) -> Any:
        waits = inspect.iscoroutinefunction(function)
        if not waits and turn is None:
            return function

        @functools.wraps(function)
        def body(*args: Any, **kwargs: Any) -> Any:
            if turn is not None:
                self.turns.wait(turn, repr(args[:1]))
            return step_through(function(*args, **kwargs)) if waits else function(*args, **kwargs)

        return body

    def _async_body(self, function: Any, turn: Any) -> Any:
        waits = inspect.iscoroutinefunction(function)

        @functools.wraps(function)
        async def body(*args: Any, **kwargs: Any) -> Any:
            if turn is not None:
                await self.turns.wait_async(turn, repr(args[:1]))
            return await function(*args, **kwargs) if waits else function(*args, **kwargs)

        return body

    async def turn(self, *key: Any) -> None:
        """Wait inside a node body until it is the turn of `key`."""
        if self.functions == "sync":
            self.turns.wait(*key)
        else:
            await self.turns.wait_async(*key)

    async def nap(self, seconds: float) -> None:
        """Sleep inside a node body."""
        if self.functions == "sync":
            time.sleep(seconds)
        else:
            await asyncio.sleep(seconds)

    async def result(self, future: Any) -> Any:
        """Wait for a call of a task inside a node body; errors pass."""
        return future.result() if self.functions == "sync" else await future

    async def call(self, graph: Any, *args: Any, **kwargs: Any) -> Any:
        """Invoke a graph inside a node body; errors pass."""
        if self.functions == "sync":
            return graph.invoke(*args, **kwargs)
        return await graph.ainvoke(*args, **kwargs)

    async def read(self, graph: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """Stream a graph inside a node body to its end; errors pass."""
        if self.functions == "sync":
            return list(graph.stream(*args, **kwargs))
        return [chunk async for chunk in graph.astream(*args, **kwargs)]

    # -- runs

    def invoke(self, graph: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the result of a run, or the exception that ended it."""
        try:
            if self.driver == "sync":
                return graph.invoke(*args, **kwargs)
            return run_async(graph.ainvoke(*args, **kwargs))
        except Exception as error:
            return Raised(error)

    def stream(
        self,
        graph: Any,
        *args: Any,
        stop: int | None = None,
        on_chunk: Callable[[Any], object] | None = None,
        woven: bool = False,
        **kw: Any,
    ) -> Chunks:
        """
        Return the chunks of a run, the exception that ended it last.

        Args:
            stop: close the stream after so many chunks.
            on_chunk: told each chunk as it comes.
            woven: nested graphs run side by side in it, so that their chunks may interleave in several ways.
        """
        chunks = Chunks()
        chunks.woven = woven

        def take(chunk: Any) -> bool:
            chunks.append(chunk)
            if on_chunk is not None:
                on_chunk(chunk)
            return stop is not None and len(chunks) >= stop

        def read() -> None:
            stream = graph.stream(*args, **kw)
            for chunk in stream:
                if take(chunk):
                    stream.close()
                    break

        async def read_async() -> None:
            stream = graph.astream(*args, **kw)
            async for chunk in stream:
                if take(chunk):
                    await stream.aclose()
                    break

        try:
            if self.driver == "sync":
                read()
            else:
                run_async(read_async())
        except Exception as error:
            chunks.append(Raised(error))
        return chunks

    def every(self, graph: Any, *args: Any, modes: tuple[str, ...] = (), **kwargs: Any) -> Chunks:
        """Return the chunks of a run in values, updates, custom and tasks, nested graphs included."""
        wanted = list(modes or ("values", "updates", "custom", "tasks"))
        return self.stream(graph, *args, stream_mode=wanted, subgraphs=True, **kwargs)

    # -- threads

    def saver(self) -> Any:
        """Return a saver that nothing has been saved in."""
        return self.engine.checkpoint.memory.InMemorySaver()

    def state(self, graph: Any, config: Any, **kwargs: Any) -> Any:
        """Return the state of a thread, or the exception."""
        return self._call(graph, "get_state", config, **kwargs)

    def history(self, graph: Any, config: Any, **kwargs: Any) -> Any:
        """Return the states of a thread, newest first, each on a line of its own."""
        return self._collect(graph, "get_state_history", config, **kwargs)

    def update(self, graph: Any, config: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the config of the checkpoint that `update_state` makes, or the exception."""
        return self._call(graph, "update_state", config, *args, **kwargs)

    def bulk_update(self, graph: Any, config: Any, supersteps: Any) -> Any:
        """Return the config of the last checkpoint that `bulk_update_state` makes, or the exception."""
        return self._call(graph, "bulk_update_state", config, supersteps)

    def saved(self, saver: Any, config: Any = None, **kwargs: Any) -> Any:
        """Return the checkpoints in a saver with their writes, newest first, each on a line of its own."""
        found = self._collect(saver, "list", config, **kwargs)
        if not any(isinstance(each, Raised) for each in found):
            # LangGraph's saver lists one namespace after the other.
            found.sort(key=lambda each: each.checkpoint["id"], reverse=True)
        found[:] = [comparable(each) for each in found]
        return found

    def one_saved(self, saver: Any, config: Any) -> Any:
        """Return the checkpoint that a saver has for `config`, with its writes."""
        return comparable(self._call(saver, "get_tuple", config))

    def _call(self, owner: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        try:
            if self.driver == "sync":
                return getattr(owner, name)(*args, **kwargs)
            return run_async(getattr(owner, f"a{name}")(*args, **kwargs))
        except Exception as error:
            return Raised(error)

    def _collect(self, owner: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        found = Chunks()

        async def read() -> None:
            async for each in getattr(owner, f"a{name}")(*args, **kwargs):
                found.append(each)

        try:
            if self.driver == "sync":
                found.extend(getattr(owner, name)(*args, **kwargs))
            else:
                run_async(read())
        except Exception as error:
            found.append(Raised(error))
        return found

    def attempt(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return what `function` returns, or the exception it raises."""
        return attempt(function, *args, **kwargs)

    def awaited(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return what the coroutine function `function` returns, or the exception it raises."""
        return attempt(lambda: run_async(function(*args, **kwargs)))

    # -- what a run says besides its chunks

    @contextmanager
    def heard(self) -> Iterator[list[Any]]:
        """Collect warnings, and log records of level WARNING or more, in the order they come."""
        with heard() as lines:
            yield lines

    @contextmanager
    def printed(self) -> Iterator[list[str]]:
        """Collect what is printed, by lines."""
        lines: list[str] = []
        out = io.StringIO()
        with redirect_stdout(out):
            yield lines
        lines += out.getvalue().splitlines()


def comparable(saved: Any) -> Any:
    """
    Return a checkpoint tuple as both engines save it.

    Only otgraph keeps where the run stands in a trace, and that an answer was taken. Which task's writes come first
    is the saver's business, and the order in which LangGraph writes to the nodes that follow is that of a set.
    """
    if saved is None or isinstance(saved, Raised):
        return saved
    tasks: dict[str, list[Any]] = {}
    for task, channel, value in saved.pending_writes:
        answer = channel == "__resume__" and task == NULL_ID
        tasks.setdefault(task, []).append((task, channel, "<answer>" if answer else value))
    text = Normaliser(rename=False).without_ids
    writes = [_edges_sorted(each) for each in tasks.values()]
    writes.sort(key=lambda each: (each[0][0] != NULL_ID, text([write[1:] for write in each])))
    return saved._replace(
        metadata={key: value for key, value in saved.metadata.items() if key != "__otgraph"},
        pending_writes=[write for each in writes for write in each],
    )


def _edges_sorted(writes: list[Any]) -> list[Any]:
    """Return a task's writes with those that stand for edges, where they stand together, in alphabetical order."""
    ordered: list[Any] = []
    for edge, group in groupby(writes, lambda write: write[1].startswith("branch:to:")):
        ordered += sorted(group, key=lambda write: write[1]) if edge else group
    return ordered


def settle_of(engine: Engine) -> float:
    """Return how long a process must stand still: otgraph adds threads to a busy pool every 2 ms."""
    return 0.006 if "otgraph" in repr(engine) else 0.0


class _Ear(logging.Handler):
    def __init__(self, lines: list[Any]) -> None:
        super().__init__(logging.WARNING)
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(("log", record.levelname, record.getMessage()))


@contextmanager
def heard() -> Iterator[list[Any]]:
    """Collect warnings, and log records of level WARNING or more, in the order they come."""
    lines: list[Any] = []
    ear = _Ear(lines)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, category, *_: lines.append((category.__name__, str(message)))
        logging.getLogger().addHandler(ear)
        try:
            yield lines
        finally:
            logging.getLogger().removeHandler(ear)


def attempt(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what `function` returns, or the exception it raises."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return Raised(error)


def step_through(coroutine: Any) -> Any:
    """Run a coroutine that never really waits, without a loop."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise RuntimeError("a body written for both colours waited for something that is not a helper of Drive")


def run_async(coroutine: Any) -> Any:
    """Run a coroutine in a loop of its own whose pool is wide enough for every sync node at once."""

    async def main() -> Any:
        with ThreadPoolExecutor(32) as pool:
            asyncio.get_running_loop().set_default_executor(pool)
            return await coroutine

    return asyncio.run(main())
