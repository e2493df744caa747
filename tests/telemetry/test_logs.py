"""
Log lines written in nodes bear the ids of the run, the task and the span they belong to.
"""

from __future__ import annotations

import contextvars
import io
import logging
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any, TypedDict

import pytest
import structlog
from driven import Driven
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from otgraph.func import entrypoint, task
from otgraph.graph import START, StateGraph
from otgraph.telemetry import RunIds, TelemetryOptions, add_run_ids, run_ids
from otgraph.tracing import names
from telemetry.programs import succeed
from telemetry.receiver import Kept

THREAD = {"configurable": {"thread_id": "thread-7"}}
SPAN_NAMES = {
    "run_id": names.RUN_ID,
    "thread_id": names.CONVERSATION,
    "graph": names.WORKFLOW,
    "step": names.STEP,
    "node": names.NODE,
    "task_id": names.TASK_ID,
}
"""A name in a log line -> the same in a span."""


class State(TypedDict, total=False):
    x: int


class Lines:
    """What was logged by structlog and by the standard library, as dicts."""

    def __init__(self) -> None:
        self.structured: list[dict[str, Any]] = []
        self.records: list[logging.LogRecord] = []
        self.structlog = structlog.wrap_logger(None, processors=[add_run_ids, self._keep])
        self.logger = logging.Logger("mine")
        handler = logging.Handler()
        handler.addFilter(RunIds())
        handler.emit = self.records.append  # type: ignore[method-assign]
        self.logger.addHandler(handler)

    def _keep(self, logger: Any, method: str, event: Any) -> Any:
        self.structured.append(dict(event))
        raise structlog.DropEvent

    def say(self) -> None:
        self.structlog.info("hello")
        self.logger.warning("hello")

    @property
    def said(self) -> list[dict[str, Any]]:
        """The ids of each line; both libraries agree on them."""
        ids = [{key: value for key, value in line.items() if key != "event"} for line in self.structured]
        for line, record in zip(ids, self.records, strict=True):
            assert line == {key: vars(record)[key] for key in line}
        return ids


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture(params=["threads", "asyncio"])
def driver(request: pytest.FixtureRequest) -> Driven:
    """Return each driver in turn."""
    return Driven(request.param)


class Exported:
    """A provider that keeps what it exports."""

    def __init__(self, **options: Any) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False, **options)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.options = TelemetryOptions(provider=self.provider)

    def task(self, name: str) -> Any:
        return next(span for span in self.exporter.get_finished_spans() if span.name == f"invoke_node {name}")


def one_node(node: Callable[..., Any], name: str = "outer") -> Any:
    return StateGraph(State).add_node("talk", node).add_edge(START, "talk").compile(name=name)


def in_a_thread(call: Callable[[], None]) -> None:
    """Call something in a thread that has the context of its starter, as `asyncio.to_thread` does."""
    thread = Thread(target=contextvars.copy_context().run, args=(call,))
    thread.start()
    thread.join()


@pytest.mark.parametrize("where", ["node", "thread"])
def test_a_line_bears_the_ids_of_its_span(driver: Driven, lines: Lines, where: str) -> None:
    """A line of a node, or of a thread that it starts, has the ids that the task's span has, and the span's own."""
    kept = Exported()
    call = lines.say if where == "node" else lambda: in_a_thread(lines.say)
    driver.invoke(one_node(driver.node(lambda state: call())), {"x": 1}, THREAD, telemetry=kept.options)
    span = kept.task("talk")
    assert lines.said == [
        {
            "trace_id": trace.format_trace_id(span.context.trace_id),
            "span_id": trace.format_span_id(span.context.span_id),
            **{name: span.attributes[theirs] for name, theirs in SPAN_NAMES.items()},
        }
    ]


def test_a_line_inside_a_span_of_the_node_bears_that_span(driver: Driven, lines: Lines) -> None:
    """The span is the one that is current; the ids of the task stay."""
    kept = Exported()

    def talk(state: Any) -> None:
        with kept.provider.get_tracer("mine").start_as_current_span("query"):
            lines.say()

    driver.invoke(one_node(driver.node(talk)), {"x": 1}, telemetry=kept.options)
    (said,) = lines.said
    query = next(span for span in kept.exporter.get_finished_spans() if span.name == "query")
    assert said["span_id"] == trace.format_span_id(query.context.span_id)
    assert said["task_id"] == kept.task("talk").attributes[names.TASK_ID]
    assert "thread_id" not in said


@pytest.mark.parametrize("how", ["node", "call"])
def test_a_line_in_a_graph_inside_bears_its_node(driver: Driven, lines: Lines, how: str) -> None:
    """In a graph that is a node, or is invoked by one, lines name it and its node, and the thread and run around it."""
    kept = Exported()
    inner = one_node(driver.node(lambda state: lines.say()), "inner")

    def sync(state: Any) -> Any:
        lines.say()
        return inner.invoke(state)

    async def coro(state: Any) -> Any:
        lines.say()
        return await inner.ainvoke(state)

    node: Any = inner if how == "node" else sync if driver.sync else coro
    outer = StateGraph(State).add_node("around", node).add_edge(START, "around").compile(name="outer")
    driver.invoke(outer, {"x": 1}, THREAD, telemetry=kept.options)
    said = lines.said[-1]
    assert {name: said[name] for name in SPAN_NAMES} == {
        name: kept.task("talk").attributes[theirs] for name, theirs in SPAN_NAMES.items()
    }
    assert (said["graph"], said["node"], said["thread_id"]) == ("inner", "talk", "thread-7")
    if how == "call":
        assert (lines.said[0]["graph"], lines.said[0]["node"]) == ("outer", "around")
        assert lines.said[0]["run_id"] == said["run_id"]


def test_a_line_in_a_called_task_bears_that_task(lines: Lines) -> None:
    """Inside a call of a `@task` the ids are those of the call."""
    kept = Exported()

    @task
    def helper(x: int) -> int:
        lines.say()
        return x

    @entrypoint()
    def main(x: int) -> int:
        return helper(x).result()

    main.invoke(1, telemetry=kept.options)
    (said,) = lines.said
    assert said["node"] == "helper"
    assert said["task_id"] == kept.task("helper").attributes[names.TASK_ID]


@pytest.mark.parametrize("provider", ["none", "unsampled"])
def test_ids_of_the_run_need_no_export(driver: Driven, lines: Lines, provider: str) -> None:
    """Where nothing is exported, lines have all ids but those of a span; of a span that is not sampled they have it."""
    options = Exported(sampler=ALWAYS_OFF).options if provider == "unsampled" else None
    driver.invoke(one_node(driver.node(lambda state: lines.say())), {"x": 1}, THREAD, telemetry=options)
    (said,) = lines.said
    assert set(said) - {"trace_id", "span_id"} == set(SPAN_NAMES)
    assert ("trace_id" in said) == (provider == "unsampled")
    assert (said["node"], said["step"], said["thread_id"], said["graph"]) == ("talk", 1, "thread-7", "outer")


def test_outside_of_runs_lines_have_no_ids(lines: Lines) -> None:
    """Where there is no run nothing is added; a format string of the standard library may name the ids all the same."""
    lines.say()
    assert lines.said == [{}]
    assert run_ids() == {}
    form = "%(run_id)s%(thread_id)s%(graph)s%(step)s%(node)s%(task_id)s%(trace_id)s%(span_id)s|%(message)s"
    assert logging.Formatter(form).format(lines.records[0]) == "|hello"


def test_what_a_line_says_itself_stays(lines: Lines) -> None:
    """A key that the caller gives is not overwritten."""
    seen: list[Any] = []

    def talk(state: Any) -> None:
        lines.structlog.info("hello", node="mine")
        lines.logger.warning("hello", extra={"node": "mine"})
        seen.append(lines.structured[0]["node"])
        seen.append(vars(lines.records[0])["node"])

    one_node(talk).invoke({"x": 1})
    assert seen == ["mine", "mine"]


@pytest.fixture
def root_stream() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RunIds())
    handler.setFormatter(logging.Formatter("%(node)s:%(message)s"))
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def test_one_filter_on_a_handler_serves_all_loggers(root_stream: io.StringIO) -> None:
    """Records of any logger have the ids at a handler with the filter."""
    one_node(lambda state: logging.getLogger("some.library").warning("busy")).invoke({"x": 1})
    assert root_stream.getvalue() == "talk:busy\n"


LOGGING = """
import logging

def write(state):
    logging.getLogger("my.app").warning("wrote %s", "a line", extra={"tenant": "acme", "thing": object()})
    try:
        1 / 0
    except ZeroDivisionError:
        logging.getLogger("my.app").exception("failed")
    return {}

graph = graph_of(write)
"""


@pytest.mark.parametrize("how", ["argument", "variable"])
def test_logs_go_by_otlp_where_asked_for(kept: Kept, endpoint: str, protocol: str, how: str) -> None:
    """Records arrive with severity, source, extras and exception, bound to the span and the ids of their task."""
    argument, variables = ("logs=True", {}) if how == "argument" else ("", {"OTEL_LOGS_EXPORTER": "otlp"})
    succeed(
        f"{LOGGING}\nsetup({argument})\ngraph.invoke({{}}, {{'configurable': {{'thread_id': 't'}}}})",
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        **variables,
    )
    (told, said), (failed, error) = kept.lines
    assert (told.body.string_value, told.severity_text, told.severity_number) == ("wrote a line", "WARN", 13)
    (span,) = (span for span, _ in kept.spans if span.name == "invoke_node write")
    of_span = {pair.key: pair.value for pair in span.attributes}
    for record, found in kept.lines:
        assert (record.trace_id, record.span_id) == (span.trace_id, span.span_id)
        for name in SPAN_NAMES.values():
            value = of_span[name]
            assert found[name] == getattr(value, value.WhichOneof("value"))
    assert said["tenant"] == "acme"
    assert "thing" not in said
    assert (failed.severity_text, failed.severity_number) == ("ERROR", 17)
    assert error["exception.type"] == "ZeroDivisionError"
    assert error["exception.message"] == "division by zero"
    assert "in write\n" in error["exception.stacktrace"]


def test_logs_stay_at_home_unless_asked_for(kept: Kept, http: str) -> None:
    """`setup()` alone exports no log line."""
    succeed(f"{LOGGING}\nsetup()\ngraph.invoke({{}})", OTEL_EXPORTER_OTLP_ENDPOINT=http)
    assert kept.spans
    assert not kept.requests("logs")


def test_what_exporters_log_is_not_exported(kept: Kept, http: str) -> None:
    """Debug lines of the clients that export do not make work for them."""
    succeed(
        """
import logging
logging.getLogger().setLevel(logging.DEBUG)
logging.lastResort = None
setup(logs=True)
logging.getLogger("my.app").debug("once")
for _ in range(3):
    flush()
""",
        OTEL_EXPORTER_OTLP_ENDPOINT=http,
    )
    assert [record.body.string_value for record, _ in kept.lines] == ["once"]


def test_log_lines_pass_the_redaction_hook(kept: Kept, http: str) -> None:
    """Messages, extras and exceptions of log lines by OTLP are what the hook makes of them."""
    succeed(
        f"""{LOGGING}
from otgraph.telemetry import TelemetryOptions, set_telemetry
asked = set()
def redact(name, value):
    asked.add(name)
    return "hidden"
set_telemetry(TelemetryOptions(redact=redact))
setup(logs=True)
graph.invoke({{}})
assert asked == {{"log.message", "log.tenant", "exception.message", "exception.stacktrace"}}, asked
""",
        OTEL_EXPORTER_OTLP_ENDPOINT=http,
    )
    assert [record.body.string_value for record, _ in kept.lines] == ["hidden", "hidden"]
    assert kept.lines[0][1]["tenant"] == "hidden"
    assert kept.lines[1][1]["exception.message"] == "hidden"
