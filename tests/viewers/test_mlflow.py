"""
MLflow is sent an agent's trace by the real exporter and understands it.

Rule: what it shows is read by its API, from a server of its own that starts with nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from foreign_server import ask, eventually, free_port, serving
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from .conftest import KINDS, SPANS, Ask
from .viewer import MLFLOW, installed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of a server."""
    python, folder = installed(MLFLOW), tmp_path_factory.mktemp("mlflow")
    port = free_port()
    settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [
        *(python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", folder / "kept"),
    ]
    url = f"http://127.0.0.1:{port}"
    with serving(command, settings, folder, f"{url}/health"):
        yield url


def test_an_agents_trace(mlflow: str, librarian: Ask) -> None:
    """The agent, its calls of the model and of tools have their kinds and tokens, and the thread is the session."""
    trace, thread = seen(mlflow, librarian)
    info = trace["trace_info"]
    assert ("OK", thread) == (info["state"], info["trace_metadata"]["mlflow.trace.session"])
    assert {"input_tokens": 117, "output_tokens": 36, "total_tokens": 153} == json.loads(
        info["trace_metadata"]["mlflow.trace.tokenUsage"]
    )
    kinds = {"AGENT": "agent", "CHAT_MODEL": "model", "TOOL": "tool", None: None}
    assert KINDS == Counter(
        (span["name"], kinds[attributes(span).get("mlflow.spanType")], *tokens(span))
        for span in trace["spans"]
    )


def test_links(mlflow: str, librarian: Ask) -> None:
    """Each task is linked to those whose writes made it due: the agent's second one to two calls of tools."""
    spans = seen(mlflow, librarian)[0]["spans"]
    names = {span["span_id"]: span["name"] for span in spans}
    linked = [
        (span["name"], [names[link["span_id"]] for link in span.get("links", ())])
        for span in spans
        if span["name"].startswith("invoke_node")
    ]
    assert [
        ("invoke_node agent", []),
        ("invoke_node tools", ["invoke_node agent"]),
        ("invoke_node tools", ["invoke_node agent"]),
        ("invoke_node agent", ["invoke_node tools", "invoke_node tools"]),
        ("invoke_node tools", ["invoke_node agent"]),
        ("invoke_node agent", ["invoke_node tools"]),
    ] == linked


def test_content(mlflow: str, librarian: Ask) -> None:
    """Captured, inputs and outputs of calls of models and tools are there."""
    spans = seen(mlflow, librarian, capture=True)[0]["spans"]
    last = attributes([span for span in spans if span["name"] == "chat scripted"][-1])
    assert ["system", "user", "assistant", "tool", "tool", "assistant", "tool"] == [
        message["role"] for message in last["mlflow.spanInputs"]
    ]
    (answer,) = last["mlflow.spanOutputs"]
    assert "There are 2 files. The longest file begins: A tale of two files" == answer["parts"][0]["content"]
    (read,) = (attributes(span) for span in spans if span["name"] == "execute_tool first_lines")
    assert ({"name": "long.txt", "count": 4}, "A tale\nof two\nfiles") == (
        {key: int(value) if key == "count" else value for key, value in read["mlflow.spanInputs"].items()},
        read["mlflow.spanOutputs"],
    )


def seen(url: str, librarian: Ask, **options: Any) -> tuple[Any, str]:
    """Return what the server shows of the trace of a run, once all of it is there, and the thread of the run."""
    experiment = ask(f"{url}/api/2.0/mlflow/experiments/create", {"name": f"{uuid4()}"})["experiment_id"]
    exporter = OTLPSpanExporter(f"{url}/v1/traces", headers={"x-mlflow-experiment-id": experiment})
    key, thread = librarian(exporter, **options)

    def look() -> Any:
        trace = ask(f"{url}/api/3.0/mlflow/traces/get?trace_id=tr-{key}")["trace"]
        return trace if len(trace["spans"]) >= SPANS else None

    trace = eventually(look, f"{SPANS} spans")
    trace["spans"].sort(key=lambda span: int(span["start_time_unix_nano"]))
    return trace, thread


def attributes(span: Any) -> dict[str, Any]:
    """Return the attributes of a span as Python has them."""
    return plain({"kvlist_value": {"values": span["attributes"]}})  # type: ignore[no-any-return]


def plain(value: Any) -> Any:
    """Return the value that OTLP's JSON stands for."""
    ((kind, held),) = value.items()
    if kind == "kvlist_value":
        return {each["key"]: plain(each["value"]) for each in held.get("values", ())}
    if kind == "array_value":
        return [plain(each) for each in held.get("values", ())]
    return held


def tokens(span: Any) -> tuple[Any, ...]:
    """Return how many tokens a span says it took: read, written, both."""
    used = attributes(span).get("mlflow.chat.tokenUsage", {})
    return tuple(used.get(f"{kind}_tokens") for kind in ("input", "output", "total"))
