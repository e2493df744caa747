"""
Custom data from inside nodes: by the writer that is found, by the writer that is handed in, from any client.

Annotations are not postponed here: the guides' are objects, other tests' are strings, and both must do.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from typing_extensions import TypedDict

from otgraph.config import get_stream_writer
from otgraph.graph import START, StateGraph
from otgraph.types import StreamWriter

Stream = Callable[..., "list[Any]"]


class Question(TypedDict):
    query: str
    answer: str


class Joke(TypedDict):
    topic: str
    joke: str


class Prompt(TypedDict):
    prompt: str
    result: str


def one_node(state: type, name: str, node: Any) -> Any:
    return StateGraph(state).add_node(name, node).add_edge(START, name).compile()


def process_node(state: Question) -> dict[str, str]:
    writer = get_stream_writer()
    writer({"status": "Starting processing"})
    writer({"progress": 50, "message": "Halfway done"})
    writer({"status": "Processing complete"})
    return {"answer": "Completed"}


async def process_node_async(state: Question) -> dict[str, str]:
    writer = get_stream_writer()
    writer({"status": "Starting processing"})
    await asyncio.sleep(0)
    writer({"progress": 50, "message": "Halfway done"})
    await asyncio.sleep(0)
    get_stream_writer()({"status": "Processing complete"})
    return {"answer": "Completed"}


PROCESSED = """\
{'status': 'Starting processing'}
{'progress': 50, 'message': 'Halfway done'}
{'status': 'Processing complete'}"""


def test_a_node_reports_progress(stream: Stream) -> None:
    """What a node passes to `get_stream_writer()` is streamed as it is, in order."""
    graph = one_node(Question, "process_node", process_node)
    chunks = stream(graph, {"query": "example"}, stream_mode="custom")
    assert PROCESSED == "\n".join(map(str, chunks))


async def test_an_async_node_finds_its_writer() -> None:
    """`get_stream_writer()` works in async nodes, before and after an await, on every supported Python."""
    graph = one_node(Question, "process_node", process_node_async)
    chunks = [str(chunk) async for chunk in graph.astream({"query": "example"}, stream_mode="custom")]
    assert PROCESSED == "\n".join(chunks)


def refine_topic(state: Joke) -> dict[str, str]:
    return {"topic": state["topic"] + " and cats"}


def generate_joke(state: Joke, writer: StreamWriter) -> dict[str, str]:
    writer({"custom_key": "Writing custom data while generating a joke"})
    return {"joke": f"This is a joke about {state['topic']}"}


def generate_joke_in_parts(state: Joke, writer: StreamWriter) -> dict[str, str]:
    writer({"custom_key": "Writing custom data while generating a joke"})
    writer({"progress": "50%"})
    writer({"progress": "100%"})
    return {"joke": f"This is a joke about {state['topic']}"}


async def generate_joke_async(state: Joke, writer: StreamWriter) -> dict[str, str]:
    writer({"custom_key": "Streaming custom data while generating a joke"})
    return {"joke": f"This is a joke about {state['topic']}"}


def two_nodes(generate: Any) -> Any:
    return (
        StateGraph(Joke)
        .add_node(refine_topic)
        .add_node("generate_joke", generate)
        .add_edge(START, "refine_topic")
        .add_edge("refine_topic", "generate_joke")
        .compile()
    )


def test_a_node_is_handed_its_writer(stream: Stream) -> None:
    """A parameter `writer: StreamWriter` is filled in; only custom data is streamed in the mode `custom`."""
    chunks = stream(two_nodes(generate_joke), {"topic": "ice cream"}, stream_mode="custom")
    assert "{'custom_key': 'Writing custom data while generating a joke'}" == "\n".join(map(str, chunks))


async def test_an_async_node_is_handed_its_writer() -> None:
    """An async node may take `writer: StreamWriter` instead of looking for it."""
    graph = one_node(Joke, "generate_joke", generate_joke_async)
    chunks = [str(chunk) async for chunk in graph.astream({"topic": "ice cream"}, stream_mode="custom")]
    assert ["{'custom_key': 'Streaming custom data while generating a joke'}"] == chunks


TWO_MODES = """\
Stream mode: updates
{'refine_topic': {'topic': 'ice cream and cats'}}

Stream mode: custom
{'custom_key': 'Writing custom data while generating a joke'}

Stream mode: updates
{'generate_joke': {'joke': 'This is a joke about ice cream and cats'}}
"""

TWO_MODES_IN_PARTS = """\
Stream mode: updates
{'refine_topic': {'topic': 'ice cream and cats'}}

Stream mode: custom
{'custom_key': 'Writing custom data while generating a joke'}

Stream mode: custom
{'progress': '50%'}

Stream mode: custom
{'progress': '100%'}

Stream mode: updates
{'generate_joke': {'joke': 'This is a joke about ice cream and cats'}}
"""


@pytest.mark.parametrize(
    ("generate", "expected"), [(generate_joke, TWO_MODES), (generate_joke_in_parts, TWO_MODES_IN_PARTS)]
)
def test_custom_data_comes_before_the_update_of_its_node(
    stream: Stream, generate: Any, expected: str
) -> None:
    """With `["updates", "custom"]` a node's own items come, in order, before what it returns."""
    chunks = stream(two_nodes(generate), {"topic": "ice cream"}, stream_mode=["updates", "custom"])
    assert expected == "\n".join(f"Stream mode: {mode}\n{chunk}\n" for mode, chunk in chunks)


def any_streaming_client(prompt: str) -> Iterator[str]:
    yield from f"You said: {prompt}".split(" ")


def call_custom_model(state: Prompt) -> dict[str, str]:
    writer = get_stream_writer()
    for token in any_streaming_client(state["prompt"]):
        writer({"llm_token": token})
    return {"result": "completed"}


def test_tokens_of_any_client_can_be_streamed(stream: Stream) -> None:
    """A node passes on the tokens of a client that knows nothing of graphs."""
    graph = one_node(Prompt, "call_custom_model", call_custom_model)
    chunks = stream(graph, {"prompt": "hello there"}, stream_mode=["custom", "values"])
    assert ["You", "said:", "hello", "there"] == [c["llm_token"] for mode, c in chunks if mode == "custom"]
    assert ("values", {"prompt": "hello there", "result": "completed"}) == chunks[-1]


class VendorClient:
    """An async client in the shape of the vendors': chunks with choices, a role only in the first of them."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def create(self, *, messages: list[dict[str, str]], model: str, stream: bool) -> AsyncIterator[Any]:
        async def chunks() -> AsyncIterator[Any]:
            for position, word in enumerate(self.text.split(" ")):
                await asyncio.sleep(0)
                delta = SimpleNamespace(role="assistant" if position == 0 else None, content=word + " ")
                yield SimpleNamespace(choices=[SimpleNamespace(delta=delta)])
            yield SimpleNamespace(choices=[SimpleNamespace(delta=SimpleNamespace(role=None, content=None))])

        return chunks()


async def stream_tokens(
    client: VendorClient, messages: list[dict[str, str]]
) -> AsyncIterator[dict[str, Any]]:
    role = None
    async for chunk in await client.create(messages=messages, model="small", stream=True):
        delta = chunk.choices[0].delta
        if delta.role is not None:
            role = delta.role
        if delta.content:
            yield {"role": role, "content": delta.content}


async def get_items(state: Prompt) -> dict[str, str]:
    writer = get_stream_writer()
    response = ""
    question = [{"role": "user", "content": f"List items found in {state['prompt']}"}]
    async for message in stream_tokens(VendorClient("a kettle, a pan"), question):
        response += message["content"]
        writer(message)
    return {"result": response}


async def test_tokens_of_an_async_client_can_be_streamed() -> None:
    """An async node passes on what it reads from an async generator, with one writer for all of it."""
    graph = one_node(Prompt, "get_items", get_items)
    chunks = [chunk async for chunk in graph.astream({"prompt": "kitchen"}, stream_mode="custom")]
    assert "a kettle, a pan " == "".join(chunk["content"] for chunk in chunks if "content" in chunk)
    assert {"assistant"} == {chunk["role"] for chunk in chunks}
