"""
Entrypoints: updates and custom data in one stream, by the writer that is found and the writer that is handed in.

Annotations are not postponed here, as in the guides.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.config import get_stream_writer
from otgraph.func import entrypoint, task
from otgraph.types import StreamWriter

Stream = Callable[..., "list[Any]"]

checkpointer = InMemorySaver()
config = {"configurable": {"thread_id": "abc"}}


@entrypoint(checkpointer=checkpointer)
def main(inputs: dict) -> int:
    writer = get_stream_writer()
    writer("Started processing")
    result: int = inputs["x"] * 2
    writer(f"Result is {result}")
    return result


PRINTED = """\
custom: Started processing
custom: Result is 10
updates: {'main': 10}"""


def test_updates_and_custom_data(stream: Stream) -> None:
    """An entrypoint streams what its body says, and what it returns under its name."""
    chunks = stream(main, {"x": 5}, stream_mode=["custom", "updates"], config=config)
    assert PRINTED == "\n".join(f"{mode}: {chunk}" for mode, chunk in chunks)


def test_it_is_streamed_while_it_runs() -> None:
    """What the body says is there before the body goes on."""
    heard = threading.Event()

    @entrypoint(checkpointer=InMemorySaver())
    def patient(inputs: dict) -> bool:
        get_stream_writer()("Started processing")
        return heard.wait(10)

    chunks = []
    for chunk in patient.stream({}, stream_mode=["custom", "updates"], config=config):
        chunks.append(chunk)
        heard.set()
    assert chunks == [("custom", "Started processing"), ("updates", {"patient": True})]


def test_an_async_entrypoint_is_handed_its_writer() -> None:
    """An async entrypoint may take `writer: StreamWriter` instead of looking for it."""

    @entrypoint(checkpointer=InMemorySaver())
    async def main(inputs: dict, writer: StreamWriter) -> int:
        writer("Started processing")
        result: int = inputs["x"] * 2
        writer(f"Result is {result}")
        return result

    async def collect() -> list[str]:
        stream = main.astream({"x": 5}, stream_mode=["custom", "updates"], config=config)
        return [f"{mode}: {chunk}" async for mode, chunk in stream]

    assert PRINTED == "\n".join(asyncio.run(collect()))


def test_what_the_guide_prints(stream: Stream) -> None:
    """The output of the guide is that of a program with two tasks, which say nothing."""

    @task
    def add_one(x: int) -> int:
        return x + 1

    @task
    def add_two(x: int) -> int:
        return x + 2

    @entrypoint(checkpointer=InMemorySaver())
    def main(inputs: dict) -> int:
        writer = get_stream_writer()
        first = add_one(inputs["x"]).result()
        second = add_two(first).result()
        writer("hello")
        writer("world")
        return second + 1

    chunks = stream(main, {"x": 1}, stream_mode=["custom", "updates"], config=config)
    assert chunks == [
        ("updates", {"add_one": 2}),
        ("updates", {"add_two": 4}),
        ("custom", "hello"),
        ("custom", "world"),
        ("updates", {"main": 5}),
    ]
