"""Models that say what a test tells them to, and both ways to run a graph."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage


class Model(GenericFakeChatModel):
    """A model that knows which tools were bound to it, and what it was shown."""

    bound: Any = None
    shown: list[Any] = []

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.model_copy(update={"bound": tools})

    def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        self.shown.append(list(messages))
        return super()._generate(messages, *args, **kwargs)


def says(*answers: AIMessage) -> Model:
    """Return a model that gives these answers, one after the other."""
    return Model(messages=iter(answers), shown=[])


def calling(*calls: tuple[str, dict[str, Any], str], text: str = "") -> AIMessage:
    """Return a message that calls tools, each given as name, arguments and id."""
    made = [{"name": name, "args": args, "id": key, "type": "tool_call"} for name, args, key in calls]
    return AIMessage(text, tool_calls=made)


def contents(messages: Sequence[Any]) -> list[tuple[str, Any]]:
    return [(message.type, message.content) for message in messages]


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    if request.param == "sync":
        return lambda graph, *args, **kwargs: graph.invoke(*args, **kwargs)
    return lambda graph, *args, **kwargs: asyncio.run(graph.ainvoke(*args, **kwargs))


@pytest.fixture(params=["sync", "async"])
def stream(request: pytest.FixtureRequest) -> Callable[..., list[Any]]:
    if request.param == "sync":
        return lambda graph, *args, **kwargs: list(graph.stream(*args, **kwargs))

    async def gather(graph: Any, *args: Any, **kwargs: Any) -> list[Any]:
        return [chunk async for chunk in graph.astream(*args, **kwargs)]

    return lambda graph, *args, **kwargs: asyncio.run(gather(graph, *args, **kwargs))
