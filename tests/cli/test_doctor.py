"""`otgraph doctor`: what it finds, against a receiver of OTLP that answers as Jaeger or Tempo does."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from otgraph.telemetry import read_otlp


class Backend(ThreadingHTTPServer):
    """Takes traces by OTLP over HTTP and gives them back."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.status = 200
        self.forgets = 0
        """How many spans of a trace it does not give back."""
        self.speaks = "jaeger"
        super().__init__(("127.0.0.1", 0), _Request)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def told(self, trace_id: str) -> Any:
        spans = [span for span in self.spans if span["trace_id"] == trace_id][self.forgets :]
        if self.speaks == "jaeger":
            listed = [
                {"spanID": span["span_id"], "startTime": 1, "references": [{"spanID": span["parent_id"]}]}
                for span in spans
            ]
            return {"data": [{"traceID": trace_id, "spans": listed}]}
        listed = [{"spanId": span["span_id"], "startTimeUnixNano": "1"} for span in spans]
        return {"batches": [{"scopeSpans": [{"spans": listed}]}]}


class _Request(BaseHTTPRequestHandler):
    server: Backend

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.status == 200:
            self.server.spans += read_otlp(body)
        self._answer(self.server.status, b"")

    def do_GET(self) -> None:
        self._answer(200, json.dumps(self.server.told(self.path.rpartition("/")[2])).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def checked(done: Any) -> dict[str, Any]:
    """Return the checks of a run of the command, by name."""
    return {check["name"]: check for check in json.loads(done.stdout)}


@pytest.mark.parametrize("speaks", ["jaeger", "tempo"])
def test_a_trace_that_arrives(otgraph: Any, backend: Backend, speaks: str) -> None:
    """Where all is well the test trace is taken and given back, every check is ok, and the exit code is 0."""
    backend.speaks = speaks
    done = otgraph(
        "doctor", f"--{speaks}", backend.address, "--json", OTEL_EXPORTER_OTLP_ENDPOINT=backend.address
    )
    checks = checked(done)
    assert {check["status"] for check in checks.values()} <= {"ok", "skip"}, done.stdout
    assert "returns all 3 spans" in checks["backend"]["found"]
    assert [span["name"] for span in backend.spans][-1] == "invoke_workflow otgraph doctor"
    assert done.returncode == 0


def test_nothing_is_configured(otgraph: Any) -> None:
    """A process that exports nowhere is warned of, with what to do; that is no failure."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        free = f"http://127.0.0.1:{taken.getsockname()[1]}"
    done = otgraph("doctor")
    assert "! warn  exporter: none is configured" in done.stdout
    assert "→ set OTEL_EXPORTER_OTLP_ENDPOINT" in done.stdout
    refused = otgraph("doctor", "--json", OTEL_EXPORTER_OTLP_ENDPOINT=free)
    assert checked(refused)["endpoint"]["status"] == "fail"
    assert f"nobody listens at {free}" in checked(refused)["endpoint"]["found"]
    assert refused.returncode == 1


def test_a_trace_that_is_refused(otgraph: Any, backend: Backend) -> None:
    """A receiver that says no is a failed check that quotes it."""
    backend.status = 400
    done = otgraph("doctor", "--json", "--timeout", "5", OTEL_EXPORTER_OTLP_ENDPOINT=backend.address)
    check = checked(done)["test trace"]
    assert (check["status"], done.returncode) == ("fail", 1)
    assert "400" in check["found"]


def test_a_trace_that_is_lost_on_the_way(otgraph: Any, backend: Backend) -> None:
    """A backend that has a part of the trace, or nothing of it, is a failed check."""
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": backend.address}
    for forgets, told in ((1, "returns 2 of 3 spans"), (3, "does not have the trace")):
        backend.forgets = forgets
        done = otgraph("doctor", "--jaeger", backend.address, "--timeout", "1", "--json", **env)
        assert (checked(done)["backend"]["status"], done.returncode) == ("fail", 1)
        assert told in checked(done)["backend"]["found"]


@pytest.mark.parametrize(
    ("env", "name", "status"),
    [
        ({"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY"}, "content", "warn"),
        ({"OTEL_SDK_DISABLED": "true"}, "sdk", "fail"),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, "sampler", "fail"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}, "sampler", "warn"),
        ({"OTEL_TRACES_EXPORTER": "nowhere"}, "exporter", "fail"),
    ],
)
def test_settings_that_matter(otgraph: Any, env: dict[str, str], name: str, status: str) -> None:
    """Each setting that hides traces or shows content is found."""
    checks = checked(otgraph("doctor", "--json", **env))
    assert checks[name]["status"] == status


def test_the_program_s_own_set_up_is_checked(otgraph: Any, backend: Backend, folder: Path) -> None:
    """With a target the provider that its program sets is the one that the test trace goes through."""
    (folder / "app.py").write_text(
        "from opentelemetry import trace\n"
        "from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "from opentelemetry.sdk.trace.export import BatchSpanProcessor\n"
        "from graphs import graph\n"
        "provider = TracerProvider()\n"
        f"provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter({backend.address + '/v1/traces'!r})))\n"
        "trace.set_tracer_provider(provider)\n"
    )
    done = otgraph("doctor", "app:graph", "--jaeger", backend.address, "--json")
    checks = checked(done)
    assert "app:graph has set a provider of its own" in checks["exporter"]["found"]
    assert (checks["backend"]["status"], done.returncode) == ("ok", 0), done.stdout


def test_exporters_are_registered(otgraph: Any) -> None:
    """The exporters that come with the package are found by their names and can be loaded."""
    check = checked(otgraph("doctor", "--json"))["entry points"]
    assert check["status"] == "ok", check
    assert "otgraph_console" in check["found"]
