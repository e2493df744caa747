"""A subscription hands out every fact that it was told of, in their order, as its mode shows it."""

from __future__ import annotations

import operator
from typing import Annotated, Any

import pytest
from driven import Driven
from typing_extensions import TypedDict

from otgraph.graph import START, StateGraph
from otgraph.stream.modes import MODES, States
from otgraph.stream.subscription import BATCH, Subscription
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


@pytest.mark.parametrize("words", [0, 1, BATCH - 1, BATCH, 5 * BATCH + 3])
def test_every_item_once_and_in_order(driver: Driven, words: int) -> None:
    """However many items wait, the consumer gets all of them in their order."""
    items = driver.stream(speaker(driver, words), {"log": []}, stream_mode="custom")
    assert [word or None for word in range(words)] == items


@pytest.mark.parametrize("mode", ["custom", "spans"])
def test_chunks_are_what_a_mode_shows_of_each_fact(
    driver: Driven, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a stream yields of many facts is what its mode shows of each, one after the other."""
    facts: list[Any] = []
    hear = Subscription.hear

    def noting(subscription: Subscription, fact: Any) -> bool:
        facts.append(fact)
        return hear(subscription, fact)

    monkeypatch.setattr(Subscription, "hear", noting)
    chunks = driver.stream(speaker(driver, 200), {"log": []}, stream_mode=mode)
    states = States()
    each = [chunk for fact in facts for chunk in MODES[mode][type(fact)](fact, states)]
    assert each == chunks
    assert len(chunks) >= 200
