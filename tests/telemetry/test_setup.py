"""
`otgraph.telemetry.setup`: one call, and the application's telemetry goes where the variables say.
"""

from __future__ import annotations

import pytest

from telemetry.programs import SPANS, run, succeed
from telemetry.receiver import Kept


def test_one_call_exports_traces_and_metrics(kept: Kept, endpoint: str, protocol: str) -> None:
    """After `setup()` a run's spans and metrics arrive, by either protocol, with the service's name."""
    succeed(
        "setup(); graph.invoke({})",
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_SERVICE_NAME="writer",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test",
    )
    assert kept.names == SPANS
    (resource,) = {tuple(sorted(resource.items())) for _, resource in kept.spans}
    told = dict(resource)
    assert told["service.name"] == "writer"
    assert told["deployment.environment.name"] == "test"
    assert told["service.instance.id"]
    ((point, labels, where),) = kept.points("gen_ai.invoke_workflow.duration")
    assert point.count == 1
    assert labels["gen_ai.workflow.name"] == "essay"
    assert where == told
    assert not kept.lines


def test_arguments_override_variables(kept: Kept, http: str) -> None:
    """What the call says counts more than what the environment says."""
    succeed(
        f"setup('writer', endpoint={http!r}, protocol='http/protobuf', metrics=False, resource={{'team': 'blue'}})\n"
        "graph.invoke({})",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        OTEL_SERVICE_NAME="reader",
        OTEL_RESOURCE_ATTRIBUTES="team=red",
        OTEL_METRICS_EXPORTER="otlp",
    )
    assert kept.names == SPANS
    assert {(told["service.name"], told["team"]) for _, told in kept.spans} == {("writer", "blue")}
    assert not kept.requests("metrics")


def test_several_exporters_have_the_same_spans(kept: Kept, http: str) -> None:
    """`otlp,console` exports each span twice."""
    printed = succeed(
        "setup(); graph.invoke({})",
        OTEL_TRACES_EXPORTER="otlp, console",
        OTEL_METRICS_EXPORTER="none",
        OTEL_EXPORTER_OTLP_ENDPOINT=http,
    )
    assert kept.names == SPANS
    assert all(f'"name": "{name}"' in printed for name in SPANS)


def test_any_registered_exporter_is_found(tmp_path: object) -> None:
    """An exporter that a package registers under OpenTelemetry's entry points is found by its name."""
    printed = succeed(
        f"""
folder = {str(tmp_path)!r}
os.makedirs(folder + "/mine-1.dist-info")
with open(folder + "/mine-1.dist-info/METADATA", "w") as file:
    file.write("Metadata-Version: 2.1\\nName: mine\\nVersion: 1\\n")
with open(folder + "/mine-1.dist-info/entry_points.txt", "w") as file:
    file.write("[opentelemetry_traces_exporter]\\nmine = mine:Mine\\n")
with open(folder + "/mine.py", "w") as file:
    file.write('''
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
class Mine(SpanExporter):
    def export(self, spans):
        print(*sorted(span.name for span in spans), sep=",")
        return SpanExportResult.SUCCESS
''')
sys.path.append(folder)
assert "mine" not in sys.modules
print(setup(metrics=False))
graph.invoke({{}})
""",
        OTEL_TRACES_EXPORTER="mine",
    )
    assert printed.splitlines() == ["Telemetry(traces=mine, metrics=off, logs=off)", ",".join(SPANS)]


def test_exporters_and_processors_can_be_given() -> None:
    """`traces=` takes exporters, callables that make one, and span processors."""
    printed = succeed("""
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

class Live(SpanProcessor):
    def on_start(self, span, parent_context=None):
        print("start", span.name)

ready = InMemorySpanExporter()
made = []
def make():
    made.append(InMemorySpanExporter())
    return made[-1]
telemetry = setup(traces=[ready, make, Live], metrics=False)
graph.invoke({})
assert telemetry.flush()
print(len(ready.get_finished_spans()), len(made[0].get_finished_spans()))
""")
    assert printed.splitlines() == [
        "start invoke_workflow essay",
        "start otgraph.superstep",
        "start invoke_node write",
        "3 3",
    ]


@pytest.mark.parametrize("variable", ["OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER"])
def test_a_signal_can_be_switched_off(kept: Kept, http: str, variable: str) -> None:
    """`none` keeps one signal, and only that one, at home."""
    succeed("setup(); graph.invoke({})", OTEL_EXPORTER_OTLP_ENDPOINT=http, **{variable: "none"})
    assert bool(kept.spans) == (variable != "OTEL_TRACES_EXPORTER")
    assert bool(kept.requests("metrics")) == (variable != "OTEL_METRICS_EXPORTER")


def test_a_disabled_sdk_exports_nothing(kept: Kept, http: str) -> None:
    """With `OTEL_SDK_DISABLED=true` the call sets nothing up, and the program works."""
    printed = succeed(
        "print(setup()); print(graph.invoke({}))", OTEL_EXPORTER_OTLP_ENDPOINT=http, OTEL_SDK_DISABLED="true"
    )
    assert printed == "Telemetry(traces=off, metrics=off, logs=off)\n{'notes': ['written']}\n"
    assert not kept.asked


def test_a_second_call_changes_nothing(kept: Kept, http: str) -> None:
    """Called twice, also from two threads at once, it exports each span once; arguments that are ignored are told."""
    printed = succeed(
        """
import logging
from concurrent.futures import ThreadPoolExecutor
logging.basicConfig(stream=sys.stdout, format="%(message)s")
with ThreadPoolExecutor(2) as pool:
    first, second = pool.map(lambda _: setup(), range(2))
assert first is second is setup()
setup("other")
graph.invoke({})
""",
        OTEL_EXPORTER_OTLP_ENDPOINT=http,
    )
    assert kept.names == SPANS
    assert printed.startswith("Telemetry is set up already")
    assert len(printed.splitlines()) == 1


def test_the_sampler_is_the_variables(kept: Kept, http: str) -> None:
    """`OTEL_TRACES_SAMPLER` decides which runs are exported."""
    succeed(
        "setup(); graph.invoke({})",
        OTEL_EXPORTER_OTLP_ENDPOINT=http,
        OTEL_METRICS_EXPORTER="none",
        OTEL_TRACES_SAMPLER="traceidratio",
        OTEL_TRACES_SAMPLER_ARG="0",
    )
    assert not kept.asked


def test_what_waits_arrives_when_the_program_is_terminated_as_it_says(kept: Kept, http: str) -> None:
    """A program that turns SIGTERM into an exit, as servers do, has its last spans exported."""
    succeed(
        """
import signal
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
setup(metrics=False)
graph.invoke({})
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
""",
        OTEL_EXPORTER_OTLP_ENDPOINT=http,
        OTEL_BSP_SCHEDULE_DELAY="60000",
    )
    assert kept.names == SPANS


def test_flush_exports_at_once(kept: Kept, http: str) -> None:
    """After `flush()` all has arrived, though the process is killed then."""
    done = run(
        "setup(); graph.invoke({}); assert flush(); os._exit(7)",
        OTEL_EXPORTER_OTLP_ENDPOINT=http,
        OTEL_BSP_SCHEDULE_DELAY="60000",
    )
    assert done.returncode == 7, done.stderr
    assert kept.names == SPANS
    assert kept.points("gen_ai.invoke_workflow.duration")


def test_after_shutdown_nothing_is_exported(kept: Kept, http: str) -> None:
    """`shutdown()` exports what waits; runs go on after it, and their spans count as lost."""
    printed = succeed(
        "telemetry = setup(metrics=False); graph.invoke({}); shutdown(); graph.invoke({}); print(telemetry.lost)",
        OTEL_EXPORTER_OTLP_ENDPOINT=http,
    )
    assert kept.names == SPANS
    assert printed == "{'shutdown': 3}\n"


@pytest.mark.parametrize(
    ("variables", "arguments", "message"),
    [
        (
            {"OTEL_TRACES_EXPORTER": "jager"},
            "",
            "OTEL_TRACES_EXPORTER names the exporter 'jager', which is not",
        ),
        ({"OTEL_TRACES_EXPORTER": "none,otlp"}, "", "'none' goes with no other exporter"),
        (
            {},
            "traces='jager'",
            r"setup(traces=...) names the exporter 'jager', which is not installed: expected one of",
        ),
        ({}, "traces=7", "setup(traces=...) takes the names of exporters"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http"}, "", "is 'http': expected 'grpc' or 'http/protobuf'"),
        ({}, "protocol='udp'", "setup(protocol=...) is 'udp'"),
        ({}, "endpoint='localhost:4318'", "expected an address that begins with http:// or https://"),
        (
            {"OTEL_BSP_MAX_QUEUE_SIZE": "many"},
            "",
            "OTEL_BSP_MAX_QUEUE_SIZE is 'many': expected a whole number above 0",
        ),
        ({"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "99999"}, "", "expected no more than OTEL_BSP_MAX_QUEUE_SIZE"),
        (
            {"OTEL_TRACES_SAMPLER": "sometimes"},
            "",
            "OTEL_TRACES_SAMPLER is 'sometimes': expected one of always_off",
        ),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "half"},
            "",
            "OTEL_TRACES_SAMPLER_ARG is 'half': expected a ratio from 0 to 1",
        ),
        (
            {"OTEL_EXPORTER_OTLP_COMPRESSION": "zip", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "",
            "the exporter 'otlp' for traces cannot be made",
        ),
    ],
)
def test_what_cannot_be_followed_is_an_error(variables: dict[str, str], arguments: str, message: str) -> None:
    """A value that makes no sense is named, with what was expected, and nothing is set up."""
    printed = succeed(
        f"""
from opentelemetry import metrics, trace
try:
    setup({arguments})
except ValueError as error:
    print(error)
print(type(trace.get_tracer_provider()).__name__, type(metrics.get_meter_provider()).__name__)
""",
        **variables,
    )
    error, _, providers = printed.rstrip("\n").rpartition("\n")
    assert message in error
    assert providers == "ProxyTracerProvider _ProxyMeterProvider"


def test_nothing_happens_before_the_call() -> None:
    """Importing otgraph sets no provider, starts no thread, and imports no exporter."""
    printed = succeed("""
import threading
from opentelemetry import metrics, trace
graph.invoke({})
print(type(trace.get_tracer_provider()).__name__, type(metrics.get_meter_provider()).__name__, threading.active_count())
print([name for name in sys.modules if name.startswith(("grpc", "requests", "opentelemetry.exporter"))])
""")
    assert printed == "ProxyTracerProvider _ProxyMeterProvider 1\n[]\n"
