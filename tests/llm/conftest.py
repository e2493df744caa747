"""The real clients, pointed at a server of ours, and both drivers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from messages.conftest import Drive, Traced

from .server import Answer, Server


@pytest.fixture(params=["threads", "asyncio"])
def drive(request: pytest.FixtureRequest) -> Drive:
    return Drive(request.param)


@pytest.fixture
def traced() -> Traced:
    return Traced()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start a server with a script; it stops with the test."""
    running: list[Server] = []

    def start(*script: Answer) -> Server:
        server = Server(*script).__enter__()
        running.append(server)
        return server

    yield start
    for server in running:
        server.__exit__()


def client(server: Server, colour: str, **options: Any) -> Any:
    """Return OpenAI's client in a colour, `threads` or `asyncio`."""
    openai = pytest.importorskip("openai", reason="needs the openai client, which the extra `dev` installs")
    kind = openai.OpenAI if colour == "threads" else openai.AsyncOpenAI
    return kind(base_url=server.url, api_key="none", **{"max_retries": 0, **options})


def chat(server: Server, **options: Any) -> Any:
    """Return LangChain's model of OpenAI."""
    module = pytest.importorskip(
        "langchain_openai", reason="needs langchain-openai, which the extra `dev` installs"
    )
    given = {"model": "gpt-4o-mini", "max_retries": 0, "stream_usage": True, **options}
    return module.ChatOpenAI(base_url=server.url, api_key="none", **given)


def asks(drive: Drive, model: Any) -> Any:
    """Return a node that invokes a model of LangChain's and returns its message."""
    if drive.sync:
        return lambda state: {"messages": model.invoke(state["messages"])}

    async def ask(state: Any) -> Any:
        return {"messages": await model.ainvoke(state["messages"])}

    return ask
