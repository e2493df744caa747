"""The trace store by its name, `OTEL_TRACES_EXPORTER=otgraph_sqlite`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from driven import Driven
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from otgraph_exporters.trace_store import TraceStore, TraceStoreExporter

from otgraph.telemetry import TelemetryOptions

from .graphs import chain

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
from driven import Driven
from exporters.graphs import chain
{setup}

chain(Driven("threads")).invoke({{"lines": []}})
"""

SETUPS = {
    "otgraph's": "from otgraph.telemetry import setup; setup(metrics=False)",
    "OpenTelemetry's": "from opentelemetry.sdk._configuration import _OTelSDKConfigurator; "
    "_OTelSDKConfigurator().configure()",
}


@pytest.mark.parametrize("whose", SETUPS)
def test_it_is_found_by_its_name(path: Path, whose: str) -> None:
    """A program whose exporter is named in the environment leaves its run in the file that is named there."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "tests"),
        "OTEL_TRACES_EXPORTER": "otgraph_sqlite",
        "OTGRAPH_TRACE_STORE": str(path),
    }
    code = PROGRAM.format(setup=SETUPS[whose])
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=environment)
    with TraceStore(path) as store:
        (run,) = store.runs()
        assert (run.workflow, run.state, run.outcome) == ("chain", "ended", "success")
        assert len(store.spans(run.run_id)) == 5


def test_it_works_behind_a_batch_processor(path: Path) -> None:
    """Spans that are handed over when they have ended are stored whole."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(TraceStoreExporter(path)))
    chain(Driven("threads")).invoke({"lines": []}, telemetry=TelemetryOptions(provider=provider))
    provider.shutdown()
    with TraceStore(path) as store:
        (run,) = store.runs()
        spans = {span["name"]: span for span in store.spans(run.run_id)}
    assert run.state == "ended"
    assert [event["name"] for event in spans["invoke_node first"]["events"]] == [
        "otgraph.custom",
        "otgraph.task.committed",
    ]
