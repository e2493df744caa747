"""Durable runs on savers that were published for LangGraph: nothing that a user can see depends on the saver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

import pytest
from durable.stories import STORIES
from durable.teller import CONFIG, tell
from parity.engine import Engine
from tracing.kept import Kept

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.tracing import names
from otgraph.types import Command, Interrupt

from .kinds import ASYNC, KINDS, Opener

OTGRAPH = Engine("otgraph")
TOLD = [
    pytest.param(kind, name, "async" if kind in ASYNC else "sync", id=f"{kind}-{name}")
    for kind in KINDS
    for name, story in STORIES.items()
    if ("async" if kind in ASYNC else "sync") in story.colours
]


@lru_cache(None)
def expected(name: str, colour: str) -> Any:
    """Return what otgraph tells on its own saver in memory."""
    saver = InMemorySaver()

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        yield saver

    return tell(OTGRAPH, name, colour, opened)


@pytest.mark.parametrize(("opener", "name", "colour"), TOLD, indirect=["opener"])
def test_a_story_is_the_same_on_every_saver(opener: Opener, name: str, colour: str) -> None:
    """Chunks, executed nodes, state and history of each step are those on otgraph's own saver in memory."""
    assert expected(name, colour) == tell(OTGRAPH, name, colour, opener)


@pytest.mark.parametrize(("opener", "kind"), [(kind, kind) for kind in KINDS], indirect=["opener"])
def test_a_user_keeps_the_saver_he_made(opener: Opener, kind: str) -> None:
    """The saver that he compiled with is not changed: it still reads LangGraph's types; the graph gives otgraph's."""

    async def run() -> None:
        async with opener() as saver:
            serde = saver.serde
            graph = STORIES["one question"].build(OTGRAPH, saver)
            if kind in ASYNC:
                await graph.ainvoke({"log": []}, CONFIG)
                state = await graph.aget_state(CONFIG)
                result = await graph.ainvoke(Command(resume="so"), CONFIG)
            else:
                graph.invoke({"log": []}, CONFIG)
                state = graph.get_state(CONFIG)
                result = graph.invoke(Command(resume="so"), CONFIG)
            assert isinstance(state.interrupts[0], Interrupt)
            assert {"log": ["a", ["b", "so"], "c"]} == result
            assert serde is saver.serde
            assert graph.checkpointer is saver

    asyncio.run(run())


@pytest.mark.parametrize(("opener", "kind"), [(kind, kind) for kind in KINDS], indirect=["opener"])
@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_what_is_kept_for_traces(opener: Opener, kind: str, durability: str) -> None:
    """Runs that stop at one checkpoint are linked one to the other, and no state or filter shows how."""
    kept = Kept()
    wished: dict[str, Any] = {"telemetry": kept.options, "durability": durability}

    async def run() -> None:
        for given in ({"log": []}, None, Command(resume="so")):
            async with opener() as saver:
                graph = STORIES["one question"].build(OTGRAPH, saver)
                if kind in ASYNC:
                    await graph.ainvoke(given, CONFIG, **wished)
                    states = [state async for state in graph.aget_state_history(CONFIG)]
                    hidden = [
                        state async for state in graph.aget_state_history(CONFIG, filter={"__otgraph": {}})
                    ]
                else:
                    graph.invoke(given, CONFIG, **wished)
                    states = list(graph.get_state_history(CONFIG))
                    hidden = list(graph.get_state_history(CONFIG, filter={"__otgraph": {}}))
                assert {"source", "step", "parents"} == {key for state in states for key in state.metadata}
                assert [] == hidden

    asyncio.run(run())
    runs = [span for span in kept.spans if names.ORIGIN in span.attributes or span.parent is None]
    assert [[], [runs[0].context.span_id], [runs[1].context.span_id]] == [
        [link.context.span_id for link in run.links] for run in runs
    ]
