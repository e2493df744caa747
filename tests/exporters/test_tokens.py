"""Tokens in the trace store: kept if asked for, of runs whose content is captured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from driven import Driven
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from laws.replayed import line
from otgraph_exporters.trace_store import TraceStore

from otgraph.graph import START, MessagesState, StateGraph
from otgraph.telemetry import follow, replay

from .conftest import Telemetry


def talking(driver: Driven) -> Any:
    """Return a graph in which a model talks twice, and whose second node returns what is known already."""

    def ask(state: MessagesState) -> Any:
        model = GenericFakeChatModel(messages=iter([AIMessage("a few words", id="1")]))
        return {"messages": model.invoke(state["messages"])}

    def again(state: MessagesState) -> Any:
        return {"messages": [state["messages"][-1], AIMessage("more", id="2")]}

    builder = (
        StateGraph(MessagesState).add_node("ask", driver.node(ask)).add_node("again", driver.node(again))
    )
    return builder.add_edge(START, "ask").add_edge("ask", "again").compile(name="talk")


INPUT = {"messages": [HumanMessage("hello", id="0")]}


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_tokens_are_replayed(
    telemetry: Callable[..., Telemetry], path: Path, driver: Driven, version: str
) -> None:
    """With `tokens=True` the stream `messages` is told again as it was, token by token, beside other modes."""
    traced = telemetry(tokens=True)
    modes = ["messages", "updates"]
    live = driver.stream(talking(driver), INPUT, stream_mode=modes, version=version, telemetry=traced.options)
    traced.flush()
    with TraceStore(path) as store:
        run = store.runs()[0].run_id
        spans: Any = store.spans(run)
        replayed = [line(chunk) for chunk in replay(spans, modes, version=version)]  # type: ignore[arg-type]
        followed = [line(chunk) for chunk in follow(store, run, stream_mode=modes, version=version)]  # type: ignore[arg-type]
    assert replayed == followed == [line(chunk) for chunk in live]
    assert len(replayed) > 6


def test_tokens_are_not_kept_unasked(
    telemetry: Callable[..., Telemetry], traced: Telemetry, path: Path
) -> None:
    """Without `tokens=True`, or without content, no token is in the store; a replay says what is missing."""
    driver = Driven("threads")
    driver.stream(talking(driver), INPUT, stream_mode="messages", telemetry=traced.options)
    traced.flush()
    with TraceStore(path) as store:
        spans: Any = store.spans(store.runs()[0].run_id)
        assert {span["live"] for span in spans} == {None}
        run = store.runs()[0].run_id
        with pytest.raises(ValueError, match=r"TraceStoreProcessor\(tokens=True\)"):
            replay(spans, "messages")
        with pytest.raises(ValueError, match=r"TraceStoreProcessor\(tokens=True\)"):
            list(follow(store, run, stream_mode="messages"))
    secret = telemetry(tokens=True)
    driver.stream(talking(driver), INPUT, stream_mode="messages", telemetry=secret.without_content)
    secret.flush()
    with TraceStore(path) as store:
        assert [span["live"] for span in store.spans(store.runs()[0].run_id)] == [[]] * 6
