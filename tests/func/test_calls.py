"""Calls of tasks: what they run beside, what they return, where they may be made."""

from __future__ import annotations

import contextvars
import operator
import threading
from typing import Annotated, Any, TypedDict

import pytest

from otgraph.config import get_config, get_stream_writer
from otgraph.func import entrypoint, task
from otgraph.graph import START, StateGraph

from .conftest import MODES, Colour, Trace


def test_a_call_returns_a_future(colour: Colour) -> None:
    """The result of a task is that of the future that its call returns at once."""
    double = task(colour.function(lambda x: 2 * x))

    async def main(x: int) -> int:
        return await colour.result(double(x)) + 1

    assert 7 == colour.invoke(entrypoint()(colour.function(main)), 3)


def test_the_order_of_a_stream(colour: Colour) -> None:
    """A task starts when it is called; what it says, its update and its result come before its caller goes on."""

    def t(x: int) -> int:
        get_stream_writer()("in t")
        return x + 1

    called = task(colour.function(t))

    async def main(x: int) -> int:
        get_stream_writer()("start")
        result = await colour.result(called(x))
        get_stream_writer()("end")
        return result

    chunks = colour.stream(entrypoint()(colour.function(main)), 1, stream_mode=MODES)
    ids = {chunk["id"]: chunk["name"] for mode, chunk in chunks if mode == "tasks"}
    assert sorted(ids.values()) == ["main", "t"]
    no_id = [
        (mode, {**chunk, "id": ids[chunk["id"]]} if mode == "tasks" else chunk) for mode, chunk in chunks
    ]
    assert no_id == [
        ("tasks", {"id": "main", "name": "main", "input": 1, "triggers": ("__start__",)}),
        ("custom", "start"),
        ("tasks", {"id": "t", "name": "t", "input": ((1,), {}), "triggers": ("__pregel_push",)}),
        ("custom", "in t"),
        ("updates", {"t": 2}),
        ("tasks", {"id": "t", "name": "t", "error": None, "result": {"__return__": 2}, "interrupts": []}),
        ("custom", "end"),
        ("updates", {"main": 2}),
        ("tasks", {"id": "main", "name": "main", "error": None, "result": {"__end__": 2}, "interrupts": []}),
        ("values", 2),
    ]


def test_calls_run_side_by_side(colour: Colour) -> None:
    """Several calls are in progress at once: each of four waits until all of them have begun."""
    begun = threading.Semaphore(0)

    async def meet(x: int) -> int:
        begun.release()
        for _ in range(500):
            if begun._value >= 4:
                return x
            await colour.nap(0.01)
        raise AssertionError("the others did not begin")

    meeting = task(colour.function(meet))

    async def main(n: int) -> list[int]:
        return await colour.results([meeting(i) for i in range(n)])

    assert [0, 1, 2, 3] == colour.invoke(entrypoint()(colour.function(main)), 4)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_limit_is_kept_and_never_blocks(colour: Colour, limit: int) -> None:
    """With `max_concurrency` so many tasks run at once, and callers, which wait for them, are not in their way."""
    lock = threading.Lock()
    now, most = [0], [0]

    async def leaf(x: int) -> int:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        await colour.nap(0.005)
        with lock:
            now[0] -= 1
        return x

    leaves = task(colour.function(leaf))

    async def branch(x: int) -> int:
        return sum(await colour.results([leaves(x), leaves(x + 1)]))

    branches = task(colour.function(branch))

    async def main(n: int) -> int:
        return sum(await colour.results([branches(i) for i in range(n)]))

    graph = entrypoint()(colour.function(main))
    for mode in (None, "updates"):
        if mode is None:
            assert 16 == colour.invoke(graph, 4, {"max_concurrency": limit})
        else:
            assert {"main": 16} == colour.updates(graph, 4, {"max_concurrency": limit})[-1]
    assert most[0] <= limit


@pytest.mark.parametrize("value", [0, False, None, "", [], {}])
def test_falsy_results_are_results(colour: Colour, value: Any) -> None:
    """Whatever a task returns is its result."""
    empty = task(colour.function(lambda: value), name="empty")

    async def main(_: int) -> Any:
        return [await colour.result(empty())]

    graph = entrypoint()(colour.function(main))
    assert [value] == colour.invoke(graph, 1)
    assert [{"empty": value}, {"main": [value]}] == colour.updates(graph, 1)


class Unlucky(Exception):
    """What the tasks of these tests raise."""


def test_an_error_comes_out_of_the_future(colour: Colour, trace: Trace) -> None:
    """The body may catch what a task raises, which is the same object; then the run does not fail."""
    error = Unlucky("no")

    def fail() -> None:
        raise error

    failing = task(colour.function(fail))
    caught: list[Any] = []

    async def main(x: int) -> str:
        try:
            await colour.result(failing())
        except Unlucky as raised:
            caught.append(raised)
        return "went on"

    assert "went on" == colour.invoke(entrypoint(telemetry=trace.options)(colour.function(main)), 1)
    assert caught == [error]
    assert caught[0] is error
    assert trace.outcomes() == {"fail": "error", "main": "success"}


def test_an_error_that_is_not_caught_fails_the_run(colour: Colour) -> None:
    """The error passes through the body, and both tasks show it."""

    def fail() -> None:
        raise Unlucky("no")

    failing = task(colour.function(fail))

    async def main(x: int) -> None:
        await colour.result(failing())

    chunks = colour.stream(entrypoint()(colour.function(main)), 1, stream_mode="tasks")
    assert [chunk["name"] for chunk in chunks[:-1] if "error" in chunk] == ["fail", "main"]
    assert all(isinstance(chunk["error"], Unlucky) for chunk in chunks[:-1] if "error" in chunk)
    assert isinstance(chunks[-1], Unlucky)


def test_a_call_that_nobody_waits_for_is_part_of_the_run(colour: Colour) -> None:
    """The run ends when all its calls have; what such a call raises fails nobody."""
    done: list[int] = []

    async def later(x: int) -> int:
        await colour.nap(0.03)
        done.append(x)
        if x == 2:
            raise Unlucky("who cares")
        return x

    slow = task(colour.function(later), name="slow")

    def main(x: int) -> str:
        slow(1), slow(2)
        return "first"

    graph = entrypoint()(colour.function(main))
    assert "first" == colour.invoke(graph, 1)
    assert sorted(done) == [1, 2]
    chunks = colour.stream(graph, 1, stream_mode=["updates", "values"])
    assert chunks == [("updates", {"main": "first"}), ("updates", {"slow": 1}), ("values", "first")]


def test_tasks_call_tasks(colour: Colour, trace: Trace) -> None:
    """A task's own calls are below it, in the trace as in namespaces."""

    def inner(x: int) -> Any:
        return get_config()["configurable"]["checkpoint_ns"]

    innermost = task(colour.function(inner))

    async def outer(x: int) -> Any:
        return await colour.result(innermost(x))

    around = task(colour.function(outer))

    async def main(x: int) -> Any:
        return await colour.result(around(x))

    ns = colour.invoke(entrypoint(telemetry=trace.options)(colour.function(main)), 1)
    assert ["main", "outer", "inner"] == [level.partition(":")[0] for level in ns.split("|")]
    assert trace.parents() == {
        "otgraph.superstep": "invoke_workflow main",
        "invoke_node main": "otgraph.superstep",
        "invoke_node outer": "invoke_node main",
        "invoke_node inner": "invoke_node outer",
    }


class State(TypedDict):
    log: Annotated[list[Any], operator.add]


def test_nodes_call_tasks(colour: Colour) -> None:
    """In a node of a graph a call is a task too, and belongs to the node's superstep."""
    add = task(colour.function(lambda x: x + 1), name="add")

    async def node(state: State) -> Any:
        return {"log": await colour.results([add(1), add(2)])}

    graph = StateGraph(State).add_node("node", colour.function(node)).add_edge(START, "node").compile()
    chunks = colour.stream(
        graph, {"log": []}, stream_mode=["updates", "values"], config={"max_concurrency": 1}
    )
    assert chunks == [
        ("values", {"log": []}),
        ("updates", {"add": 2}),
        ("updates", {"add": 3}),
        ("updates", {"node": {"log": [2, 3]}}),
        ("values", {"log": [2, 3]}),
    ]


def test_graphs_inside_tasks(colour: Colour) -> None:
    """A graph that a task invokes is in the namespace of the task, below that of its caller."""
    inner = entrypoint()(colour.function(lambda x: x + 1))

    async def call(x: int) -> Any:
        return inner.invoke(x) if colour.plain else await inner.ainvoke(x)

    calling = task(colour.function(call))

    async def main(x: int) -> Any:
        return await colour.result(calling(x))

    chunks = colour.stream(entrypoint()(colour.function(main)), 1, stream_mode="values", subgraphs=True)
    assert [([level.partition(":")[0] for level in ns], value) for ns, value in chunks] == [
        (["main", "call"], 2),
        ([], 2),
    ]


def test_a_task_sees_the_context_of_its_caller(colour: Colour) -> None:
    """Context variables that the body has set are set in the task, and what the task sets stays there."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    def look() -> str:
        seen = variable.get()
        variable.set("of the task")
        return seen

    looking = task(colour.function(look))

    async def main(x: int) -> Any:
        variable.set("of the body")
        return await colour.result(looking()), variable.get()

    assert ("of the body", "of the body") == colour.invoke(entrypoint()(colour.function(main)), 1)
    assert variable.get() == "unset"


def test_outside_of_a_run() -> None:
    """A call outside of a run is an error that says what to do."""

    @task
    def lonely(x: int) -> int:
        return x

    with pytest.raises(RuntimeError, match="outside of a runnable context.*'lonely'.*lonely.func"):
        lonely(1)
    assert lonely.func(1) == 1


def test_an_async_task_in_a_sync_run() -> None:
    """No thread could await it, so the call is refused, with advice."""

    @task
    async def coro(x: int) -> int:
        return x

    @entrypoint()
    def main(x: int) -> Any:
        return coro(x).result()

    with pytest.raises(RuntimeError, match="async tasks cannot be called: 'coro' is async.*ainvoke"):
        main.invoke(1)


def test_a_late_call_is_refused(colour: Colour) -> None:
    """Code that has outlived its run, or its superstep, is told so."""
    add = task(colour.function(lambda x: x + 1), name="add")
    kept: list[contextvars.Context] = []

    async def main(x: int) -> Any:
        kept.append(contextvars.copy_context())
        return await colour.result(add(x))

    colour.invoke(entrypoint()(colour.function(main)), 1)
    with pytest.raises(
        RuntimeError, match="node 'main' used the task 'add' after it was given up or its run was over"
    ):
        kept[0].run(add, 1)


def test_a_call_from_a_past_superstep_is_refused() -> None:
    """A node that is over calls no tasks, though its run goes on."""
    kept: list[contextvars.Context] = []

    @task
    def add(x: int) -> int:
        return x + 1

    def first(state: State) -> Any:
        kept.append(contextvars.copy_context())
        return {"log": [add(1).result()]}

    def second(state: State) -> Any:
        with pytest.raises(RuntimeError, match="used the task 'add'"):
            kept[0].run(add, 1)
        return {"log": ["refused"]}

    graph = StateGraph(State).add_sequence([first, second]).add_edge(START, "first").compile()
    assert graph.invoke({"log": []}) == {"log": [2, "refused"]}


def test_an_attempt_that_left_a_call_behind(colour: Colour) -> None:
    """When a body runs again, a call of its failed attempt that still goes on is the one that it waits for."""
    from otgraph.types import RetryPolicy

    runs: list[str] = []

    async def slow(x: int) -> int:
        runs.append("task")
        await colour.nap(0.05)
        return x

    calling = task(colour.function(slow))

    async def main(x: int) -> int:
        runs.append("body")
        future = calling(x)
        if runs.count("body") == 1:
            raise ConnectionError("once")
        return await colour.result(future)

    policy = RetryPolicy(initial_interval=0.001, jitter=False)
    assert 3 == colour.invoke(entrypoint(retry_policy=policy)(colour.function(main)), 3)
    assert runs.count("task") == 1


def test_a_thousand_calls(colour: Colour) -> None:
    """Many calls at once, and many in a row, come to their end."""
    add = task(colour.function(lambda x: x + 1), name="add")

    async def main(n: int) -> int:
        total = sum(await colour.results([add(i) for i in range(n)]))
        for _ in range(n):
            total = await colour.result(add(total))
        return total

    assert 500 * 501 // 2 + 500 == colour.invoke(entrypoint()(colour.function(main)), 500)
