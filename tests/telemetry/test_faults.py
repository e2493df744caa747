"""
Endpoints that are away, refuse, hang or fail: runs go on as ever, and every span that did not arrive is counted.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from foreign_server import free_port

from telemetry.programs import PRELUDE, environment, succeed
from telemetry.receiver import Kept, grpc_endpoint, http_endpoint

COUNTED = """
import asyncio, json, logging
from collections import Counter
from opentelemetry.sdk.trace import SpanProcessor

logging.getLogger("opentelemetry").disabled = True
logging.basicConfig(stream=sys.stdout, format="%(name)s: %(message)s")
logging.getLogger("opentelemetry").propagate = False

class Made(SpanProcessor):
    count = 0
    def on_end(self, span):
        Made.count += 1

telemetry = setup(traces=["otlp", Made])

def report(**more):
    print(json.dumps({"made": Made.count, "lost": telemetry.lost, **more}), flush=True)
"""

TIMED = (
    COUNTED
    + """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from otgraph.telemetry import TelemetryOptions

def talk(state, writer):
    for number in range(5):
        writer(number)

graph = graph_of(talk, write)

def gaps(options):
    found = []
    def take(chunks):
        last = time.perf_counter()
        for chunk in chunks:
            found.append(time.perf_counter() - last)
            last = time.perf_counter()
    async def read():
        return [chunk async for chunk in graph.astream({}, stream_mode=["values", "custom"], telemetry=options)]
    for _ in range(40):
        take(graph.stream({}, stream_mode=["values", "custom"], telemetry=options))
        begun = time.perf_counter()
        assert sum(mode == 'custom' for mode, _ in asyncio.run(read())) == 5
        found.append(time.perf_counter() - begun)
    return sorted(found)[int(len(found) * 0.99)]

healthy = TracerProvider(shutdown_on_exit=False)
healthy.add_span_processor(BatchSpanProcessor(InMemorySpanExporter()))
calm = gaps(TelemetryOptions(provider=healthy))
troubled = gaps(None)
shutdown(timeout=3)
healthy.shutdown()
report(calm=calm, troubled=troubled)
"""
)


@contextmanager
def trouble(kind: str, protocol: str, kept: Kept) -> Iterator[str]:
    """Yield the address of an endpoint in some kind of trouble."""
    if kind == "absent":
        yield "http://192.0.2.1:4318"  # an address that nobody has, by RFC 5737
    elif kind == "refused":
        yield f"http://127.0.0.1:{free_port()}"
    else:
        kept.answer = {"hangs": None, "500": 500, "503": 503, "well": 200}[kind]
        with (grpc_endpoint if protocol == "grpc" else http_endpoint)(kept) as address:
            yield address


def last_line(printed: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


@pytest.mark.parametrize("kind", ["absent", "refused", "hangs", "500", "503", "well"])
def test_runs_neither_fail_nor_wait(kept: Kept, protocol: str, kind: str) -> None:
    """Whatever the endpoint does, streams are as quick as with a healthy one, and arrived + lost = made, exactly."""
    with trouble(kind, protocol, kept) as address:
        printed = succeed(
            TIMED,
            OTEL_EXPORTER_OTLP_ENDPOINT=address,
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_EXPORTER_OTLP_TIMEOUT=2,
            OTEL_METRICS_EXPORTER="none",
            OTEL_BSP_SCHEDULE_DELAY=50,
        )
    told = last_line(printed)
    assert told["made"] == 80 * 5
    assert len(kept.spans) + sum(told["lost"].values()) == told["made"]
    assert bool(told["lost"]) == (kind != "well")
    # A run that waited for the exporter would have taken two seconds.
    assert told["troubled"] < 10 * told["calm"] + 1
    said = [line for line in printed.splitlines()[:-1] if "Spans are lost" in line]
    assert len(said) == len(told["lost"]), printed


@pytest.mark.slow
def test_an_endpoint_that_hangs_for_a_minute_delays_nothing_but_the_end(kept: Kept, protocol: str) -> None:
    """With the exporters' own time limits, runs go on during the whole outage, and the process ends in ten seconds."""
    with trouble("hangs", protocol, kept) as address:
        printed = succeed(
            f"""{COUNTED}
begun = time.monotonic()
slowest = 0.0
while time.monotonic() < begun + 12:
    started = time.monotonic()
    graph.invoke({{}})
    slowest = max(slowest, time.monotonic() - started)
    time.sleep(0.05)
ended = time.monotonic()
shutdown()
report(slowest=slowest, end=time.monotonic() - ended)
""",
            OTEL_EXPORTER_OTLP_ENDPOINT=address,
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_METRICS_EXPORTER="none",
            timeout=90,
        )
    told = last_line(printed)
    assert not kept.spans
    assert sum(told["lost"].values()) == told["made"]
    assert told["slowest"] < 5
    assert told["end"] < 25


def test_a_full_queue_drops_the_oldest_and_counts_them(kept: Kept, http: str) -> None:
    """With a queue that is too short, arrived + lost = made; those that arrive in the end are the newest."""
    kept.answer = None
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"""{PRELUDE}{COUNTED}
for _ in range(100):
    graph.invoke({{}})
report()
input()
assert flush(30)
shutdown()
report()
""",
        ],
        env=environment(
            OTEL_EXPORTER_OTLP_ENDPOINT=http,
            OTEL_EXPORTER_OTLP_TIMEOUT=30,
            OTEL_BSP_MAX_QUEUE_SIZE=50,
            OTEL_BSP_MAX_EXPORT_BATCH_SIZE=20,
            OTEL_METRICS_EXPORTER="none",
        ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        first = next(line for line in process.stdout if line.startswith("{"))
        assert json.loads(first)["lost"]["queue_full"] >= 300 - 50 - 2 * 20
        kept.answer = 200
        kept.released.set()
        process.stdin.write("\n")
        process.stdin.flush()
        told = last_line(process.stdout.read())
    assert told["made"] == 300
    assert len(kept.spans) + sum(told["lost"].values()) == 300
    assert 50 <= len(kept.spans)


PHASES = f"""{COUNTED}
for line in sys.stdin:
    for _ in range(10):
        graph.invoke({{}})
    assert flush(60)
    report()
"""


class Phases:
    """A program that makes ten runs, flushes and reports each time it is told to."""

    def __init__(self, stack: ExitStack, **variables: Any) -> None:
        self.process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-c", PRELUDE + PHASES],
                env=environment(**variables),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.said: list[str] = []

    def next(self) -> dict[str, Any]:
        self.stdin.write("\n")
        self.stdin.flush()
        for line in self.stdout:
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
            self.said.append(line)
        raise AssertionError("".join(self.said))

    def end(self) -> None:
        self.stdin.close()
        self.said += self.stdout.readlines()
        assert self.process.wait(60) == 0


def test_an_endpoint_comes_back(kept: Kept, protocol: str) -> None:
    """What is made before and after an outage arrives, what is made during it is counted, in the metric too."""
    serve: Callable[..., Any] = grpc_endpoint if protocol == "grpc" else http_endpoint
    measured = Kept()
    port = free_port()
    with ExitStack() as stack:
        metrics = stack.enter_context(http_endpoint(measured))
        program = Phases(
            stack,
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_EXPORTER_OTLP_TIMEOUT=1,
            OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=f"{metrics}/v1/metrics",
            OTEL_EXPORTER_OTLP_METRICS_PROTOCOL="http/protobuf",
            OTEL_BSP_SCHEDULE_DELAY=60000,
        )
        with serve(kept, port):
            assert program.next() == {"made": 30, "lost": {}}
        assert len(kept.spans) == 30
        assert program.next() == {"made": 60, "lost": {"export_failed": 30}}
        for attempt in range(1, 20):
            with serve(kept, port):
                told = program.next()
            if len(kept.spans) > 30:
                break
        made = 60 + 30 * attempt
        assert len(kept.spans) + told["lost"]["export_failed"] == made == told["made"]
        program.end()
    points = [(labels, point.as_int) for point, labels, _ in measured.points("otgraph.telemetry.spans.lost")]
    assert points[-1] == ({"otgraph.telemetry.reason": "export_failed"}, told["lost"]["export_failed"])
    said = "".join(program.said)
    assert said.count("Spans are lost: the exporter gave up") == 1
    assert said.count("Spans arrive again") == 1


def test_a_trace_of_ten_thousand_spans_arrives_whole(kept: Kept, endpoint: str, protocol: str) -> None:
    """With the sizes of `setup()`, no span of a fan-out of ten thousand is lost."""
    printed = succeed(
        f"""{COUNTED}
from otgraph.types import Send

builder = StateGraph(State)
builder.add_node("write", write)
builder.add_conditional_edges(START, lambda state: [Send("write", {{}})] * 10_000, ["write"])
builder.compile(name="essay").invoke({{}})
assert flush(60)
report()
""",
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_METRICS_EXPORTER="none",
        timeout=110,
    )
    assert last_line(printed) == {"made": 10_002, "lost": {}}
    assert len({span.span_id for span, _ in kept.spans}) == 10_002


def test_no_message_is_larger_than_receivers_take(kept: Kept, endpoint: str, protocol: str) -> None:
    """With captured content of many kilobytes per span, batches stay below the 4 MiB that gRPC receivers take."""
    printed = succeed(
        f"""{COUNTED}
from otgraph.telemetry import TelemetryOptions
from otgraph.types import Send

def fill(state):
    return {{"notes": ["\\N{{GREEK SMALL LETTER ALPHA}}" * 15_000]}}

builder = StateGraph(State)
builder.add_node("fill", fill)
builder.add_conditional_edges(START, lambda state: [Send("fill", {{}})] * 300, ["fill"])
builder.compile(name="essay").invoke({{}}, telemetry=TelemetryOptions(capture=True))
assert flush(60)
report()
""",
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_METRICS_EXPORTER="none",
    )
    assert last_line(printed) == {"made": 302, "lost": {}}
    sizes = [len(body) for _, body in kept.bodies]
    assert sum(sizes) > 6 << 20
    assert max(sizes) < 4 << 20


def test_a_fault_at_the_end_of_a_program_is_no_exception(protocol: str) -> None:
    """A program whose endpoint is away ends with its own exit code, and says once that spans were lost."""
    printed = succeed(
        "import logging\nlogging.basicConfig(stream=sys.stdout)\nsetup(); graph.invoke({})",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}",
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_EXPORTER_OTLP_TIMEOUT=1,
    )
    assert printed.count("Spans are lost") == 1
