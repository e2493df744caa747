"""
Cases with models: a stream of tokens, and an agent that calls tools.

Rule: both engines run the same model of LangChain's, which has everything that it says ready; what the model itself
costs is part of both times.
"""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import cache, partial
from statistics import median
from typing import Any, Final

from benchmarks.engine import Bench
from benchmarks.graphs import one_node
from benchmarks.runs import NOTHING, Figures, Run, expect

__all__ = ["DELAYED", "MODELS", "TOKENS", "TOOL_TURNS"]

TOKENS = 10_000
"""Tokens of the long answer."""

DELAYED = 200
"""Tokens of the answer that comes slowly, one each millisecond."""

TOOL_TURNS = 10
"""How often the agent calls a tool before it answers."""


@cache
def _speaker() -> Any:
    """Return a class of models; it is made late, as only these cases need LangChain."""
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import AIMessageChunk
    from langchain_core.outputs import ChatGenerationChunk

    class Speaker(BaseChatModel):
        """Streams `count` tokens, one each `delay` seconds; `told` gets the time at which each was there."""

        count: int
        delay: float = 0.0
        told: Any = None

        @property
        def _llm_type(self) -> str:
            return "speaker"

        def _generate(self, *arguments: Any, **more: Any) -> Any:
            raise NotImplementedError("it only streams")

        def _stream(self, *arguments: Any, **more: Any) -> Iterator[ChatGenerationChunk]:
            for _ in range(self.count):
                if self.delay:
                    time.sleep(self.delay)
                    self.told.append(time.perf_counter())
                yield ChatGenerationChunk(message=AIMessageChunk("token "))

        async def _astream(self, *arguments: Any, **more: Any) -> AsyncIterator[ChatGenerationChunk]:
            for _ in range(self.count):
                if self.delay:
                    await asyncio.sleep(self.delay)
                    self.told.append(time.perf_counter())
                yield ChatGenerationChunk(message=AIMessageChunk("token "))

    return Speaker


def _speaking(bench: Bench, colour: str, **model: Any) -> Any:
    """Return a graph whose only node reads all that a model streams."""
    speaker = _speaker()(**model)

    def read(state: dict[str, int]) -> dict[str, int]:
        return {"n": sum(1 for _ in speaker.stream("Go on."))}

    async def aread(state: dict[str, int]) -> dict[str, int]:
        n = 0
        async for _ in speaker.astream("Go on."):
            n += 1
        return {"n": n}

    return one_node(bench.engine, read if colour == "sync" else aread)


def _telling(bench: Bench, colour: str) -> Any:
    """Return otgraph's graph whose only node hands out what a client streams that knows nothing of LangChain."""
    from otgraph.messages import model_call

    def read(state: dict[str, int]) -> dict[str, int]:
        with model_call("speaker") as call:
            for _ in range(TOKENS):
                call.token("token ")
        return {"n": TOKENS}

    async def aread(state: dict[str, int]) -> dict[str, int]:
        return read(state)

    return one_node(bench.engine, read if colour == "sync" else aread)


def _tokens(bench: Bench, colour: str, *, plain: bool = False) -> Run:
    """LangChain may add an empty token that marks the last one."""
    app = _telling(bench, colour) if plain else _speaking(bench, colour, count=TOKENS)

    def run() -> Figures:
        tokens = sum(bool(token.content) for token, _ in app.stream({"n": 0}, stream_mode="messages"))
        expect(TOKENS, tokens)
        return {"chunks": tokens}

    async def arun() -> Figures:
        tokens = 0
        async for token, _ in app.astream({"n": 0}, stream_mode="messages"):
            tokens += bool(token.content)
        expect(TOKENS, tokens)
        return {"chunks": tokens}

    return run if colour == "sync" else arun


def _bare(bench: Bench, colour: str) -> Run:
    """The model's stream with no graph around it: what no engine can be faster than."""
    speaker = _speaker()(count=TOKENS)

    def run() -> Figures:
        expect(TOKENS, sum(bool(token.text) for token in speaker.stream("Go on.")))
        return NOTHING

    async def arun() -> Figures:
        tokens = 0
        async for token in speaker.astream("Go on."):
            tokens += bool(token.text)
        expect(TOKENS, tokens)
        return NOTHING

    return run if colour == "sync" else arun


def _delay(bench: Bench, colour: str) -> Run:
    """From when the model has a token to when the consumer has it, in seconds; the median of a slow answer's."""
    told: list[float] = []
    # A model copies what it is given, unless that is no list.
    app = _speaking(bench, colour, count=DELAYED, delay=0.001, told=_Times(told))

    def waits(heard: list[float]) -> Figures:
        expect(DELAYED, len(heard))
        return {"wait": median(there - here for here, there in zip(told, heard, strict=True))}

    def run() -> Figures:
        told.clear()
        heard = []
        for token, _ in app.stream({"n": 0}, stream_mode="messages"):
            if token.text:
                heard.append(time.perf_counter())
        return waits(heard)

    async def arun() -> Figures:
        told.clear()
        heard = []
        async for token, _ in app.astream({"n": 0}, stream_mode="messages"):
            if token.text:
                heard.append(time.perf_counter())
        return waits(heard)

    return run if colour == "sync" else arun


class _Times:
    """What a model tells its times to."""

    def __init__(self, times: list[float]) -> None:
        self.append = times.append


@cache
def _caller() -> Any:
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.messages import AIMessage, ToolMessage
    from langchain_core.outputs import ChatGeneration, ChatResult

    class Caller(BaseChatModel):
        """Calls a tool so many times, once a turn, and then answers."""

        @property
        def _llm_type(self) -> str:
            return "caller"

        def bind_tools(self, tools: Any, **more: Any) -> Any:
            return self

        def _generate(self, messages: Any, *arguments: Any, **more: Any) -> ChatResult:
            turn = sum(isinstance(message, ToolMessage) for message in messages)
            calls = [{"name": "add", "args": {"left": turn, "right": 1}, "id": str(turn)}]
            said = AIMessage("Done.") if turn == TOOL_TURNS else AIMessage("", tool_calls=calls)
            return ChatResult(generations=[ChatGeneration(message=said)])

    return Caller


def _agent(bench: Bench) -> Callable[[], Figures]:
    def add(left: int, right: int) -> int:
        """Add two numbers."""
        return left + right

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        app = bench.engine.create_react_agent(_caller()(), [add])

    def run() -> Figures:
        messages = app.invoke({"messages": [("user", "Count.")]}, {"recursion_limit": 100})["messages"]
        expect((2 + 2 * TOOL_TURNS, "10"), (len(messages), messages[-2].content))
        return NOTHING

    return run


MODELS: Final[Mapping[str, Callable[[Bench], Run]]] = {
    "tokens": partial(_tokens, colour="sync"),
    "tokens async": partial(_tokens, colour="async"),
    "tokens of a client": partial(_tokens, colour="sync", plain=True),
    "tokens of a client, async": partial(_tokens, colour="async", plain=True),
    "tokens of the model": partial(_bare, colour="sync"),
    "tokens of the model, async": partial(_bare, colour="async"),
    "token wait": partial(_delay, colour="sync"),
    "token wait async": partial(_delay, colour="async"),
    "agent": _agent,
}
"""Name -> what prepares it."""
