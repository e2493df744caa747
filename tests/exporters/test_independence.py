"""What a trace store has nothing to do with: the backend's troubles, and content that nobody asked for."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from driven import Driven
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from otgraph_exporters.trace_store import TraceStore

from otgraph.graph import START, MessagesState, StateGraph
from otgraph.telemetry import TelemetryOptions
from otgraph.types import StreamWriter

from .conftest import Telemetry
from .graphs import chain

SECRET = "hunter2"


@pytest.mark.parametrize("trouble", ["refuses", "hangs"])
def test_the_store_loses_nothing_where_the_backend_is_away(
    telemetry: Callable[..., Telemetry], path: Path, trouble: str
) -> None:
    """Whether the OTLP endpoint refuses or hangs, every span of every run is in the store."""
    with socket.socket() as endpoint:
        endpoint.bind(("127.0.0.1", 0))
        if trouble == "hangs":
            endpoint.listen()
        address = f"http://127.0.0.1:{endpoint.getsockname()[1]}/v1/traces"
        traced = telemetry()
        backend = BatchSpanProcessor(OTLPSpanExporter(address, timeout=1), schedule_delay_millis=10)
        traced.provider.add_span_processor(backend)
        for _ in range(20):
            chain(Driven("threads")).invoke({"lines": []}, telemetry=traced.options)
        traced.flush()
        with TraceStore(path) as store:
            assert [len(store.spans(run.run_id)) for run in store.runs()] == [5] * 20
        assert traced.processor.lost == 0
        traced.provider.shutdown()


@pytest.mark.parametrize("fails", [False, True])
def test_no_content_is_stored_unasked(
    telemetry: Callable[..., Telemetry], path: Path, driver: Driven, fails: bool
) -> None:
    """Without content capture no byte of the store is of the state, of messages, of items or of tokens."""
    traced = telemetry(tokens=True)

    def ask(state: MessagesState, writer: StreamWriter) -> object:
        writer({"said": SECRET})
        answer = GenericFakeChatModel(messages=iter([AIMessage(f"it is {SECRET}")])).invoke(state["messages"])
        if fails:
            raise ValueError(SECRET)
        return {"messages": answer}

    graph = StateGraph(MessagesState).add_node("ask", driver.node(ask)).add_edge(START, "ask").compile()
    options = TelemetryOptions(provider=traced.provider, capture=False, exceptions="type")
    chunks = driver.stream_and_error(
        graph,
        {"messages": [HumanMessage(f"what is {SECRET}?")]},
        stream_mode=["messages", "custom", "values"],
        telemetry=options,
    )
    assert SECRET in repr(chunks)
    traced.flush()
    with TraceStore(path) as store:
        assert len(store.spans(store.runs()[0].run_id)) >= 3
    for file in path.parent.iterdir():
        assert SECRET.encode() not in file.read_bytes()
