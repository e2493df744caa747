"""
Phoenix, by Arize, is sent an agent's trace by the real exporters and understands it.

Rule: what it shows is read by its API, from a server of its own that starts with nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from foreign_server import ask, eventually, free_port, serving
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from otgraph_exporters.openinference import OpenInferenceExporter

from .conftest import KINDS, SPANS, Ask
from .viewer import PHOENIX, installed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Return the URLs of a server, for HTTP and for gRPC."""
    python, folder = installed(PHOENIX), tmp_path_factory.mktemp("phoenix")
    http, grpc = free_port(), free_port()
    settings = {
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(http),
        "PHOENIX_GRPC_PORT": str(grpc),
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }
    url = f"http://127.0.0.1:{http}"
    with serving([python.with_name("phoenix"), "serve"], settings, folder, f"{url}/healthz"):
        yield url, f"http://127.0.0.1:{grpc}"


def seen(url: str, project: str) -> list[Any]:
    """Return the spans of a project, in the order of their starts, once all are there."""

    def look() -> Any:
        known = {each["name"] for each in ask(f"{url}/v1/projects")["data"]}
        spans = ask(f"{url}/v1/projects/{project}/spans?limit=1000")["data"] if project in known else []
        return spans if len(spans) >= SPANS else None

    spans: list[Any] = eventually(look, f"{SPANS} spans")
    return sorted(spans, key=lambda span: str(span["start_time"]))


@pytest.mark.parametrize("transport", ["http", "grpc"])
def test_an_agents_trace(phoenix: tuple[str, str], librarian: Ask, transport: str) -> None:
    """The agent, its calls of the model and of tools have their kinds and tokens, and the thread is the session."""
    http, grpc = phoenix
    exporter = HttpExporter(f"{http}/v1/traces") if transport == "http" else GrpcExporter(grpc, insecure=True)
    trace, thread = librarian(exporter, project=transport)
    spans = seen(http, transport)
    kinds = {"AGENT": "agent", "LLM": "model", "TOOL": "tool", "UNKNOWN": None}
    assert KINDS == Counter((span["name"], kinds[span["span_kind"]], *tokens(span)) for span in spans)
    assert {(trace, thread)} == {
        (span["context"]["trace_id"], span["attributes"]["session.id"]) for span in spans
    }
    (session,) = ask(f"{http}/v1/projects/{transport}/sessions")["data"]
    assert (thread, [trace]) == (session["session_id"], [each["trace_id"] for each in session["traces"]])
    assert (117, 36, 153) == tuple(
        session[f"token_count_{kind}"] for kind in ("prompt", "completion", "total")
    )


def test_openinference(phoenix: tuple[str, str], librarian: Ask) -> None:
    """With OpenInference's attributes nodes and supersteps have a kind too, and nodes their place in the graph."""
    exporter = OpenInferenceExporter(HttpExporter(f"{phoenix[0]}/v1/traces"))
    _, thread = librarian(exporter, project="openinference", capture=True)
    spans = seen(phoenix[0], "openinference")
    kinds = {"AGENT": "agent", "LLM": "model", "TOOL": "tool", "CHAIN": None}
    assert KINDS == Counter((span["name"], kinds[span["span_kind"]], *tokens(span)) for span in spans)
    assert {thread} == {span["attributes"]["session.id"] for span in spans}
    assert {"agent": 3, "tools": 3} == Counter(
        span["attributes"]["graph.node.id"] for span in spans if span["name"].startswith("invoke_node")
    )
    agent, *calls = (span["attributes"] for span in spans if span["span_kind"] in ("AGENT", "LLM"))
    (said,) = json.loads(agent["output.value"])
    assert said["parts"][0]["content"] == calls[-1]["llm.output_messages.0.message.content"]
    asked = "message.tool_calls.0.tool_call.function.name"
    assert (
        "first_lines"
        == calls[1][f"llm.output_messages.0.{asked}"]
        == calls[2][f"llm.input_messages.5.{asked}"]
    )
    assert "2 files" == calls[1]["llm.input_messages.3.message.content"]


def test_the_tree(phoenix: tuple[str, str], librarian: Ask) -> None:
    """Every span but the agent's has its parent: a call of the model and one of a tool that of their task."""
    librarian(HttpExporter(f"{phoenix[0]}/v1/traces"), project="tree")
    spans = {span["context"]["span_id"]: span for span in seen(phoenix[0], "tree")}
    pairs = {
        (span["name"], spans[span["parent_id"]]["name"] if span["parent_id"] else None)
        for span in spans.values()
    }
    assert {
        ("invoke_agent librarian", None),
        ("otgraph.superstep", "invoke_agent librarian"),
        ("invoke_node agent", "otgraph.superstep"),
        ("invoke_node tools", "otgraph.superstep"),
        ("chat scripted", "invoke_node agent"),
        *(
            (f"execute_tool {tool}", "invoke_node tools")
            for tool in ("count_files", "longest_files", "first_lines")
        ),
    } == pairs


def tokens(span: Any) -> tuple[Any, ...]:
    """Return how many tokens a span says it took: read, written, both."""
    return tuple(
        span["attributes"].get(f"llm.token_count.{kind}") for kind in ("prompt", "completion", "total")
    )


def test_content(phoenix: tuple[str, str], librarian: Ask) -> None:
    """Captured, question and answer of the agent and of each call are there, with instructions, tools and results."""
    librarian(HttpExporter(f"{phoenix[0]}/v1/traces"), project="content", capture=True)
    spans = [span for span in seen(phoenix[0], "content") if span["span_kind"] != "UNKNOWN"]
    agent, *calls = (span["attributes"] for span in spans if span["span_kind"] in ("AGENT", "LLM"))
    for told in (agent, *calls):
        assert "You describe a folder" in told["llm.input_messages.0.message.content"]
        assert "What is in this folder?" == told["llm.input_messages.1.message.content"]
        assert "count_files" == json.loads(told["llm.tools.0.tool.json_schema"])["function"]["name"]
    answers = [told["llm.output_messages.0.message.content"] for told in calls]
    assert ["Let me count", "The longest", "There are 2"] == [answer[:12].strip() for answer in answers]
    assert answers[-1] == agent["llm.output_messages.0.message.content"]
    asked = "llm.output_messages.0.message.tool_calls.0.tool_call"
    assert ("first_lines", {"name": "long.txt", "count": 4}) == (
        calls[1][f"{asked}.function.name"],
        json.loads(calls[1][f"{asked}.function.arguments"]),
    )
    (read,) = (span["attributes"] for span in spans if span["name"] == "execute_tool first_lines")
    assert ("long.txt", "A tale\nof two\nfiles") == (
        read["tool.parameters.name"],
        json.loads(read["output.value"]),
    )
