"""Chunks that are made of several facts at once are those that are made of each by itself."""

from __future__ import annotations

import operator
from typing import Annotated, Any

import pytest
from driven import Driven
from typing_extensions import TypedDict

from otgraph.graph import START, StateGraph
from otgraph.stream.modes import MODES, States
from otgraph.stream.subscription import BATCH, MANY, Subscription
from otgraph.stream.view import AT_ONCE
from otgraph.types import StreamWriter


class State(TypedDict):
    log: Annotated[list[Any], operator.add]


@pytest.fixture(params=["threads", "asyncio"])
def driver(request: pytest.FixtureRequest) -> Driven:
    return Driven(request.param)


def speaker(driver: Driven, words: int) -> Any:
    """Return a graph of a node that writes some words, None among them, and of one that writes nothing."""

    def speak(state: State, writer: StreamWriter) -> State:
        for word in range(words):
            writer(word or None)
        return {"log": ["spoken"]}

    def rest(state: State) -> State:
        return {"log": ["rested"]}

    graph = StateGraph(State).add_node("speak", driver.node(speak)).add_node("rest", driver.node(rest))
    return graph.add_edge(START, "speak").add_edge("speak", "rest").compile()


@pytest.mark.parametrize("words", [0, 1, MANY - 1, MANY, BATCH, 5 * BATCH + 3])
def test_every_item_once_and_in_order(driver: Driven, words: int) -> None:
    """However many items wait, the consumer gets all of them in their order."""
    items = driver.stream(speaker(driver, words), {"log": []}, stream_mode="custom")
    assert [word or None for word in range(words)] == items


@pytest.mark.parametrize("mode", AT_ONCE)
def test_the_same_chunks(driver: Driven, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a mode shows of many facts at once is what it shows of each."""
    facts: list[Any] = []
    hear = Subscription.hear

    def noting(subscription: Subscription, fact: Any) -> bool:
        facts.append(fact)
        return hear(subscription, fact)

    monkeypatch.setattr(Subscription, "hear", noting)
    chunks = driver.stream(speaker(driver, 200), {"log": []}, stream_mode=mode)
    states = States()
    each = [chunk for fact in facts for chunk in MODES[mode][type(fact)](fact, states)]
    assert each == chunks == AT_ONCE[mode](facts)
    assert len(chunks) >= 200
