"""Functions whose runs are saved: what had finished does not run again, answers and `previous` arrive."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from otgraph.config import get_stream_writer
from otgraph.func import entrypoint, task
from otgraph.tracing import names
from otgraph.types import Command, RetryPolicy, interrupt

from .conftest import Colour, Trace

THREAD: Any = {"configurable": {"thread_id": "1"}}


class Unhurried(InMemorySaver):
    """A saver that takes its time, so that runs with the durability `async` go on meanwhile."""

    def put_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        time.sleep(0.001)
        super().put_writes(config, writes, task_id, task_path)

    async def aput_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        await asyncio.sleep(0.001)
        super().put_writes(config, writes, task_id, task_path)


@pytest.fixture(params=[InMemorySaver, Unhurried])
def saver(request: pytest.FixtureRequest) -> Any:
    """Return a saver of each kind in turn."""
    return request.param()


@pytest.fixture(params=["memory", "sqlite"])
def sync_saver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Return each saver for sync runs in turn."""
    if request.param == "memory":
        yield InMemorySaver()
    else:
        with SqliteSaver.from_conn_string(str(tmp_path / "saved.db")) as made:
            yield made


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_finished_calls_do_not_run_again(colour: Colour, saver: Any, durability: Any) -> None:
    """When a run goes on after a question, the body runs again, and its finished calls return what they did."""
    ran: list[str] = []

    def work(x: int) -> int:
        ran.append("work")
        return x + 1

    working = task(colour.function(work))

    async def main(x: int) -> Any:
        ran.append("body")
        first = await colour.result(working(x))
        answer = interrupt(first)
        return [first, answer, await colour.result(working(10))]

    graph = entrypoint(checkpointer=saver)(colour.function(main))
    paused = colour.invoke(graph, 1, THREAD, durability=durability)
    assert [question.value for question in paused["__interrupt__"]] == [2]
    assert colour.invoke(graph, Command(resume="yes"), THREAD, durability=durability) == [2, "yes", 11]
    assert ran == ["body", "work", "body", "work"]


def test_a_restored_call_only_starts(colour: Colour, trace: Trace) -> None:
    """A call that is restored is shown by its start alone, and has no second span."""
    work = task(colour.function(lambda x: x + 1), name="work")

    async def main(x: int) -> Any:
        first = await colour.result(work(x))
        return [first, interrupt("?")]

    graph = entrypoint(checkpointer=InMemorySaver(), telemetry=trace.options)(colour.function(main))
    colour.invoke(graph, 1, THREAD)
    chunks = colour.stream(graph, Command(resume="!"), THREAD, stream_mode=["tasks", "updates"])
    shown = [(mode, chunk["name"] if mode == "tasks" else chunk, "result" in chunk) for mode, chunk in chunks]
    assert shown == [
        ("tasks", "main", False),
        ("tasks", "work", False),
        ("updates", {"main": [2, "!"]}, False),
        ("tasks", "main", True),
    ]
    spans = [span.name for span in trace.spans]
    assert spans.count("invoke_node work") == 1
    assert spans.count("invoke_node main") == 2


def test_a_task_that_asks(colour: Colour, saver: Any, trace: Trace) -> None:
    """The question of a task is its caller's; both spans say so, and neither is an error."""

    def ask(x: int) -> Any:
        return interrupt(f"question {x}")

    asking = task(colour.function(ask))

    async def main(x: int) -> Any:
        return [await colour.result(asking(1)), await colour.result(asking(2))]

    graph = entrypoint(checkpointer=saver, telemetry=trace.options)(colour.function(main))
    paused = colour.invoke(graph, 1, THREAD)
    assert [question.value for question in paused["__interrupt__"]] == ["question 1"]
    assert trace.outcomes() == {"ask": "interrupted", "main": "interrupted"}
    ids = {
        span.name: (event.attributes or {})[names.INTERRUPT_IDS]
        for span in trace.spans
        for event in span.events
        if names.INTERRUPT_IDS in (event.attributes or {})
    }
    assert set(ids) == {"invoke_node ask", "invoke_node main"}
    assert len(set(ids.values())) == 1
    paused = colour.invoke(graph, Command(resume="A"), THREAD)
    assert [question.value for question in paused["__interrupt__"]] == ["question 2"]
    assert colour.invoke(graph, Command(resume="B"), THREAD) == ["A", "B"]


def test_answers_by_id(colour: Colour) -> None:
    """Tasks that ask side by side are answered by the ids of their questions."""

    def ask(x: int) -> Any:
        return interrupt(x)

    asking = task(colour.function(ask))

    async def main(n: int) -> Any:
        return await colour.results([asking(i) for i in range(n)])

    graph = entrypoint(checkpointer=InMemorySaver())(colour.function(main))
    answers: dict[str, str] = {}
    paused = colour.invoke(graph, 3, THREAD)
    while "__interrupt__" in paused:
        answers.update({question.id: f"answer {question.value}" for question in paused["__interrupt__"]})
        paused = colour.invoke(graph, Command(resume=dict(answers)), THREAD)
        if isinstance(paused, list):
            break
    assert paused == ["answer 0", "answer 1", "answer 2"]


def test_a_retry_knows_what_had_finished(colour: Colour) -> None:
    """A body that runs again after an error, in the same run, does not repeat its finished calls either."""
    ran: list[str] = []

    def work(x: int) -> int:
        ran.append("work")
        return x

    working = task(colour.function(work))

    async def main(x: int) -> int:
        result = await colour.result(working(x))
        ran.append("body")
        if ran.count("body") < 3:
            raise ConnectionError("again")
        return result

    policy = RetryPolicy(initial_interval=0.001, jitter=False)
    graph = entrypoint(checkpointer=InMemorySaver(), retry_policy=policy)(colour.function(main))
    assert colour.invoke(graph, 1, THREAD) == 1
    assert ran == ["work", "body", "body", "body"]


def test_an_error_and_then_on(colour: Colour, saver: Any) -> None:
    """A failed run goes on with None: what failed runs again, what had finished does not."""
    ran: list[Any] = []

    def work(x: int) -> int:
        ran.append(x)
        if ran.count(2) == 1 and x == 2:
            raise LookupError("once")
        return x

    working = task(colour.function(work))

    async def main(x: int) -> Any:
        return await colour.results([working(1)]) + await colour.results([working(2)])

    graph = entrypoint(checkpointer=saver)(colour.function(main))
    with pytest.raises(LookupError):
        colour.invoke(graph, 0, THREAD)
    assert colour.invoke(graph, None, THREAD) == [1, 2]
    assert ran == [1, 2, 2]


def test_previous(colour: Colour, saver: Any) -> None:
    """`previous` is what the thread's last run returned or saved; each thread has its own."""

    def main(x: int, *, previous: Any = None) -> Any:
        return entrypoint.final(value=previous, save=x)

    graph = entrypoint(checkpointer=saver)(colour.function(main))
    other: Any = {"configurable": {"thread_id": "2"}}
    assert [colour.invoke(graph, x, THREAD) for x in (1, 2, 3)] == [None, 1, 2]
    assert colour.invoke(graph, 9, other) is None
    assert colour.invoke(graph, 4, THREAD) == 3


def test_states(sync_saver: Any) -> None:
    """The state is the last returned value; it can be read, updated and looked back upon."""

    @entrypoint(checkpointer=sync_saver)
    def main(x: int, *, previous: Any = None) -> Any:
        return [x, previous]

    main.invoke(1, THREAD)
    state = main.get_state(THREAD)
    assert (state.values, state.next) == ([1, None], ())
    main.update_state(THREAD, "by hand")
    assert main.get_state(THREAD).values == "by hand"
    assert main.invoke(2, THREAD) == [2, "by hand"]
    history = list(main.get_state_history(THREAD))
    assert [state.values for state in history] == [[2, "by hand"], "by hand", "by hand", [1, None], None]
    assert [state.next for state in history] == [(), ("main",), (), (), ("main",)]


def story(saver: Any, colour: Colour) -> tuple[Any, list[int]]:
    """Return an entrypoint whose body calls a hundred tasks and asks, and a list of what ran."""
    ran: list[int] = []

    def work(x: int) -> int:
        ran.append(x)
        return x

    working = task(colour.function(work))

    async def main(n: int) -> Any:
        total = sum(await colour.results([working(i) for i in range(n)]))
        return [total, interrupt("?")]

    return entrypoint(checkpointer=saver)(colour.function(main)), ran


def test_on_sqlite(sync_saver: Any) -> None:
    """Calls that end in many threads at the same time are all kept, in memory and in a file."""
    graph, ran = story(sync_saver, Colour("threads"))
    graph.invoke(100, THREAD)
    assert graph.invoke(Command(resume="!"), THREAD) == [4950, "!"]
    assert sorted(ran) == list(range(100))


@pytest.mark.parametrize("name", ["asyncio", "mixed"])
def test_on_async_sqlite(tmp_path: Path, name: str) -> None:
    """The same on the async saver, which belongs to one loop, whatever colour the functions have."""

    async def run() -> list[int]:
        async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "saved.db")) as saver:
            graph, ran = story(saver, Colour(name))
            await graph.ainvoke(100, THREAD)
            assert await graph.ainvoke(Command(resume="!"), THREAD) == [4950, "!"]
            assert (await graph.aget_state(THREAD)).values == [4950, "!"]
            return ran

    assert sorted(asyncio.run(run())) == list(range(100))


def test_calls_in_nodes_are_restored(colour: Colour) -> None:
    """A node's finished calls are not repeated when the node runs again."""
    from otgraph.graph import START, StateGraph

    ran: list[int] = []

    def work(x: int) -> int:
        ran.append(x)
        return x

    working = task(colour.function(work))

    async def node(state: Any) -> Any:
        return {"x": [await colour.result(working(state["x"])), interrupt("?")]}

    class State(dict[str, Any]):
        x: Any

    builder = StateGraph(State).add_node("node", colour.function(node)).add_edge(START, "node")
    graph = builder.compile(checkpointer=InMemorySaver())
    colour.invoke(graph, {"x": 1}, THREAD)
    assert colour.invoke(graph, Command(resume="!"), THREAD) == {"x": [1, "!"]}
    assert ran == [1]


PROGRAM = """
import sys
from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from otgraph.func import entrypoint, task
from otgraph.types import Command, interrupt

@task
def work(x):
    print("work", flush=True)
    return x + 1

@task
def ask(x):
    return interrupt(x)

with SqliteSaver.from_conn_string(sys.argv[1]) as saver:
    @entrypoint(checkpointer=saver)
    def main(x):
        return [work(x).result(), ask(x).result()]

    given = 1 if sys.argv[2] == "begin" else Command(resume="answer")
    print(main.invoke(given, {"configurable": {"thread_id": "1"}}))
"""


def test_in_another_process(tmp_path: Path) -> None:
    """A run that waits goes on in another process."""
    said = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path / "saved.db"), step],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for step in ("begin", "resume")
    ]
    assert said[0].startswith("work\n{'__interrupt__': [Interrupt(value=1")
    assert said[1] == "[2, 'answer']\n"


def test_what_cannot_be_saved(colour: Colour) -> None:
    """A result that the saver cannot keep fails the call, and the run says why."""

    class Broken(InMemorySaver):
        def put_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
            if any(channel == "__return__" for channel, _ in writes):
                raise OSError("disk full")
            super().put_writes(config, writes, task_id, task_path)

    def work(x: int) -> int:
        get_stream_writer()("working")
        return x

    working = task(colour.function(work))

    async def main(x: int) -> int:
        return await colour.result(working(x))  # type: ignore[no-any-return]

    graph = entrypoint(checkpointer=Broken())(colour.function(main))
    with pytest.raises(OSError, match="disk full"):
        colour.invoke(graph, 1, THREAD, durability="sync")
