"""
The agent of the guide on streaming from agents, in every mode shown there, with LangChain's model of OpenAI.

The model is asked over HTTP; the server at the other end says what the guide's model would.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from llm.conftest import chat
from llm.server import Answer, Server

pytest.importorskip("langchain_openai", reason="needs langchain-openai, which the extra `dev` installs")

from otgraph.config import get_stream_writer
from otgraph.prebuilt import create_react_agent

Stream = Callable[..., "list[Any]"]

SUNNY = "It's always sunny in San Francisco!"
INPUT = {"messages": [{"role": "user", "content": "what is the weather in sf"}]}


def get_weather(city: str) -> str:
    """Get weather for a given city."""
    writer = get_stream_writer()
    # stream any arbitrary data
    writer(f"Looking up data for city: {city}")
    return f"It's always sunny in {city}!"


@pytest.fixture
def agent() -> Iterator[Any]:
    call = Answer(calls=(("get_weather", {"city": "San Francisco"}, "call_1"),), usage=(60, 15))
    with Server(call, Answer(text=SUNNY, usage=(85, 9))) as server, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield create_react_agent(model=chat(server), tools=[get_weather])


def check_updates(chunks: list[Any]) -> None:
    """The model asks for the tool, the tool answers, the model says the last word."""
    asked, answered, said = chunks
    (call,) = asked["agent"]["messages"][0].tool_calls
    assert ("get_weather", {"city": "San Francisco"}, "call_1") == (call["name"], call["args"], call["id"])
    assert (SUNNY, "call_1") == (
        answered["tools"]["messages"][0].content,
        answered["tools"]["messages"][0].tool_call_id,
    )
    assert SUNNY == said["agent"]["messages"][0].content


def check_tokens(chunks: list[Any]) -> None:
    """The tool call arrives in pieces, then the tool's message, then the answer word by word."""
    calls = [token for token, metadata in chunks if getattr(token, "tool_call_chunks", None)]
    assert len(calls) > 2
    assert {"city": "San Francisco"} == sum(calls[1:], calls[0]).tool_calls[0]["args"]
    assert [SUNNY] == [token.content for token, metadata in chunks if metadata["langgraph_node"] == "tools"]
    words = [
        token.content for token, metadata in chunks if metadata["langgraph_node"] == "agent" and token.content
    ]
    assert SUNNY.split(" ") == [word.strip() for word in words]


def test_agent_progress(stream: Stream, agent: Any) -> None:
    """`updates` has one chunk per step of the agent."""
    check_updates(stream(agent, INPUT, stream_mode="updates"))


def test_llm_tokens(stream: Stream, agent: Any) -> None:
    """`messages` has the tokens of both calls of the model."""
    check_tokens(stream(agent, INPUT, stream_mode="messages"))


def test_tool_updates(stream: Stream, agent: Any) -> None:
    """`custom` has what the tool writes."""
    assert ["Looking up data for city: San Francisco"] == stream(agent, INPUT, stream_mode="custom")


def test_multiple_modes(stream: Stream, agent: Any) -> None:
    """Each mode of a list has the chunks it has alone, with its name."""
    chunks = stream(agent, INPUT, stream_mode=["updates", "messages", "custom"])
    check_updates([chunk for mode, chunk in chunks if mode == "updates"])
    check_tokens([chunk for mode, chunk in chunks if mode == "messages"])
    assert ["Looking up data for city: San Francisco"] == [
        chunk for mode, chunk in chunks if mode == "custom"
    ]
    assert {"updates", "messages", "custom"} == {mode for mode, _ in chunks}


def test_disable_streaming(stream: Stream) -> None:
    """A model that is not to stream shows its whole messages."""
    with Server(Answer(text=SUNNY)) as server, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        agent = create_react_agent(model=chat(server, disable_streaming=True), tools=[get_weather])
        chunks = stream(agent, INPUT, stream_mode="messages")
    assert [SUNNY] == [token.content for token, _ in chunks]
    assert not server.requests[0].get("stream")
