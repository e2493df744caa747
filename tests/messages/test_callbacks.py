"""LangChain's callback handlers beside a run: each chain ends once, and handlers change nothing."""

from __future__ import annotations

import asyncio
import operator
from collections import Counter
from typing import Annotated, Any

import pytest
from typing_extensions import TypedDict

from otgraph.graph import START, StateGraph
from otgraph.tracing import names
from otgraph.types import RetryPolicy, interrupt

from .conftest import Drive, Traced, line

pytest.importorskip("langchain_core")

from langchain_core.callbacks import BaseCallbackHandler


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


class Book(BaseCallbackHandler):
    """Keeps which chains began and how each ended."""

    def __init__(self) -> None:
        self.begun: dict[Any, str] = {}
        self.ended: list[tuple[str, str]] = []

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: Any, name: str = "", **_: Any) -> None:
        self.begun[run_id] = name

    def on_chain_end(self, outputs: Any, *, run_id: Any, **_: Any) -> None:
        self.ended.append((self.begun[run_id], "end"))

    def on_chain_error(self, error: BaseException, *, run_id: Any, **_: Any) -> None:
        self.ended.append((self.begun[run_id], type(error).__name__))

    def check(self) -> dict[str, str]:
        """Return how each chain ended, after making sure that each did, once."""
        assert Counter(self.begun.values()) == Counter(name for name, _ in self.ended)
        return dict(self.ended)


def beside(**nodes: Any) -> Any:
    builder: Any = StateGraph(State)
    for name, node in nodes.items():
        builder.add_node(name, node).add_edge(START, name)
    return builder.compile()


def test_chains_end_when_a_sibling_fails(drive: Drive) -> None:
    """A failure ends the chains of the task, of those beside it and of the run."""

    @drive.node
    def bad(state: State) -> None:
        raise ValueError("boom")

    if drive.sync:

        def slow(state: State) -> None:
            import time

            time.sleep(0.05)
    else:

        async def slow(state: State) -> None:
            await asyncio.sleep(10)

    book = Book()
    with pytest.raises(ValueError, match="boom"):
        drive.invoke(beside(bad=bad, slow=slow), {"log": []}, {"callbacks": [book]})
    ended = book.check()
    assert ("ValueError", "ValueError") == (ended["bad"], ended["LangGraph"])


def test_chains_end_when_the_consumer_leaves(drive: Drive) -> None:
    """Breaking out of a stream ends all chains that were begun."""
    graph = line(
        State, a=drive.node(lambda state: {"log": ["a"]}), b=drive.node(lambda state: {"log": ["b"]})
    )
    book = Book()
    if drive.sync:
        stream = graph.stream({"log": []}, {"callbacks": [book]}, stream_mode="updates")
        next(stream)
        stream.close()
    else:

        async def leave() -> None:
            stream = graph.astream({"log": []}, {"callbacks": [book]}, stream_mode="updates")
            await stream.__anext__()
            await stream.aclose()

        asyncio.run(leave())
    assert "end" == book.check()["a"]


def test_chains_end_when_the_run_is_cancelled() -> None:
    """A cancelled run leaves no chain open."""
    book = Book()

    async def forever(state: State) -> None:
        await asyncio.sleep(10)

    async def main() -> None:
        graph = line(State, forever=forever)
        task = asyncio.create_task(graph.ainvoke({"log": []}, {"callbacks": [book]}))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert {"forever", "LangGraph"} == set(book.check())


def test_chains_end_with_interrupts_and_retries(drive: Drive) -> None:
    """Each attempt is a chain, and a pause is an error of the task only."""
    attempts: list[int] = []

    @drive.node
    def flaky(state: State) -> Any:
        attempts.append(1)
        if len(attempts) < 3:
            raise ConnectionError("lost")

    @drive.node
    def ask(state: State) -> Any:
        return {"log": [interrupt("q")]}

    builder: Any = StateGraph(State)
    patient = RetryPolicy(initial_interval=0.001, jitter=False)
    builder.add_node("flaky", flaky, retry_policy=patient).add_edge(START, "flaky")
    builder.add_node("ask", ask).add_edge("flaky", "ask")
    book = Book()
    drive.invoke(builder.compile(), {"log": []}, {"callbacks": [book]})
    book.check()
    assert [
        ("flaky", "ConnectionError"),
        ("flaky", "ConnectionError"),
        ("flaky", "end"),
        ("ask", "GraphInterrupt"),
        ("LangGraph", "end"),
    ] == book.ended


def test_a_handler_that_fails_does_not_break_the_run(drive: Drive, caplog: pytest.LogCaptureFixture) -> None:
    """What a handler raises is logged by LangChain, and the run goes on."""

    class Broken(BaseCallbackHandler):
        def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
            raise RuntimeError("handler")

    graph = line(State, a=drive.node(lambda state: {"log": ["a"]}))
    assert {"log": ["a"]} == drive.invoke(graph, {"log": []}, {"callbacks": [Broken()]})
    assert "handler" in caplog.text


@pytest.mark.parametrize("fails_at", range(1, 8))
def test_a_handler_that_insists_on_failing_fails_the_run(drive: Drive, fails_at: int) -> None:
    """With `raise_error` a handler's exception is the run's, whenever it comes, and no span is left open."""

    class Insistent(BaseCallbackHandler):
        raise_error = True
        told = 0

        def _count(self, *args: Any, **kwargs: Any) -> None:
            self.told += 1
            if self.told == fails_at:
                raise RuntimeError("handler")

        on_chain_start = on_chain_end = on_chain_error = _count

    @drive.node
    def a(state: State) -> Any:
        return {"log": ["a"]}

    graph, traced = beside(a=a, b=a), Traced()
    options: Any = {"telemetry": traced.options}
    if fails_at < 7:
        with pytest.raises(RuntimeError, match="handler"):
            drive.invoke(graph, {"log": []}, {"callbacks": [Insistent()]}, **options)
    else:
        drive.invoke(graph, {"log": []}, {"callbacks": [Insistent()]}, **options)
    assert not [span.name for span in traced.spans if names.LEAKED in span.attributes]
    assert "invoke_workflow LangGraph" == traced.spans[-1].name


def test_handlers_change_neither_chunks_nor_spans(drive: Drive) -> None:
    """With and without handlers a run streams the same chunks and has the same spans."""

    def told(callbacks: Any) -> tuple[list[Any], list[str]]:
        traced = Traced()
        graph = line(
            State, a=drive.node(lambda state: {"log": ["a"]}), b=drive.node(lambda state: {"log": ["b"]})
        )
        config = {"callbacks": callbacks} if callbacks else {}
        chunks = drive.stream(
            graph, {"log": []}, config, stream_mode=["updates", "values"], telemetry=traced.options
        )
        return chunks, [span.name for span in traced.spans]

    assert told(None) == told([Book()])
