"""
Tells stories: makes their calls on an engine and a saver, and notes what can be seen after each.

Run as `teller PACKAGE FOLDER PLAN` it tells, on SQLite files in the folder, what the plan asks for, a JSON list of
`[story, colour, file, first, last]`, and prints the lines of each step as JSON. Rule: nothing of otgraph is imported
unless it is the engine; every step opens the saver anew and builds the graph anew.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from parity.engine import Engine
from parity.normalise import Normaliser, Raised

from .stories import STORIES, Step, done

__all__ = ["Opener", "on_file", "tell"]

Opener = Callable[[], AbstractAsyncContextManager[Any]]
"""Opens the saver of a thread."""

CONFIG: Any = {"configurable": {"thread_id": "t"}}


def on_file(lg: Any, path: Path, colour: str) -> Opener:
    """Return what opens an engine's own saver on a file."""

    @asynccontextmanager
    async def opened() -> Any:
        if colour == "async":
            async with lg.checkpoint.sqlite.aio.AsyncSqliteSaver.from_conn_string(str(path)) as saver:
                yield saver
        else:
            with lg.checkpoint.sqlite.SqliteSaver.from_conn_string(str(path)) as saver:
                yield saver

    return opened


def tell(
    lg: Any, name: str, colour: str, opener: Opener, first: int = 0, last: int | None = None
) -> list[list[str]]:
    """Make the steps `first` to `last` of a story; return for each the lines of what was seen."""
    steps = STORIES[name].steps[first:last]
    return [asyncio.run(_one(lg, name, colour, opener, step)) for step in steps]


async def _one(lg: Any, name: str, colour: str, opener: Opener, step: Step) -> list[str]:
    done.clear()
    async with opener() as saver:
        calls = _Calls(lg, STORIES[name].build(lg, saver), colour)
        seen = [await calls.make(step), sorted(done), await calls.state(), await calls.history()]
    return Normaliser().lines(seen)


class _Calls:
    """The methods of a graph, of either colour."""

    def __init__(self, lg: Any, graph: Any, colour: str) -> None:
        self._lg, self._graph, self._colour = lg, graph, colour

    async def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if self._colour == "async":
            return await getattr(self._graph, f"a{name}")(*args, **kwargs)
        return getattr(self._graph, name)(*args, **kwargs)

    async def state(self) -> Any:
        return _sorted(await self._call("get_state", CONFIG, subgraphs=True))

    async def history(self) -> Any:
        if self._colour == "async":
            return [_sorted(state) async for state in self._graph.aget_state_history(CONFIG)]
        return [_sorted(state) for state in self._graph.get_state_history(CONFIG)]

    async def make(self, step: Step) -> Any:
        """Return the chunks of a step's call, or what ended it."""
        config = CONFIG
        if step.back:
            config = (await self.history())[step.back].config
        if step.update is not None:
            await self._call("update_state", config, step.update, as_node=step.as_node)
            return "updated"
        place = {**config["configurable"], "failing": step.failing}
        given = {"stream_mode": ["values", "updates"], "durability": "sync", **step.options}
        chunks: list[Any] = []
        try:
            if self._colour == "async":
                async for chunk in self._graph.astream(
                    await self._input(step), {"configurable": place}, **given
                ):
                    chunks.append(chunk)
            else:
                chunks.extend(self._graph.stream(await self._input(step), {"configurable": place}, **given))
        except Exception as error:
            chunks.append(Raised(error))
        return _settled(chunks)

    async def _input(self, step: Step) -> Any:
        if step.answers:
            pending = (await self.state()).interrupts
            answers = {p.id: step.answers[p.value] for p in pending if p.value in step.answers}
            return self._lg.types.Command(resume=answers)
        if step.command:
            return self._lg.types.Command(**step.command)
        return step.input if step.answer is None else self._lg.types.Command(resume=step.answer)


def _sorted(state: Any) -> Any:
    """Return a state whose metadata are in one order; a database that knows JSON has one of its own."""
    tasks = tuple(
        task._replace(state=_sorted(task.state)) if hasattr(task.state, "tasks") else task
        for task in state.tasks
    )
    metadata = state.metadata and dict(sorted(state.metadata.items()))
    return state._replace(metadata=metadata, tasks=tasks)


def _settled(chunks: list[Any]) -> list[Any]:
    """Return the updates in one order, for tasks run side by side, and what came last."""
    updates = [chunk for chunk in chunks if isinstance(chunk, tuple) and chunk[0] == "updates"]
    last: Any = chunks[-1] if chunks else None
    if isinstance(last, tuple) and isinstance(last[1], dict):
        last = {key: value for key, value in last[1].items() if key != "__interrupt__"}
    return [*sorted(updates, key=repr), last]


def main(package: str, folder: str, plan: str) -> None:
    """Tell what is asked for and print it."""
    lg = Engine(package)
    told = []
    for name, colour, file, first, last in json.loads(plan):
        told.append(tell(lg, name, colour, on_file(lg, Path(folder) / file, colour), first, last))
    print(json.dumps(told))


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    main(*sys.argv[1:])
