"""The real clients of OpenAI and LangChain in nodes, against a server that streams, calls tools and fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from messages.conftest import Drive, Traced, line
from opentelemetry.trace import StatusCode
from typing_extensions import TypedDict

from otgraph.errors import RunEndedError
from otgraph.graph import MessagesState
from otgraph.messages import model_call
from otgraph.types import RetryPolicy

from .conftest import asks, chat, client
from .server import Answer, Server, limited

Serve = Callable[..., Server]

HI = {"messages": [("user", "hi")]}
FOX = Answer(text="big red fox")


class State(TypedDict, total=False):
    topic: str
    answer: str


def tells(drive: Drive, server: Server, **options: Any) -> Any:
    """Return a node that streams an answer by OpenAI's client, through `model_call`."""
    request = {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }

    def tell(state: State) -> Any:
        text = ""
        openai = client(server, "threads", **options)
        with model_call("gpt-4o-mini", provider="openai") as call:
            for chunk in openai.chat.completions.create(**request):
                piece = chunk.choices[0].delta.content if chunk.choices else None
                text += piece or ""
                call.token(piece)
        return {"answer": text}

    async def tell_async(state: State) -> Any:
        text = ""
        openai = client(server, "asyncio", **options)
        with model_call("gpt-4o-mini", provider="openai") as call:
            async for chunk in await openai.chat.completions.create(**request):
                piece = chunk.choices[0].delta.content if chunk.choices else None
                text += piece or ""
                call.token(piece)
        return {"answer": text}

    return tell if drive.sync else tell_async


def graphs(drive: Drive, server: Server) -> list[tuple[Any, Any]]:
    """Return a graph for each client, with its input."""
    return [
        (line(State, n=tells(drive, server)), {"topic": "x"}),
        (line(MessagesState, n=asks(drive, chat(server))), HI),
    ]


@pytest.mark.parametrize("which", [0, 1], ids=["openai", "langchain"])
def test_tokens_arrive_as_they_come(drive: Drive, serve: Serve, which: int) -> None:
    """Each word is with the consumer when the server says it, and not when the answer is whole."""
    graph, given = graphs(drive, serve(Answer(text="one two three four five", delay=0.03)))[which]
    seen: list[tuple[str, float]] = []
    drive.each(
        graph,
        lambda chunk: seen.append((chunk[0].content, time.monotonic())),
        given,
        stream_mode="messages",
    )
    words = [(text, at) for text, at in seen if text]
    assert ["one", " two", " three", " four", " five"] == [text for text, _ in words]
    gaps = [after - before for (_, before), (_, after) in zip(words, words[1:], strict=False)]
    assert sum(gap > 0.01 for gap in gaps) >= 3, gaps


def test_tool_calls_and_usage_come_in_pieces(drive: Drive, serve: Serve) -> None:
    """The pieces of a tool call add up to the call, and the last chunk says what was used."""
    server = serve(Answer(calls=(("get_weather", {"city": "sf"}, "c1"),), usage=(20, 7)))
    graph = line(MessagesState, n=asks(drive, chat(server)))
    pieces = [message for message, _ in drive.stream(graph, HI, stream_mode="messages")]
    whole = sum(pieces[1:], pieces[0])
    assert [("get_weather", {"city": "sf"}, "c1")] == [
        (call["name"], call["args"], call["id"]) for call in whole.tool_calls
    ]
    assert (20, 7) == (whole.usage_metadata["input_tokens"], whole.usage_metadata["output_tokens"])
    assert 1 < sum(bool(piece.tool_call_chunks) for piece in pieces)


def test_invoked_without_a_stream_it_does_not_stream(drive: Drive, serve: Serve) -> None:
    """Where nobody reads `messages`, the model is asked for the whole answer at once."""
    server = serve(FOX)
    result = drive.invoke(line(MessagesState, n=asks(drive, chat(server))), HI)
    assert "big red fox" == result["messages"][-1].content
    assert not server.requests[0].get("stream")


@pytest.mark.parametrize("which", [0, 1], ids=["openai", "langchain"])
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(text="big red fox", breaks_after=2), "openai.APIConnectionError"),
        (Answer(text="big red fox", garbles_after=2), json.JSONDecodeError),
        (limited(), "openai.RateLimitError"),
    ],
    ids=["disconnect", "malformed", "429"],
)
def test_an_error_surfaces_as_it_is(
    drive: Drive, serve: Serve, traced: Traced, which: int, answer: Answer, kind: Any
) -> None:
    """What the client raises is what the caller gets, after the tokens that had come; no span is left open."""
    if isinstance(kind, str):
        kind = getattr(pytest.importorskip("openai"), kind.rpartition(".")[2])
    graph, given = graphs(drive, serve(answer))[which]
    seen: list[str] = []
    with pytest.raises(kind):
        drive.each(
            graph,
            lambda chunk: seen.append(chunk[0].content),
            given,
            stream_mode="messages",
            telemetry=traced.options,
        )
    assert ([] if answer.status != 200 else ["big"]) == [text for text in seen if text]
    root, task = traced.span("invoke_workflow LangGraph"), traced.span("invoke_node n")
    assert "otgraph.spans.leaked" not in root.attributes
    assert StatusCode.ERROR is root.status.status_code is task.status.status_code
    assert task.attributes["error.type"] == root.attributes["error.type"]


def test_the_client_waits_as_a_429_says(drive: Drive, serve: Serve) -> None:
    """A client that may retry does so inside the node, after the time that the server gave it."""
    server = serve(limited("0.05"), FOX)
    graph = line(State, n=tells(drive, server, max_retries=1))
    assert "big red fox" == drive.invoke(graph, {"topic": "x"})["answer"]
    assert 2 == len(server.requests)


def test_a_node_retries_a_broken_stream(drive: Drive, serve: Serve) -> None:
    """After a disconnect the node runs again; the consumer has the tokens of both attempts."""
    server = serve(Answer(text="big red fox", breaks_after=2), FOX)
    from otgraph.graph import START, StateGraph

    policy = RetryPolicy(initial_interval=0.001, retry_on=lambda error: not isinstance(error, RunEndedError))
    builder: Any = StateGraph(State).add_node("n", tells(drive, server), retry_policy=policy)
    graph = builder.add_edge(START, "n").compile()
    chunks = drive.stream(graph, {"topic": "x"}, stream_mode="messages")
    assert ["big", "big", " red", " fox"] == [chunk.content for chunk, _ in chunks]
