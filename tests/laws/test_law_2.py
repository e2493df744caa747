"""Law 2: watching changes nothing."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)

from otgraph.stream.envelope import envelope
from otgraph.stream.subscription import Subscription
from otgraph.stream.view import Buffer, View
from otgraph.telemetry import TelemetryOptions
from otgraph.tracing.faults import faults
from otgraph.tracing.observer import LIVE
from otgraph.tracing.payload import dumps
from otgraph.tracing.record import Record

from .conftest import Driver
from .programs import MODES, PROGRAMS

IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{32}\b")
TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00")


def shown(chunks: Sequence[Any]) -> list[str]:
    """Return chunks as text in which ids and times are those of any run."""
    known: dict[str, str] = {}

    def name(match: re.Match[str]) -> str:
        return known.setdefault(match[0], f"id {len(known)}")

    lines = []
    for chunk in chunks:
        text = dumps(chunk)
        if isinstance(chunk, Exception):
            text += str(getattr(chunk, "__notes__", ""))
        lines.append(TIMES.sub("TIME", IDS.sub(name, text)))
    return lines


def watched(driver: Driver, name: str, options: TelemetryOptions, mode: Any = MODES) -> list[str]:
    """Return all that one run of a program shows."""
    graph, begin, config = PROGRAMS[name](driver)
    chunks = driver.stream(graph, begin, config, stream_mode=mode, subgraphs=True, telemetry=options)
    return shown(chunks)


def unwatched(driver: Driver, name: str, mode: Any = MODES) -> list[str]:
    """Return what it shows where nobody looks but the consumer."""
    return watched(driver, name, TelemetryOptions(provider=trace.NoOpTracerProvider()), mode)


# ---- samplers


class Custom(Sampler):
    """A sampler that does what a function says."""

    def __init__(self, decide: Callable[[str], Any]) -> None:
        self._decide = decide

    def should_sample(self, parent_context: Any, trace_id: int, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._decide(name)

    def get_description(self) -> str:
        return "custom"


def raising(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("telemetry is broken")


def decision(value: Decision) -> SamplingResult:
    return SamplingResult(value, {"added": True})


SAMPLERS: dict[str, Sampler] = {
    "on": ALWAYS_ON,
    "off": ALWAYS_OFF,
    "ratio": TraceIdRatioBased(0.5),
    "parent on": ParentBased(ALWAYS_ON),
    "parent off": ParentBased(ALWAYS_OFF),
    "odd parent": ParentBased(ALWAYS_ON, local_parent_sampled=ALWAYS_OFF),
    "record only": Custom(lambda name: decision(Decision.RECORD_ONLY)),
    "supersteps dropped": Custom(
        lambda name: decision(Decision.DROP if "superstep" in name else Decision.RECORD_AND_SAMPLE)
    ),
    "raising": Custom(raising),
    "senseless": Custom(lambda name: None),
}


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_sampler_changes_nothing(driver: Driver, name: str, sampler: str) -> None:
    """Chunks, result and error are the same whatever the sampler says, or if it says nothing of sense."""
    provider = TracerProvider(sampler=SAMPLERS[sampler], shutdown_on_exit=False)
    assert unwatched(driver, name) == watched(driver, name, TelemetryOptions(provider=provider))


@pytest.mark.parametrize("sampled", [True, False])
def test_the_caller_changes_nothing(driver: Driver, sampled: bool) -> None:
    """A run inside somebody's span streams the same, sampled or not."""
    provider = TracerProvider(sampler=ParentBased(ALWAYS_ON), shutdown_on_exit=False)
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if sampled else trace.TraceFlags.DEFAULT)
    above = trace.NonRecordingSpan(trace.SpanContext(1, 2, True, flags))
    expected = unwatched(driver, "nested")
    token = otel_context.attach(trace.set_span_in_context(above))
    try:
        assert expected == watched(driver, "nested", TelemetryOptions(provider=provider))
    finally:
        otel_context.detach(token)


# ---- processors, exporters, hooks


class Broken(SpanProcessor):
    """A processor that raises in some of its hooks."""

    def __init__(self, *hooks: str) -> None:
        for hook in hooks:
            setattr(self, hook, raising)


class BrokenOnEnding(SpanProcessor):
    """A processor that raises before the end."""

    def _on_ending(self, span: Any) -> None:
        raising()


class BrokenExporter(SpanExporter):
    """An exporter that raises."""

    def export(self, spans: Sequence[ReadableSpan]) -> Any:
        raising()


class BrokenIds(RandomIdGenerator):
    """An id generator that raises."""

    generate_span_id = generate_trace_id = raising


def provider_with(*processors: SpanProcessor, **options: Any) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False, **options)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider


def shut_down() -> TracerProvider:
    provider = provider_with(SimpleSpanProcessor(BrokenExporter()))
    provider.shutdown()
    return provider


BROKEN: dict[str, Callable[[], TelemetryOptions]] = {
    "on_start": lambda: TelemetryOptions(provider=provider_with(Broken("on_start"))),
    "on_end": lambda: TelemetryOptions(provider=provider_with(Broken("on_end"))),
    "both": lambda: TelemetryOptions(provider=provider_with(Broken("on_start", "on_end"))),
    "on_ending": lambda: TelemetryOptions(provider=provider_with(BrokenOnEnding())),
    "exporter": lambda: TelemetryOptions(provider=provider_with(SimpleSpanProcessor(BrokenExporter()))),
    "batch": lambda: TelemetryOptions(provider=provider_with(BatchSpanProcessor(BrokenExporter()))),
    "ids": lambda: TelemetryOptions(provider=provider_with(id_generator=BrokenIds())),
    "shut down": lambda: TelemetryOptions(provider=shut_down()),
    "hook": lambda: TelemetryOptions(provider=provider_with(), capture=True, redact=raising),
    "capture": lambda: TelemetryOptions(provider=provider_with(), capture=True),
    "small capture": lambda: TelemetryOptions(provider=provider_with(), capture=True, max_payload=1),
    "types": lambda: TelemetryOptions(provider=provider_with(), exceptions="type"),
}


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what is logged about the faults that these tests cause out of their output."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(level)


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("name", ["chain", "nested", "fails", "retries", "asks", "objects", "pydantic"])
def test_faults_of_telemetry_change_nothing(driver: Driver, name: str, broken: str) -> None:
    """A processor, exporter, id generator or hook that raises changes neither chunks nor errors."""
    expected = unwatched(driver, name)
    options = BROKEN[broken]()
    with quiet():
        assert expected == watched(driver, name, options)
        options.provider.shutdown()


def test_faults_are_counted_and_logged_once(driver: Driver, caplog: pytest.LogCaptureFixture) -> None:
    """Each failure of a processor is counted; the first of a kind is logged, with its traceback."""

    class Fault(Exception):
        """Known to nobody yet."""

    class Faulty(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            raise Fault

    before = faults.counts["span processor on_end"]
    with caplog.at_level(logging.ERROR, "otgraph"):
        watched(driver, "chain", TelemetryOptions(provider=provider_with(Faulty())))
    assert 7 == faults.counts["span processor on_end"] - before
    (logged,) = [record for record in caplog.records if record.exc_info and record.exc_info[0] is Fault]
    assert logged.levelno == logging.ERROR


def test_the_next_processor_hears_what_a_broken_one_did_not(driver: Driver) -> None:
    """A processor that raises keeps no span from the processor after it."""
    ended: list[str] = []

    class Kept(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            ended.append(span.name)

    with quiet():
        watched(
            driver, "chain", TelemetryOptions(provider=provider_with(Broken("on_start", "on_end"), Kept()))
        )
    assert 7 == len(ended)


# ---- who else looks


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_mode_is_the_same_beside_others(driver: Driver, name: str) -> None:
    """What a mode shows does not depend on the other modes that are asked for."""
    together = watched_pairs(driver, name, [*MODES, "spans"])
    for mode in MODES:
        alone = watched_pairs(driver, name, [mode])
        assert shown([pair for pair in together if pair[1] == mode]) == shown(alone)


def watched_pairs(driver: Driver, name: str, modes: list[str]) -> list[Any]:
    graph, begin, config = PROGRAMS[name](driver)
    chunks = driver.stream(graph, begin, config, stream_mode=modes, subgraphs=True)
    return [chunk for chunk in chunks if not isinstance(chunk, Exception)]


@pytest.mark.parametrize("count", [1, 5])
def test_observers_change_nothing(driver: Driver, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others who subscribe to the same run, and read late or never, change nothing for the first."""
    expected = unwatched(driver, "chain")
    begun = Record.append
    others: list[Subscription] = []

    def join(self: Record, fact: Any) -> int:
        if not others:
            for policy in ["drop_oldest", "error", "drop_oldest", "error", "error"][:count]:
                wrap = envelope(MODES, subgraphs=True, version="v2")
                view = View(tuple(MODES), wrap, True, Buffer(2, policy))  # type: ignore[arg-type]
                others.append(Subscription(view))
                self.subscribe(others[-1])
        return begun(self, fact)

    monkeypatch.setattr(Record, "append", join)
    assert expected == unwatched(driver, "chain")
    assert count == len([other for other in others if other.queue])


def test_live_runs_are_listed_while_they_go_on(driver: Driver) -> None:
    """An observer finds a run that goes on, by its id, and none that is over."""
    run_id = "33333333-3333-4333-8333-333333333333"
    found: list[bool] = []
    graph, begin, config = PROGRAMS["chain"](driver)
    for chunk in graph.stream(begin, {**config, "run_id": run_id}) if driver.sync else ():
        found.append(run_id in LIVE)
        assert chunk
    assert all(found)
    assert run_id not in LIVE


# ---- the environment


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import json
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from laws.conftest import Driver
from laws.programs import PROGRAMS
from laws.test_law_2 import watched
from otgraph.telemetry import TelemetryOptions

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
options = TelemetryOptions()
drivers = [Driver("threads"), Driver("asyncio")]
tracer = trace.get_tracer("early")
def all_programs(options):
    return {f"{driver.name} {name}": watched(driver, name, options) for driver in drivers for name in PROGRAMS}
told = {"nothing set": all_programs(options)}
counts = [len(exporter.get_finished_spans())]
trace.set_tracer_provider(provider)
told["set late"] = all_programs(options)
counts.append(len(exporter.get_finished_spans()))
told["given"] = all_programs(TelemetryOptions(provider=provider))
print(json.dumps([told, counts]))
"""


@pytest.mark.parametrize("disabled", ["false", "true"])
def test_the_environment_changes_nothing(disabled: str) -> None:
    """With nothing configured, a provider set late behind the proxy, one given, or a disabled SDK: the same chunks."""
    environment = {**os.environ, "OTEL_SDK_DISABLED": disabled}
    tests = str(Path(__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, tests], capture_output=True, text=True, timeout=100, env=environment
    )
    assert done.returncode == 0, done.stderr
    told, counts = json.loads(done.stdout)
    expected = {
        f"{driver.name} {name}": unwatched(driver, name)
        for driver in (Driver("threads"), Driver("asyncio"))
        for name in PROGRAMS
    }
    for condition, answers in told.items():
        for name, lines in answers.items():
            assert (condition, name, expected[name]) == (condition, name, lines)
    assert 0 == counts[0]
    assert (counts[1] == 0) == (disabled == "true")


def test_several_providers_keep_to_themselves(driver: Driver) -> None:
    """Runs with different providers export to their own and stream the same."""
    from .replayed import Recorder

    first, second = Recorder(), Recorder()
    lines = [watched(driver, "nested", recorder.options) for recorder in (first, second, first)]
    assert [unwatched(driver, "nested")] * 3 == lines
    assert 2 * len(second.spans) == len(first.spans)


# ---- faults of the record itself


class RecordFault(Exception):
    """The record cannot go on."""


@pytest.mark.parametrize("after", [1, 5, 9, 14])
def test_a_fault_of_the_record_fails_the_stream(
    driver: Driver, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the record itself fails, the stream raises; it never ends as if nothing were missing."""
    append = Record.append
    heard: list[Any] = []

    def failing(self: Record, fact: Any) -> int:
        heard.append(fact)
        if len(heard) == after:
            raise RecordFault
        return append(self, fact)

    monkeypatch.setattr(Record, "append", failing)
    graph, begin, config = PROGRAMS["chain"](driver)
    chunks = driver.stream(graph, begin, config, stream_mode=MODES)
    assert isinstance(chunks[-1], RecordFault)


def test_a_fault_of_a_projection_fails_the_stream(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mode or an envelope that fails raises in the consumer."""
    monkeypatch.setattr(Subscription, "take", raising)
    graph, begin, config = PROGRAMS["chain"](driver)
    chunks = driver.stream(graph, begin, config, stream_mode=MODES)
    assert ["RuntimeError"] == [type(chunk).__name__ for chunk in chunks]


@pytest.mark.parametrize("after", range(1, 20))
def test_a_fault_of_the_record_leaves_nothing_behind(
    driver: Driver, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the record fails, the run is on no list afterwards and all its spans have ended."""
    started: list[Any] = []

    class Kept(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            started.append(span)

    append = Record.append
    heard: list[Any] = []

    def failing(self: Record, fact: Any) -> int:
        heard.append(fact)
        if len(heard) == after:
            raise RecordFault
        return append(self, fact)

    monkeypatch.setattr(Record, "append", failing)
    graph, begin, config = PROGRAMS["nested"](driver)
    options = TelemetryOptions(provider=provider_with(Kept()))
    driver.stream(graph, begin, config, stream_mode=MODES, subgraphs=True, telemetry=options)
    assert not LIVE
    assert [] == [span.name for span in started if span.is_recording()]
