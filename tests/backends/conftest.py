"""The servers, started once for all tests here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from otgraph_dashboards import export

from backends.build import build
from backends.servers import (
    Jaeger,
    Programs,
    Prometheus,
    Server,
    Sink,
    running_collector,
    running_jaeger,
    running_prometheus,
    running_sink,
)
from backends.workload import Workload, tell

SAMPLING = {
    "SAMPLING_WAIT": "6s",
    "SAMPLING_WAIT_AFTER_ROOT": "2s",
    "SAMPLING_SLOW_MS": "4000",
    "SAMPLING_PERCENT": "50",
    "SPAN_METRICS_INTERVAL": "5s",
}
"""Shorter than one would have it: nobody waits a minute for a test."""


@pytest.fixture(scope="session")
def binaries() -> Programs:
    """Where each program is: `jaeger`, `otelcol`, `prometheus`, `promtool`."""
    return build()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of everything that the servers write."""
    return tmp_path_factory.mktemp("backends")


@pytest.fixture(scope="session")
def jaeger(binaries: Programs, folder: Path) -> Iterator[Jaeger]:
    """A Jaeger, which has what was sampled."""
    with running_jaeger(binaries, folder) as server:
        yield server


@pytest.fixture(scope="session")
def sink(binaries: Programs, folder: Path) -> Iterator[Sink]:
    """What stands in Tempo's place."""
    with running_sink(binaries, folder) as server:
        yield server


@pytest.fixture(scope="session")
def collector(binaries: Programs, folder: Path, jaeger: Jaeger, sink: Sink) -> Iterator[Server]:
    """The Collector, with collector-config.yaml; only the workload is sent to it, so that it can be counted."""
    endpoints = {"JAEGER_ENDPOINT": jaeger.address("otlp"), "TEMPO_ENDPOINT": sink.address("otlp")}
    with running_collector(binaries, folder, **endpoints, **SAMPLING) as server:
        yield server


@pytest.fixture(scope="session")
def prometheus(binaries: Programs, folder: Path, collector: Server) -> Iterator[Prometheus]:
    """A Prometheus that scrapes the Collector every second, with the rules that are exported."""
    rules = [path for path in export(folder / "exported") if path.suffix == ".yaml"]
    with running_prometheus(binaries, folder, collector, *rules) as server:
        yield server


@pytest.fixture(scope="session")
def workload(folder: Path, collector: Server, prometheus: Prometheus) -> Workload:
    """What has happened, and been sent through the Collector while Prometheus watched."""
    return tell(folder, *(f"http://{collector.address(port)}" for port in ("http", "grpc")))
