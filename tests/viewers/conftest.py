"""The agent of the demo, whose trace the viewers are sent."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otgraph.telemetry import TelemetryOptions

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SPANS = 18
"""How many spans the run of the agent has."""

KINDS = {
    ("invoke_agent librarian", "agent", 117, 36, 153): 1,
    ("chat scripted", "model", 22, 12, 34): 1,
    ("chat scripted", "model", 40, 11, 51): 1,
    ("chat scripted", "model", 55, 13, 68): 1,
    ("execute_tool count_files", "tool", None, None, None): 1,
    ("execute_tool longest_files", "tool", None, None, None): 1,
    ("execute_tool first_lines", "tool", None, None, None): 1,
    ("otgraph.superstep", None, None, None, None): 5,
    ("invoke_node agent", None, None, None, None): 3,
    ("invoke_node tools", None, None, None, None): 3,
}
"""What they are: name, kind, tokens read, written and both -> how many; kinds as each viewer calls them differ."""

Ask = Callable[..., tuple[str, str]]


class Ids(SpanProcessor):
    """Notes the traces that there were."""

    def __init__(self) -> None:
        self.traces: set[int] = set()

    def on_end(self, span: ReadableSpan) -> None:
        self.traces.add(span.get_span_context().trace_id)


@pytest.fixture
def librarian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """
    Return a function that lets the agent look at two files and sends the spans to an exporter.

    It returns the id of the trace and the thread. The scripted model reads and writes the same each time, and takes
    words for tokens.
    """
    prebuilt = pytest.importorskip(
        "otgraph.prebuilt", reason="needs LangChain, which the extra `dev` installs"
    )
    monkeypatch.syspath_prepend(str(EXAMPLES))
    agent, script = import_module("agent"), import_module("scripted_model")
    (tmp_path / "short.txt").write_text("one\n", encoding="utf-8")
    (tmp_path / "long.txt").write_text("A tale\nof two\nfiles\n", encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        graph = prebuilt.create_react_agent(
            script.ScriptedModel(delay=0.001),
            agent.tools_for(tmp_path),
            prompt=agent.ADVICE,
            name="librarian",
        )

    def ask(exporter: Any, *processors: Any, project: str = "otgraph", **options: Any) -> tuple[str, str]:
        resource = Resource.create({"service.name": "library", "openinference.project.name": project})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        for processor in processors:
            provider.add_span_processor(processor)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        ids, thread = Ids(), f"{uuid4()}"
        provider.add_span_processor(ids)
        graph.invoke(
            {"messages": [("user", agent.QUESTION)]},
            {"configurable": {"thread_id": thread}},
            telemetry=TelemetryOptions(provider=provider, **options),
        )
        provider.shutdown()
        (trace,) = ids.traces
        return f"{trace:032x}", thread

    return ask
