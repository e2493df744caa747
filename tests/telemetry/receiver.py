"""
An endpoint for OTLP, over HTTP and gRPC, that keeps every byte and can misbehave.
"""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PARSERS = {
    "traces": ExportTraceServiceRequest,
    "metrics": ExportMetricsServiceRequest,
    "logs": ExportLogsServiceRequest,
}


class Kept:
    """What arrived, whichever way."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, bytes]] = []
        """Signal and message, as they arrived."""
        self.peers: list[str] = []
        """For each of them, the connection that it came by."""
        self.answer: int | None = 200
        """The status of HTTP that requests get; None lets them wait for `release`."""
        self.released = Event()
        self.asked = 0
        """How many requests there were, answered or not."""
        self._lock = Lock()

    def take(self, signal: str, body: bytes, peer: str) -> int:
        """Return the status that a request gets; it counts as arrived if that is 200."""
        with self._lock:
            self.asked += 1
        if self.answer is None:
            self.released.wait(60)
            return 0
        if self.answer == 200:
            with self._lock:
                self.bodies.append((signal, body))
                self.peers.append(peer)
        return self.answer

    def requests(self, signal: str) -> list[Any]:
        return [PARSERS[signal].FromString(body) for kind, body in list(self.bodies) if kind == signal]

    @property
    def spans(self) -> list[Any]:
        """All spans, each with the `resource` that it came with."""
        return [
            (span, attributes(resource.resource.attributes))
            for request in self.requests("traces")
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def names(self) -> list[str]:
        return sorted(span.name for span, _ in self.spans)

    def points(self, metric: str) -> list[tuple[Any, dict[str, Any], dict[str, Any]]]:
        """Points of a metric, each with its labels and its resource."""
        return [
            (point, attributes(point.attributes), attributes(resource.resource.attributes))
            for request in self.requests("metrics")
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for each in scope.metrics
            if each.name == metric
            for point in getattr(each, each.WhichOneof("data")).data_points
        ]

    @property
    def connections(self) -> dict[str, set[str]]:
        """Connection -> the processes, by instance id, whose spans came by it."""
        found: dict[str, set[str]] = {}
        for (signal, body), peer in zip(list(self.bodies), self.peers, strict=True):
            if signal == "traces":
                for resource in PARSERS[signal].FromString(body).resource_spans:
                    instance = attributes(resource.resource.attributes)["service.instance.id"]
                    found.setdefault(peer, set()).add(instance)
        return found

    @property
    def lines(self) -> list[tuple[Any, dict[str, Any]]]:
        """Log records, each with its attributes."""
        return [
            (record, attributes(record.attributes))
            for request in self.requests("logs")
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]


def attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        status = self.server.kept.take(self.path.rpartition("/")[2], body, str(self.client_address))
        if status:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def get_request(self) -> Any:
        request = super().get_request()
        self.open.append(request[0])
        return request

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that gave up."""


@contextmanager
def http_endpoint(kept: Kept, port: int = 0) -> Iterator[str]:
    """Listen, on any free port by default; yield the address."""
    with _Server(("127.0.0.1", port), _Request) as server:
        server.kept = kept  # type: ignore[attr-defined]
        server.open = []
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            kept.released.set()
            server.shutdown()
            thread.join()
            for connection in server.open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


STATUS = {500: grpc.StatusCode.INTERNAL, 503: grpc.StatusCode.UNAVAILABLE, 0: grpc.StatusCode.ABORTED}


class _Services(grpc.GenericRpcHandler):
    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def service(self, details: Any) -> Any:
        signal = next(signal for signal in ("trace", "metrics", "logs") if f".{signal}." in details.method)

        def export(body: bytes, context: Any) -> bytes:
            status = self._kept.take("traces" if signal == "trace" else signal, body, context.peer())
            if status != 200:
                context.abort(STATUS[status], "as the test wants it")
            return b""

        return grpc.unary_unary_rpc_method_handler(export)


@contextmanager
def grpc_endpoint(kept: Kept, port: int = 0) -> Iterator[str]:
    """The same over gRPC."""
    with ThreadPoolExecutor(8) as pool:
        server = grpc.server(pool)
        server.add_generic_rpc_handlers((_Services(kept),))
        found = server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()
        try:
            yield f"http://127.0.0.1:{found}"
        finally:
            kept.released.set()
            server.stop(0).wait()
