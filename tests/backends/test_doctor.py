"""`otgraph doctor` against a real Jaeger."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backends.servers import Programs, running_jaeger

pytestmark = pytest.mark.e2e


def test_the_doctor_finds_its_trace_in_jaeger(binaries: Programs, tmp_path: Path) -> None:
    """The test trace goes to Jaeger by gRPC, and Jaeger gives all of it back; without Jaeger the doctor says so."""
    command = [sys.executable, "-m", "otgraph", "doctor", "--json", "--timeout", "30"]
    with running_jaeger(binaries, tmp_path) as jaeger:
        endpoint = f"http://{jaeger.address('otlp')}"
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
        env = {**{name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}, **told}
        asking = [*command, "--jaeger", f"http://{jaeger.address('query')}"]
        done = subprocess.run(asking, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        checks = {check["name"]: check for check in json.loads(done.stdout)}
        assert done.returncode == 0, done.stdout
        assert "returns all 3 spans" in checks["backend"]["found"]
    gone = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert gone.returncode == 1
    assert f"nobody listens at {endpoint}" in gone.stdout
