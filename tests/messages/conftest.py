"""Both drivers behind one fixture, and chat models that answer from a list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle
from typing import Any

import pytest
from driven import Driven
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otgraph.graph import START, StateGraph
from otgraph.telemetry import TelemetryOptions


class Drive(Driven):
    """One of the two drivers, and nodes in its colour."""

    def asks(self, *models: Any, key: str = "answer") -> Any:
        """Return a node that invokes models and returns what they say, as text."""
        if self.sync:
            return lambda state: {key: " / ".join([model.invoke("hi").content for model in models])}

        async def ask(state: Any) -> Any:
            return {key: " / ".join([(await model.ainvoke("hi")).content for model in models])}

        return ask


@pytest.fixture(params=["threads", "asyncio"])
def drive(request: pytest.FixtureRequest) -> Drive:
    return Drive(request.param)


class Traced:
    """A provider of its own, and the spans it exported."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.options = TelemetryOptions(provider=provider)

    @property
    def spans(self) -> tuple[Any, ...]:
        """What was exported."""
        return self._exporter.get_finished_spans()

    def span(self, name: str) -> Any:
        """Return the one exported span of that name."""
        (found,) = (span for span in self.spans if span.name == name)
        return found


@pytest.fixture
def traced() -> Traced:
    return Traced()


def line(state: Any, **nodes: Any) -> Any:
    """Return a compiled chain of nodes."""
    builder: Any = StateGraph(state)
    before = START
    for name, node in nodes.items():
        builder.add_node(name, node).add_edge(before, name)
        before = name
    return builder.compile()


def fake(*answers: str, **options: Any) -> Any:
    """Return a chat model that streams its answers word by word, for ever."""
    core = pytest.importorskip("langchain_core.language_models.fake_chat_models")
    from langchain_core.messages import AIMessage

    return core.GenericFakeChatModel(messages=cycle(map(AIMessage, answers or ["big red fox"])), **options)


def paced(words: Iterable[str], wait: Callable[[], object]) -> Any:
    """Return a chat model that calls `wait` after each word."""
    core = pytest.importorskip("langchain_core.language_models.chat_models")
    from langchain_core.messages import AIMessage, AIMessageChunk
    from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

    class Paced(core.BaseChatModel):  # type: ignore[misc]
        @property
        def _llm_type(self) -> str:
            return "paced"

        def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any) -> Any:
            return ChatResult(generations=[ChatGeneration(message=AIMessage(" ".join(words)))])

        def _stream(
            self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any
        ) -> Iterator[Any]:
            for word in words:
                yield ChatGenerationChunk(message=AIMessageChunk(word))
                wait()

        async def _astream(self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any) -> Any:
            for word in words:
                yield ChatGenerationChunk(message=AIMessageChunk(word))
                await asyncio.sleep(0)
                wait()

    return Paced()
