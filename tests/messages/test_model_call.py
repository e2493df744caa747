"""`model_call`: tokens of a client that knows nothing of graphs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from typing_extensions import TypedDict

from otgraph.errors import RunEndedError
from otgraph.messages import MessageChunk, model_call

from .conftest import Drive, Traced, line


class State(TypedDict, total=False):
    topic: str
    answer: str


def chunk_of(text: str) -> Any:
    """Return a chunk in the shape of OpenAI's."""
    return SimpleNamespace(choices=[SimpleNamespace(delta=SimpleNamespace(content=text))])


def client(*words: str) -> Iterator[Any]:
    yield from map(chunk_of, words)


async def async_client(*words: str) -> AsyncIterator[Any]:
    for word in words:
        await asyncio.sleep(0)
        yield chunk_of(word)


def answering(drive: Drive, *words: str, **options: Any) -> Any:
    """Return a node that streams a client's answer."""

    def answer(state: State) -> Any:
        text = ""
        with model_call("gpt-4o-mini", provider="openai", **options) as call:
            for chunk in client(*words):
                text += chunk.choices[0].delta.content
                call.token(chunk.choices[0].delta.content)
        return {"answer": text}

    async def answer_async(state: State) -> Any:
        text = ""
        with model_call("gpt-4o-mini", provider="openai", **options) as call:
            async for chunk in async_client(*words):
                text += chunk.choices[0].delta.content
                call.token(chunk.choices[0].delta.content)
        return {"answer": text}

    return answer if drive.sync else answer_async


def test_tokens_have_the_metadata_of_models(drive: Drive) -> None:
    """A token says where in the graph it is from, which model it is of, and what the user and the call said."""
    graph = line(State, n=answering(drive, "big ", "", "fox", tags=["joke"], metadata={"try": 1}))
    config = {"tags": ["u"], "metadata": {"um": 2}, "configurable": {"thread_id": "7"}}
    chunks = drive.stream(graph, {"topic": "x"}, config, stream_mode="messages")
    assert ["big ", "fox"] == [chunk.content for chunk, _ in chunks]
    assert 1 == len({chunk.id for chunk, _ in chunks})
    assert {"AIMessageChunk"} == {chunk.type for chunk, _ in chunks}
    metadata = chunks[0][1]
    task = metadata["langgraph_checkpoint_ns"]
    assert {
        "um": 2,
        "thread_id": "7",
        "langgraph_step": 1,
        "langgraph_node": "n",
        "langgraph_triggers": ("branch:to:n",),
        "langgraph_path": ("__pregel_pull", "n"),
        "langgraph_checkpoint_ns": task,
        "checkpoint_ns": task,
        "ls_integration": "otgraph",
        "ls_model_type": "chat",
        "ls_model_name": "gpt-4o-mini",
        "ls_provider": "openai",
        "try": 1,
        "tags": ["u", "joke"],
    } == metadata


def test_chunks_of_any_kind_are_handed_out_as_they_are(drive: Drive) -> None:
    """A text becomes a chunk; a dict, a message or a client's own object stays what it is; nothing is nothing."""
    thing = chunk_of("x")

    @drive.node
    def n(state: State) -> None:
        with model_call("m") as call:
            for chunk in (thing, {"content": "y"}, "z", None, ""):
                call.token(chunk)

    chunks = [chunk for chunk, _ in drive.stream(line(State, n=n), {"topic": "x"}, stream_mode="messages")]
    assert thing is chunks[0]
    assert {"content": "y"} == chunks[1]
    assert [MessageChunk("z", chunks[2].id)] == chunks[2:]


def test_a_whole_answer_is_shown_to_those_who_saw_no_piece_of_it(drive: Drive) -> None:
    """`message` hands out an answer that did not stream, and none whose id was streamed."""

    @drive.node
    def n(state: State) -> None:
        with model_call("m") as streamed:
            streamed.token("piece")
            streamed.message(MessageChunk("piece", streamed.id, "ai"))
        with model_call("m") as whole:
            whole.message({"role": "assistant", "content": "all", "id": whole.id})

    chunks = [chunk for chunk, _ in drive.stream(line(State, n=n), {"topic": "x"}, stream_mode="messages")]
    assert ["piece", "all"] == [
        chunk["content"] if isinstance(chunk, dict) else chunk.content for chunk in chunks
    ]


def test_nostream_hides_tokens(drive: Drive) -> None:
    """The tag `nostream` keeps a call out of the stream."""
    graph = line(State, n=answering(drive, "a", tags=["nostream"]))
    assert [] == drive.stream(graph, {"topic": "x"}, stream_mode="messages")


def test_a_call_is_counted_whoever_listens(drive: Drive, traced: Traced) -> None:
    """The task's span counts the tokens that its code handed over, and has no events of them."""
    graph = line(State, n=answering(drive, "a", "b", "c"))
    assert "abc" == drive.invoke(graph, {"topic": "x"}, telemetry=traced.options)["answer"]
    span = traced.span("invoke_node n")
    assert 3 == span.attributes["otgraph.messages.count"]
    assert ["otgraph.task.committed"] == [event.name for event in span.events]


def test_outside_of_a_run_nothing_happens() -> None:
    """Code that passes tokens on can be called, and tested, without a graph."""
    with model_call("m", provider="p") as call:
        call.token("a")
        call.message("b")
    assert call.id.startswith("run-")


def test_a_call_that_outlives_its_run_is_told_so(drive: Drive) -> None:
    """Once the run is over, nobody takes tokens: whoever makes more of them learns it by an error."""
    left: list[Any] = []

    @drive.node
    def n(state: State) -> None:
        left.append(model_call("m"))

    drive.invoke(line(State, n=n), {"topic": "x"})
    with pytest.raises(RunEndedError, match="'n' used its stream of messages after"):
        left[0].token("late")


def test_an_error_passes_through(drive: Drive) -> None:
    """A call swallows no exception."""

    @drive.node
    def n(state: State) -> None:
        with model_call("m") as call:
            call.token("a")
            raise ConnectionError("lost")

    with pytest.raises(ConnectionError, match="lost"):
        drive.invoke(line(State, n=n), {"topic": "x"})
