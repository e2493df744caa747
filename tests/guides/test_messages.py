"""
Tokens of chat models, by every example that shows them; the models answer from a list, with the guides' words.

Annotations are not postponed here: the guides' are objects.
"""

import asyncio
from collections.abc import Callable
from itertools import cycle
from typing import Any

import pytest
from typing_extensions import TypedDict

from otgraph.graph import START, StateGraph

pytest.importorskip("langchain_core")

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk

Stream = Callable[..., "list[Any]"]

JOKE = "Why did the ice cream go to therapy? Because it had too many sprinkle-related issues!"


def init_chat_model(text: str, **options: Any) -> Any:
    """Stand in for a provider's model."""
    return GenericFakeChatModel(messages=cycle([AIMessage(text)]), **options)


class State(TypedDict):
    topic: str
    joke: str
    poem: str


def refine_topic(state: State) -> Any:
    return {"topic": state["topic"] + " and cats"}


def test_tokens_as_they_are_generated(stream: Stream) -> None:
    """A model that a node invokes streams, and each token comes with the node it is from."""
    llm = init_chat_model(JOKE)

    def generate_joke(state: State) -> Any:
        llm_response = llm.invoke([{"role": "user", "content": f"Generate a joke about {state['topic']}"}])
        return {"joke": llm_response.content}

    graph = (
        StateGraph(State).add_node("generate_joke", generate_joke).add_edge(START, "generate_joke").compile()
    )
    printed = ""
    for message_chunk, metadata in stream(graph, {"topic": "ice cream"}, stream_mode="messages"):
        assert isinstance(message_chunk, AIMessageChunk)
        if message_chunk.content:
            printed += message_chunk.content + "|"
        assert (1, "generate_joke") == (metadata["langgraph_step"], metadata["langgraph_node"])
    assert JOKE == printed.replace("|", "")
    assert printed.count("|") > 10


def test_metadata(stream: Stream) -> None:
    """The metadata are the guide's; triggers name the channel, and the namespace is written twice."""
    llm = init_chat_model("Why")

    def generate_joke(state: State) -> Any:
        return {"joke": llm.invoke([{"role": "user", "content": "x"}]).content}

    graph = (
        StateGraph(State)
        .add_node(refine_topic)
        .add_node(generate_joke)
        .add_edge(START, "refine_topic")
        .add_edge("refine_topic", "generate_joke")
        .compile()
    )
    ((_, metadata),) = stream(graph, {"topic": "ice cream"}, stream_mode="messages")
    namespace = metadata["langgraph_checkpoint_ns"]
    assert namespace.startswith("generate_joke:")
    assert {
        "langgraph_step": 2,
        "langgraph_node": "generate_joke",
        "langgraph_triggers": ("branch:to:generate_joke",),
        "langgraph_path": ("__pregel_pull", "generate_joke"),
        "langgraph_checkpoint_ns": namespace,
        "checkpoint_ns": namespace,
        "ls_model_type": "chat",
    }.items() <= metadata.items()


def dual_generation(*, passes_config: bool) -> Any:
    joke_model = init_chat_model("a joke about cats", tags=["joke"])
    poem_model = init_chat_model("a poem about cats", tags=["poem"])

    async def with_config(state, config):  # type: ignore[no-untyped-def]
        joke_response = await joke_model.ainvoke([{"role": "user", "content": "Write a joke"}], config)
        poem_response = await poem_model.ainvoke([{"role": "user", "content": "Write a poem"}], config)
        return {"joke": joke_response.content, "poem": poem_response.content}

    async def without_config(state: State) -> Any:
        joke_response = await joke_model.ainvoke([{"role": "user", "content": "Write a joke"}])
        poem_response = await poem_model.ainvoke([{"role": "user", "content": "Write a poem"}])
        return {"joke": joke_response.content, "poem": poem_response.content}

    node = with_config if passes_config else without_config
    return StateGraph(State).add_node("dual_generation", node).add_edge(START, "dual_generation").compile()


@pytest.mark.parametrize("passes_config", [True, False], ids=["config passed", "config found"])
def test_filtering_by_model_call(passes_config: bool) -> None:
    """Tokens are told apart by the tags of their model, whether `config` is passed or, on every Python, found."""

    async def read() -> str:
        printed = ""
        graph = dual_generation(passes_config=passes_config)
        async for message_chunk, metadata in graph.astream({"topic": "cats"}, stream_mode="messages"):
            if message_chunk.content and metadata["tags"] == ["joke"]:
                printed += message_chunk.content
        return printed

    assert "a joke about cats" == asyncio.run(read())


def test_filtering_by_node(stream: Stream) -> None:
    """Two nodes stream at the same time, and their tokens are told apart by the node."""
    joke_model, poem_model = init_chat_model("a joke about cats"), init_chat_model("a poem about cats")

    def write_joke(state: State) -> Any:
        return {"joke": joke_model.invoke([{"role": "user", "content": "joke"}]).content}

    def write_poem(state: State) -> Any:
        return {"poem": poem_model.invoke([{"role": "user", "content": "poem"}]).content}

    graph = (
        StateGraph(State)
        .add_node("write_joke", write_joke)
        .add_node("write_poem", write_poem)
        .add_edge(START, "write_joke")
        .add_edge(START, "write_poem")
        .compile()
    )
    printed = ""
    for message_chunk, metadata in stream(graph, {"topic": "cats"}, stream_mode="messages"):
        if message_chunk.content and metadata["langgraph_node"] == "write_poem":
            printed += message_chunk.content
    assert "a poem about cats" == printed


def test_config_is_passed_to_a_model() -> None:
    """The pattern for Python 3.10, a node that takes `config` and hands it on, works everywhere."""
    llm = init_chat_model(JOKE)

    async def call_model(state: State, config) -> Any:  # type: ignore[no-untyped-def]
        joke_response = await llm.ainvoke([{"role": "user", "content": f"about {state['topic']}"}], config)
        return {"joke": joke_response.content}

    graph = StateGraph(State).add_node("call_model", call_model).add_edge(START, "call_model").compile()

    async def read() -> str:
        stream = graph.astream({"topic": "ice cream"}, stream_mode="messages")
        return "".join([chunk.content async for chunk, metadata in stream if chunk.content])

    assert JOKE == asyncio.run(read())
