"""Tokens in the stream: at once, never in the trace, and only where somebody reads them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from typing import Any

import pytest
from typing_extensions import TypedDict

from otgraph.errors import StreamOverflowError
from otgraph.messages import model_call
from otgraph.telemetry import watch
from otgraph.tracing import names
from otgraph.types import Buffer, RetryPolicy

from .conftest import Drive, Traced, fake, line, paced

pytest.importorskip("langchain_core")


class State(TypedDict, total=False):
    topic: str
    answer: str


def texts(chunks: list[Any]) -> list[str]:
    return [message.content for message, _ in chunks]


def test_a_token_arrives_before_the_next_one_is_made(drive: Drive) -> None:
    """The consumer has each token while its model is still speaking."""
    said: list[str] = []
    missing: list[int] = []
    words = ["one", "two", "three"]

    def wait() -> None:
        made.append(1)
        deadline = threading.Event()
        for _ in range(200):
            if len(said) >= len(made):
                return
            deadline.wait(0.005)
        missing.append(len(made))

    made: list[int] = []
    if not drive.sync:
        # On one event loop the consumer has its turn when the node next awaits, which it has just done.
        def wait() -> None:
            made.append(1)
            if len(said) < len(made) - 1:
                missing.append(len(made))

    graph = line(State, n=drive.asks(paced(words, wait)))
    drive.each(graph, lambda chunk: said.append(chunk[0].content), {"topic": "x"}, stream_mode="messages")
    assert ([], words) == (missing, [word for word in said if word])


def test_tokens_are_counted_and_not_recorded(drive: Drive, traced: Traced) -> None:
    """The span of a task says how many tokens there were and when the first came; it has no event of them."""
    graph = line(State, n=drive.asks(fake("big red fox")))
    chunks = drive.stream(graph, {"topic": "x"}, stream_mode="messages", telemetry=traced.options)
    span = traced.span("invoke_node n")
    assert len(chunks) == 5 == span.attributes[names.MESSAGE_COUNT]
    assert 0 < span.attributes[names.FIRST_MESSAGE] < (span.end_time - span.start_time) / 1e9
    assert ["otgraph.task.committed"] == [event.name for event in span.events]


@pytest.mark.parametrize("mode", ["values", "updates", "tasks", "custom", "spans", "debug"])
def test_nobody_streams_for_other_modes(drive: Drive, traced: Traced, mode: str) -> None:
    """Where nobody reads messages a model is not asked to stream, and the trace says nothing of tokens."""
    streamed: list[int] = []
    graph = line(State, n=drive.asks(paced(["a", "b"], lambda: streamed.append(1))))
    drive.stream(graph, {"topic": "x"}, stream_mode=mode, telemetry=traced.options)
    assert [] == streamed
    assert names.MESSAGE_COUNT not in traced.span("invoke_node n").attributes


def test_other_modes_show_the_same_beside_messages(drive: Drive) -> None:
    """Chunks of other modes are the same whether messages are streamed or not."""
    modes = ["values", "updates", "tasks"]

    def chunks(*more: str) -> list[str]:
        graph = line(State, n=drive.asks(fake("big red fox")))
        found = drive.stream(graph, {"topic": "x"}, stream_mode=[*modes, *more])
        return [f"{mode} {sorted(chunk)}" for mode, chunk in found if mode != "messages"]

    assert chunks() == chunks("messages")


def test_parts_and_metadata_say_which_attempt(drive: Drive) -> None:
    """A part has the attempt; so has the metadata, from the second attempt on, and LangGraph's keys stay."""
    attempts: list[int] = []

    @drive.node
    def fails_once(state: State) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise ConnectionError("lost")

    model = fake("hi")

    def ask(state: State) -> Any:
        model.invoke("x")
        return fails_once(state)

    async def ask_async(state: State) -> Any:
        await model.ainvoke("x")
        return await fails_once(state)

    from otgraph.graph import START, StateGraph

    builder: Any = StateGraph(State)
    patient = RetryPolicy(initial_interval=0.001, jitter=False)
    builder.add_node("n", ask if drive.sync else ask_async, retry_policy=patient).add_edge(START, "n")
    parts = drive.stream(builder.compile(), {"topic": "x"}, stream_mode="messages", version="v2")
    assert [1, 2] == [part.attempt for part in parts]
    first, second = (part["data"][1] for part in parts)
    assert {"otgraph_attempt"} == set(second) - set(first)
    assert 2 == second["otgraph_attempt"]


def test_the_tokens_of_one_call_share_their_metadata(drive: Drive) -> None:
    """Metadata is made once a call, and another call's is another object."""
    graph = line(State, n=drive.asks(fake("a b"), fake("c d", tags=["second"])))
    metadata = [found for _, found in drive.stream(graph, {"topic": "x"}, stream_mode="messages")]
    assert [["second"]] * 3 == [found.get("tags") for found in metadata[3:]]
    assert all(found is metadata[0] for found in metadata[:3])


def test_messages_returned_get_their_id_before_they_are_shown_or_saved(drive: Drive) -> None:
    """In `updates` alone, in the saved state and in the result a message has one and the same id."""
    from langchain_core.messages import AIMessage

    from otgraph.checkpoint.memory import InMemorySaver
    from otgraph.graph import START, MessagesState, StateGraph

    builder: Any = StateGraph(MessagesState)
    builder.add_node("n", drive.node(lambda state: {"messages": [AIMessage("hi")]})).add_edge(START, "n")
    graph = builder.compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    shown: list[Any] = []
    drive.each(
        graph,
        lambda chunk: shown.append(chunk["n"]["messages"][0].id),
        {"messages": "x"},
        config,
        stream_mode="updates",
    )
    saved = graph.get_state(config).values["messages"][-1].id
    assert saved is not None
    assert [saved] == shown


def test_a_slow_reader_holds_the_model_up_or_loses_or_fails(drive: Drive) -> None:
    """Tokens wait in the bounded queue of their reader, under its policy."""
    words = [f"w{number}" for number in range(35)]

    @drive.node
    def burst(state: State) -> None:
        with model_call("m") as call:
            for word in words:
                call.token(word)

    def read(policy: Any) -> list[str]:
        found: list[Any] = []

        def take(chunk: Any) -> None:
            threading.Event().wait(0.002)
            found.append(chunk)

        buffer = Buffer(size=4, policy=policy)
        drive.each(line(State, n=burst), take, {"topic": "x"}, stream_mode="messages", buffer=buffer)
        return texts(found)

    assert words == read("block")
    left = read("drop_oldest")
    assert words[-4:] == left[-4:]
    assert len(left) < len(words)
    with pytest.raises(StreamOverflowError):
        read("error")


def test_a_reader_that_comes_later_gets_the_rest() -> None:
    """Somebody who begins to watch a run sees the tokens of model calls that are begun from then on."""
    here, go = threading.Event(), threading.Event()

    def wait(state: State) -> None:
        here.set()
        go.wait(10)

    graph = line(State, first=wait, second=Drive("threads").asks(fake("big red fox")))
    config = {"configurable": {"thread_id": "late"}}
    worker = threading.Thread(target=graph.invoke, args=({"topic": "x"}, config))
    worker.start()
    here.wait(10)
    with watch(thread_id="late", stream_mode="messages", timeout=10) as chunks:
        go.set()
        assert "big red fox" == "".join(texts(list(chunks)))
    worker.join()


def test_a_model_that_goes_on_when_nobody_reads_disturbs_nobody(
    drive: Drive, capsys: pytest.CaptureFixture[str]
) -> None:
    """A consumer that leaves in the middle of an answer ends the run, and the model's handler says nothing more."""
    graph = line(State, n=drive.asks(paced(["a"] * 50, lambda: None)))
    if drive.sync:
        stream = graph.stream({"topic": "x"}, stream_mode="messages")
        next(stream)
        stream.close()
    else:

        async def read() -> None:
            chunks = graph.astream({"topic": "x"}, stream_mode="messages")
            await chunks.__anext__()
            await chunks.aclose()

        asyncio.run(read())
    assert "" == capsys.readouterr().err


def test_tools_and_branches_and_threads_of_langchain_find_the_run(drive: Drive) -> None:
    """Models called in a tool, or side by side by LangChain itself, stream into the run of their node."""
    from langchain_core.runnables import RunnableParallel
    from langchain_core.tools import tool

    model = fake("word")

    @tool
    def look_up(place: str) -> str:
        """Look something up."""
        return str(model.invoke(place).content)

    both = RunnableParallel(a=model, b=model)

    def node(state: State) -> None:
        look_up.invoke({"place": "x"})
        both.invoke("hi")
        model.batch(["1", "2"])

    async def node_async(state: State) -> None:
        await look_up.ainvoke({"place": "x"})
        await both.ainvoke("hi")
        await model.abatch(["1", "2"])

    graph = line(State, n=node if drive.sync else node_async)
    chunks = drive.stream(graph, {"topic": "x"}, stream_mode="messages")
    assert ["word"] * 5 == texts(chunks)
    assert {"n"} == {metadata["langgraph_node"] for _, metadata in chunks}


def test_importing_otgraph_imports_no_langchain() -> None:
    """`import otgraph.graph`, and a run whose messages nobody reads, leave LangChain alone."""
    program = """
import json, sys
from typing import TypedDict
from otgraph.graph import START, StateGraph, MessagesState, add_messages
import otgraph.graph.message, otgraph.messages, otgraph.types
class State(TypedDict):
    x: int
graph = StateGraph(State).add_node("n", lambda state: {"x": 1}).add_edge(START, "n").compile()
graph.invoke({"x": 0})
list(graph.stream({"x": 0}, stream_mode=["values", "custom", "debug"]))
print(json.dumps(sorted(name for name in sys.modules if name.startswith(("langchain", "langsmith")))))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert [] == json.loads(done.stdout)


def test_a_node_may_be_the_first_to_import_langchain() -> None:
    """Tokens are streamed in a process whose nodes import LangChain when they run."""
    program = """
import sys
from otgraph.graph import START, MessagesState, StateGraph

def ask(state):
    from langchain_core.language_models.fake_chat_models import FakeListChatModel
    return {"messages": [FakeListChatModel(responses=["yes"]).invoke("?")]}

graph = StateGraph(MessagesState).add_node(ask).add_edge(START, "ask").compile()
assert "langchain_core" not in sys.modules
print("|".join(chunk.content for chunk, _ in graph.stream({"messages": []}, stream_mode="messages")))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stderr, done.stdout.rstrip("|\n")) == ("", "y|e|s")
