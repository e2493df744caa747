"""Large traces and large states: nothing is lost on the way, and what is cut says so."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Annotated, Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from otgraph_exporters.otlp_json import OtlpJsonExporter
from otgraph_exporters.trace_store import TraceStore, TraceStoreProcessor
from typing_extensions import TypedDict

from otgraph.graph import START, StateGraph
from otgraph.telemetry import TelemetryOptions, Truncated, read_otlp, read_otlp_json, replay
from otgraph.tracing import names
from otgraph.types import Send

SPANS = 10_000


class State(TypedDict, total=False):
    """Numbers, and something large."""

    numbers: Annotated[list[int], operator.add]
    step: int
    large: str


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """Serve an OTLP endpoint; yield its address and what arrives."""
    arrived: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", arrived
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def everywhere(graph: Any, given: Any, folder: Path, **config: Any) -> dict[str, list[Any]]:
    """Run a graph; return its spans as the store, the OTLP-JSON file and an OTLP endpoint have them."""
    with collector() as (address, arrived):
        provider = TracerProvider(shutdown_on_exit=False)
        store = TraceStoreProcessor(folder / "traces.db")
        provider.add_span_processor(store)
        for exporter in (OtlpJsonExporter(folder / "traces.jsonl"), OTLPSpanExporter(address)):
            provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=1 << 15))
        graph.invoke(given, config, telemetry=TelemetryOptions(provider=provider, capture=True))
        provider.shutdown()
        assert store.lost == 0
    with TraceStore(folder / "traces.db") as reader:
        stored: list[Any] = reader.spans(reader.runs()[0].run_id)
    return {
        "store": stored,
        "file": list(read_otlp_json((folder / "traces.jsonl").read_text())),
        "endpoint": list(read_otlp(arrived)),
    }


def loop(steps: int) -> Any:
    """Return a graph of one node that follows itself."""

    def node(state: State) -> State:
        return {"step": state.get("step", 0) + 1}

    def again(state: State) -> str:
        return "node" if state["step"] < steps else "__end__"

    builder = StateGraph(State).add_node("node", node).add_edge(START, "node")
    return builder.add_conditional_edges("node", again).compile()


def fan_out(width: int) -> Any:
    """Return a graph in which one superstep has very many tasks."""
    builder = StateGraph(State).add_node("one", lambda state: {"numbers": [state["step"]]})
    builder.add_conditional_edges(
        START, lambda state: [Send("one", {"step": i}) for i in range(width)], ["one"]
    )
    return builder.compile()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("make", "width"), [(loop, SPANS // 2), (fan_out, SPANS)], ids=["ten thousand spans in depth", "in width"]
)
def test_no_span_of_a_large_trace_is_lost(make: Callable[[int], Any], width: int, tmp_path: Path) -> None:
    """A trace of more than 10,000 spans arrives whole at the store, the file and an OTLP endpoint."""
    found = everywhere(make(width), {"numbers": []}, tmp_path, recursion_limit=width + 10)
    ids = {where: {span["span_id"] for span in spans} for where, spans in found.items()}
    assert ids["store"] == ids["file"] == ids["endpoint"]
    assert len(ids["store"]) > SPANS
    assert {len(spans) for spans in found.values()} == {len(ids["store"])}
    for spans in found.values():
        assert all(span["end_ns"] for span in spans)


def test_a_large_state_is_cut_and_says_so(tmp_path: Path) -> None:
    """Of a state of a megabyte each payload keeps within the cap, is marked, and is replayed as what was cut."""

    def node(state: State) -> State:
        return {"large": "y" * 1_000_000, "step": 1}

    graph = StateGraph(State).add_node("node", node).add_edge(START, "node").compile()
    found = everywhere(graph, {"large": "x" * 1_000_000}, tmp_path)
    for spans in found.values():
        told = [span["attributes"] for span in spans]
        told += [event["attributes"] for span in spans for event in span["events"]]
        payloads = [each for each in told if names.PAYLOAD in each]
        assert all(len(each[names.PAYLOAD]) <= 66_000 for each in payloads)
        assert sum(each.get(names.TRUNCATED, False) for each in told) >= 3
        assert all(json.loads(each[names.PAYLOAD]) is not None for each in payloads)
        assert len(spans) == 3
        (update,) = replay(spans, "updates")
        assert isinstance(update["node"]["large"], Truncated)
        assert (update["node"]["large"].chars, update["node"]["step"]) == (1_000_000, 1)
