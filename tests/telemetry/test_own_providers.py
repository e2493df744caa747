"""
Applications that have set OpenTelemetry up themselves need no call, and the call does no harm.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from telemetry.programs import PRELUDE, SPANS, environment, succeed
from telemetry.receiver import Kept


@pytest.mark.parametrize("call", ["", "print(setup('mine', logs=True))"], ids=["no call", "setup"])
def test_opentelemetry_instrument_is_enough(kept: Kept, http: str, tmp_path: Path, call: str) -> None:
    """Under a real `opentelemetry-instrument` a program exports spans and metrics once; `setup()` changes nothing."""
    pytest.importorskip("opentelemetry.distro")
    (tmp_path / "program.py").write_text(f"{PRELUDE}\n{call}\ngraph.invoke({{}})\n")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("opentelemetry-instrument")), sys.executable, "program.py"],
        cwd=tmp_path,
        env=environment(
            OTEL_EXPORTER_OTLP_ENDPOINT=http,
            OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
            OTEL_SERVICE_NAME="instrumented",
        ),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert kept.names == SPANS
    assert {resource["service.name"] for _, resource in kept.spans} == {"instrumented"}
    ((point, _, _),) = kept.points("gen_ai.invoke_workflow.duration")
    assert point.count == 1
    if call:
        assert done.stdout == "Telemetry(traces=application, metrics=application, logs=application)\n"


def test_a_provider_of_the_application_is_left_alone(kept: Kept, http: str) -> None:
    """A tracer provider that is there gets the spans, and only what nobody has set up is set up; no word of warning."""
    printed = succeed(
        """
import logging
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

own = TracerProvider()
finished = InMemorySpanExporter()
own.add_span_processor(SimpleSpanProcessor(finished))
trace.set_tracer_provider(own)
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
telemetry = setup("mine")
assert trace.get_tracer_provider() is own
graph.invoke({})
assert flush()
print(telemetry, len(finished.get_finished_spans()))
shutdown()
graph.invoke({})
print(len(finished.get_finished_spans()))
""",
        OTEL_EXPORTER_OTLP_ENDPOINT=http,
    )
    assert printed.splitlines() == [
        "The application has a provider for traces, which is left alone",
        "Telemetry(traces=application, metrics=otlp, logs=off) 3",
        "6",
    ]
    assert not kept.spans
    assert kept.points("gen_ai.invoke_workflow.duration")


def test_flush_reaches_providers_of_the_application(kept: Kept, http: str) -> None:
    """`flush()` without any `setup()` exports what waits at the application's own provider."""
    succeed(
        """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
graph.invoke({})
assert flush()
os._exit(0)
""",
        OTEL_EXPORTER_OTLP_ENDPOINT=http,
    )
    assert kept.names == SPANS
