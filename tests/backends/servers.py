"""
Jaeger, the Collector and Prometheus on free ports of the loopback interface, wired as an operator would.

Rule: the Collector runs the repository's own collector-config.yaml, untouched; only environment variables differ.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from foreign_server import ask, free_port, serving

from otgraph.telemetry import ExportedSpan, read_otlp_json

__all__ = [
    "CONFIG",
    "Jaeger",
    "Programs",
    "Prometheus",
    "Server",
    "Sink",
    "running_collector",
    "running_jaeger",
    "running_prometheus",
    "running_sink",
]

HERE: Final = Path(__file__).parent
CONFIG: Final = HERE.parent.parent / "collector-config.yaml"

SCRAPE: Final = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: {rules}
scrape_configs:
  - job_name: applications
    honor_labels: true
    static_configs: [{{targets: ["{applications}"]}}]
  - job_name: collector
    static_configs: [{{targets: ["{collector}"]}}]
"""

Programs = Mapping[str, Path]
"""Where each program is, by its name."""


class Server:
    """
    A server that runs.

    Args:
        folder: where it writes; `server.log` there is what it prints.
        ports: what each of its ports is for.
    """

    def __init__(self, folder: Path, *ports: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.ports: Final = {name: free_port() for name in ports}

    def address(self, port: str) -> str:
        """Return the host and the number of a port."""
        return f"127.0.0.1:{self.ports[port]}"

    def ask(self, port: str, path: str, **query: Any) -> Any:
        """Return what it answers to GET at a port that speaks JSON over HTTP."""
        return ask(f"http://{self.address(port)}{path}?{urllib.parse.urlencode(query, doseq=True)}")

    def settings(self, prefix: str = "") -> dict[str, str]:
        """Return environment variables that tell it its ports."""
        return {f"{prefix}{name.upper()}_PORT": str(port) for name, port in self.ports.items()}


class Jaeger(Server):
    """A Jaeger: `otlp` takes spans, `query` answers."""

    def traces(self, *ids: str) -> list[dict[str, Any]]:
        """Return the traces with these ids that it has, as its user interface gets them."""
        found: list[dict[str, Any]] = []
        for some in range(0, len(ids), 50):
            answer = self.ask("query", "/api/traces", traceID=ids[some : some + 50])
            found += answer["data"]
        return found

    def count(self, *ids: str) -> int:
        """Return how many spans of these traces it has."""
        return sum(len(trace["spans"]) for trace in self.traces(*ids))


class Sink(Server):
    """A Collector that stands in Tempo's place; what comes to `otlp` it keeps as it is."""

    def text(self) -> str:
        """Return all lines of OTLP-JSON that it has written whole."""
        file = self.folder / "traces.jsonl"
        return file.read_text().rpartition("\n")[0] if file.exists() else ""

    def spans(self) -> list[ExportedSpan]:
        """Return all spans."""
        return list(read_otlp_json(self.text()))


class Prometheus(Server):
    """A Prometheus: `http` answers."""

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return what an expression gives now: a list of `{"metric": labels, "value": [time, text]}`."""
        found: list[dict[str, Any]] = self.ask("http", "/api/v1/query", query=expression)["data"]["result"]
        return found

    def number(self, expression: str) -> float | None:
        """Return the one number that an expression gives now, or None where it gives none."""
        found = self.query(expression)
        assert len(found) <= 1, f"{expression} gives {len(found)} series: {found}"
        return float(found[0]["value"][1]) if found else None


@contextmanager
def running_jaeger(programs: Programs, folder: Path, **ports: int) -> Iterator[Jaeger]:
    """Run a Jaeger with its storage in memory, on these ports where they are given."""
    server = Jaeger(folder / "jaeger", "otlp", "query", "grpc")
    server.ports.update(ports)
    command = [programs["jaeger"], f"--config={HERE / 'jaeger.yaml'}"]
    with serving(command, server.settings(), server.folder, f"http://{server.address('query')}/api/services"):
        yield server


@contextmanager
def running_sink(programs: Programs, folder: Path) -> Iterator[Sink]:
    """Run a second Collector, which writes down what it is sent."""
    server = Sink(folder / "sink", "otlp", "health")
    command: Sequence[str | Path] = [programs["otelcol"], f"--config={HERE / 'sink.yaml'}"]
    with serving(command, server.settings(), server.folder, f"http://{server.address('health')}"):
        yield server


@contextmanager
def running_collector(programs: Programs, folder: Path, **settings: str) -> Iterator[Server]:
    """Run the Collector; applications send to `grpc` or `http`, and `prometheus` shows their metrics."""
    server = Server(folder / "collector", "grpc", "http", "prometheus", "metrics", "health")
    command = [programs["otelcol"], f"--config={CONFIG}"]
    settings = {"COLLECTOR_HOST": "127.0.0.1", **server.settings("COLLECTOR_"), **settings}
    with serving(command, settings, server.folder, f"http://{server.address('health')}"):
        yield server


@contextmanager
def running_prometheus(
    programs: Programs, folder: Path, collector: Server, *rules: Path
) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes the Collector every second, with files of rules."""
    server = Prometheus(folder / "prometheus", "http")
    targets = {"applications": collector.address("prometheus"), "collector": collector.address("metrics")}
    config = server.folder / "prometheus.yml"
    config.write_text(SCRAPE.format(rules=[str(file) for file in rules], **targets))
    command = [
        programs["prometheus"],
        f"--config.file={config}",
        f"--storage.tsdb.path={server.folder / 'data'}",
        f"--web.listen-address={server.address('http')}",
        "--enable-feature=exemplar-storage,created-timestamp-zero-ingestion",
    ]
    with serving(command, {}, server.folder, f"http://{server.address('http')}/-/ready"):
        yield server
