"""A client can tell what a failed attempt has put out, and learns that another one follows."""

from __future__ import annotations

import asyncio
import operator
from typing import Annotated, Any

import pytest
from typing_extensions import TypedDict

from otgraph.graph import START, StateGraph
from otgraph.types import Part, RetryPolicy, StreamWriter

AGAIN = RetryPolicy(initial_interval=0.001, jitter=False)
EVERYTHING = ["updates", "tasks", "custom", "retries", "debug"]


class State(TypedDict):
    log: Annotated[list[Any], operator.add]


class Flaky:
    """A node that speaks and fails twice before it succeeds."""

    def __init__(self, colour: str) -> None:
        self.calls = 0
        self.node = self.sync if colour == "threads" else self.coroutine

    def sync(self, state: State, writer: StreamWriter) -> Any:
        self.calls += 1
        writer(("word", self.calls))
        if self.calls < 3:
            raise ConnectionError(f"attempt {self.calls}")
        return {"log": [self.calls]}

    async def coroutine(self, state: State, writer: StreamWriter) -> Any:
        await asyncio.sleep(0)
        return self.sync(state, writer)


@pytest.fixture(params=["threads", "asyncio"])
def colour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def one(node: Any, **policies: Any) -> Any:
    """Return a graph of one node, `n`."""
    return StateGraph(State).add_node("n", node, **policies).add_edge(START, "n").compile()


def stream(colour: str, graph: Any, **options: Any) -> list[Any]:
    """Return the chunks of a run."""
    if colour == "threads":
        return list(graph.stream({"log": []}, **options))

    async def collect() -> list[Any]:
        return [chunk async for chunk in graph.astream({"log": []}, **options)]

    return asyncio.run(collect())


def test_each_failed_attempt_is_announced(colour: str) -> None:
    """The announcement stands between what the failed attempt said and what the next one says."""
    chunks = stream(colour, one(Flaky(colour).node, retry_policy=AGAIN), stream_mode=["custom", "retries"])
    kinds = [(mode, chunk[1] if mode == "custom" else chunk["attempt"]) for mode, chunk in chunks]
    assert [("custom", 1), ("retries", 1), ("custom", 2), ("retries", 2), ("custom", 3)] == kinds
    told = chunks[1][1]
    assert ("n", 0.001, "attempt 1") == (told["name"], told["delay"], str(told["error"]))
    assert {"id", "name", "attempt", "error", "delay"} == told.keys()


def test_the_last_failure_is_no_retry(colour: str) -> None:
    """An attempt that nothing follows is told as the task's failure."""
    flaky = Flaky(colour)
    chunks: list[Any] = []
    with pytest.raises(ConnectionError, match="attempt 2"):
        chunks += stream(
            colour, one(flaky.node, retry_policy=AGAIN._replace(max_attempts=2)), stream_mode="retries"
        )
    graph = one(Flaky(colour).node, retry_policy=AGAIN._replace(retry_on=KeyError))
    with pytest.raises(ConnectionError, match="attempt 1"):
        stream(colour, graph, stream_mode="retries")
    assert [] == chunks


def test_parts_say_whose_they_are(colour: str) -> None:
    """Custom items, updates and results have the attempt that they come from, and their task's id."""
    parts: list[Part] = stream(
        colour, one(Flaky(colour).node, retry_policy=AGAIN), stream_mode=EVERYTHING, version="v2"
    )
    attempts = [(part["type"], part.attempt) for part in parts if part["type"] != "debug"]
    assert attempts == [
        ("tasks", 1),
        ("custom", 1),
        ("retries", 1),
        ("custom", 2),
        ("retries", 2),
        ("custom", 3),
        ("updates", 3),
        ("tasks", 3),
    ]
    (task,) = {part.task_id for part in parts}
    assert parts[0]["data"]["id"] == task
    assert sorted(part.seq for part in parts) == [part.seq for part in parts]


def test_parts_of_a_run_have_no_task(colour: str) -> None:
    """The state is nobody's in particular."""
    parts = stream(colour, one(Flaky(colour).node, retry_policy=AGAIN), stream_mode="values", version="v2")
    assert [None, None] == [part.task_id for part in parts]


@pytest.mark.parametrize("inner_retries", [False, True])
def test_graphs_inside_a_retried_node(colour: str, inner_retries: bool) -> None:
    """What a graph inside says has its own tasks' attempts; its namespace names the task that is tried again."""
    inner = one(Flaky(colour).node, **({"retry_policy": AGAIN} if inner_retries else {}))
    outer = one(inner, **({} if inner_retries else {"retry_policy": AGAIN}))
    parts = stream(colour, outer, stream_mode=["custom", "retries"], subgraphs=True, version="v2")
    kept: list[Part] = []
    for part in parts:
        if part["type"] == "retries":
            id = part["data"]["id"]  # noqa: A001
            assert (len(part["ns"]) == 1) is inner_retries
            kept = [
                each
                for each in kept
                if each.task_id != id and not any(level.endswith(f":{id}") for level in each["ns"])
            ]
        else:
            kept.append(part)
    assert [("word", 3)] == [part["data"] for part in kept]
    assert ([1, 2, 3] if inner_retries else [1, 1, 1]) == [p.attempt for p in parts if p["type"] == "custom"]


def test_without_asking_nothing_is_different(colour: str) -> None:
    """Where `retries` is not asked for, chunks are LangGraph's."""
    graph = one(Flaky(colour).node, retry_policy=AGAIN)
    assert [("word", 1), ("word", 2), ("word", 3)] == stream(colour, graph, stream_mode="custom")
    assert [{"n": {"log": [4]}}] == stream(colour, graph, stream_mode="updates")
