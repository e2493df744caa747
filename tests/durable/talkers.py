"""
One of many processes that hold conversations on one SQLite file at once.

Run as `talkers FILE NUMBER CONVERSATIONS TURNS COLOUR`; it waits for a line before it begins, so that all begin at
once. Rule: every fault ends the process with a traceback.
"""

from __future__ import annotations

import asyncio
import operator
import sys
import threading
import traceback
from typing import Annotated, Any, TypedDict

from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from otgraph.graph import START, StateGraph
from otgraph.types import Command, Send, interrupt

__all__ = ["expected", "place"]


class Talk(TypedDict):
    said: Annotated[list[str], operator.add]


def place(process: object, number: object) -> Any:
    return {"configurable": {"thread_id": f"{process}.{number}"}}


def expected(turns: int) -> list[str]:
    """Return all that is said in a conversation."""
    return [word for turn in range(turns) for word in (f"question {turn}", "a", "b", f"answer {turn}")]


def hear(state: Talk) -> list[Send]:
    return [Send("echo", {"said": [word]}) for word in "ab"]


def echo(state: Talk) -> Talk:
    return {"said": state["said"]}


def answer(state: Talk) -> Talk:
    return {"said": [interrupt("what?")]}


def conversation(saver: Any) -> Any:
    """Return a graph with tasks side by side and a question to answer."""
    builder = StateGraph(Talk)
    builder.add_node("echo", echo)
    builder.add_node("answer", answer)
    builder.add_conditional_edges(START, hear, ["echo"])
    builder.add_edge("echo", "answer")
    return builder.compile(checkpointer=saver)


def talk(graph: Any, config: Any, turns: int) -> None:
    for turn in range(turns):
        asked = graph.invoke({"said": [f"question {turn}"]}, config)
        assert "__interrupt__" in asked, asked
        said = graph.invoke(Command(resume=f"answer {turn}"), config)["said"]
        assert expected(turn + 1) == said, said


async def atalk(graph: Any, config: Any, turns: int) -> None:
    for turn in range(turns):
        asked = await graph.ainvoke({"said": [f"question {turn}"]}, config)
        assert "__interrupt__" in asked, asked
        said = (await graph.ainvoke(Command(resume=f"answer {turn}"), config))["said"]
        assert expected(turn + 1) == said, said


def in_threads(path: str, process: str, conversations: int, turns: int) -> None:
    faults: list[str] = []
    with SqliteSaver.from_conn_string(path, busy_timeout=120) as saver:
        graph = conversation(saver)

        def work(number: int) -> None:
            try:
                talk(graph, place(process, number), turns)
            except BaseException:
                faults.append(traceback.format_exc())

        threads = [threading.Thread(target=work, args=(number,)) for number in range(conversations)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if faults:
        sys.exit(f"{len(faults)} conversations failed; the first:\n{faults[0]}")


async def in_tasks(path: str, process: str, conversations: int, turns: int) -> None:
    async with AsyncSqliteSaver.from_conn_string(path, busy_timeout=120) as saver:
        graph = conversation(saver)
        await asyncio.gather(
            *(atalk(graph, place(process, number), turns) for number in range(conversations))
        )


if __name__ == "__main__":
    file, process, conversations, turns, colour = sys.argv[1:]
    print("ready", flush=True)
    sys.stdin.readline()
    if colour == "async":
        asyncio.run(in_tasks(file, process, int(conversations), int(turns)))
    else:
        in_threads(file, process, int(conversations), int(turns))
