"""The console: what it shows of runs, where, and what it leaves alone."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap

import pytest
from otgraph_exporters.run_tree import CUSTOM_EVENT, RETRIED_EVENT
from small_terminal import environment, run_in_terminal

from otgraph.events import Emitted, TaskRetried

SETUP = """
import operator, os, sys, threading, time
from types import SimpleNamespace
from typing import Annotated, TypedDict
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from otgraph.graph import START, StateGraph
from otgraph.messages import model_call
from otgraph.telemetry import TelemetryOptions
from otgraph.types import RetryPolicy, Send, interrupt

class State(TypedDict, total=False):
    topic: str
    notes: Annotated[list, operator.add]

def graph_of(*nodes, name="essay", **policies):
    graph = StateGraph(State)
    before = START
    for node in nodes:
        graph.add_node(node, **policies)
        graph.add_edge(before, node.__name__)
        before = node.__name__
    return graph.compile(name=name)
"""
CONSOLE = (
    SETUP
    + """
from otgraph_exporters.console import ConsoleProcessor
console = ConsoleProcessor()
provider = TracerProvider()
provider.add_span_processor(console)
trace.set_tracer_provider(provider)
"""
)
WORK = """
def ask(state):
    with model_call("small-1", provider="ours") as call:
        usage = SimpleNamespace(prompt_tokens=1200, completion_tokens=300)
        message = SimpleNamespace(content="a poem")
        choices = [SimpleNamespace(message=message, finish_reason="stop")]
        call.response(SimpleNamespace(model="small-1", id="1", choices=choices, usage=usage))
    return {"notes": ["asked"]}

failures = []

def flaky(state, writer):
    writer("a secret word")
    failures.append(1)
    if len(failures) == 1:
        raise ConnectionError("no line")
    time.sleep(0.35)
    return {"notes": ["done"]}

graph = graph_of(ask, flaky, retry_policy=RetryPolicy(max_attempts=2, initial_interval=0.01, jitter=False))
"""


def run(program: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a program whose output goes into pipes."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program)]
    return subprocess.run(
        command, env=environment(**env), capture_output=True, text=True, check=False, timeout=60
    )


def test_a_terminal_shows_a_tree() -> None:
    """While a run goes on, its nodes are drawn with outcome, attempts and tokens; the last picture stays."""
    screen, written, code = run_in_terminal(CONSOLE + WORK + 'graph.invoke({"topic": "cats"})')
    assert code == 0, screen
    rows = [re.sub(r"\s+", " ", row) for row in screen.splitlines()]
    assert re.match(r"essay ok [\d.]+ \S+ 1,200 → 300 tokens", rows[0])
    assert re.match(r"├─ 1 ask ok [\d.]+ \S+ 1,200 → 300 tokens", rows[1])
    assert re.match(r"│ └─ chat small-1 ok", rows[2])
    assert re.match(r"└─ 2 flaky ok [\d.]+ \S+ 2 attempts · 2 custom events", rows[3])
    assert len(rows) == 4
    assert re.search(r"flaky.*running.*attempt 2", written)
    assert "\x1b[?25l" in written
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")


def test_the_console_waits_for_nothing_of_the_program() -> None:
    """What the program prints stays whole and in order above the picture, half lines and both streams included."""
    program = (
        CONSOLE
        + """
def talk(state):
    for number in range(30):
        print(f"out {number}", flush=True)
        print(f"err {number}", file=sys.stderr)
        print("half", number, end=" ", flush=True)
        time.sleep(0.02)
        print("whole")
    return {}

real = sys.stdout
graph_of(talk).invoke({"topic": "cats"})
console.force_flush()
provider.shutdown()
print("after", sys.stdout is real)
"""
    )
    screen, written, code = run_in_terminal(program)
    rows = screen.splitlines()
    wanted = [line for n in range(30) for line in (f"out {n}", f"err {n}", f"half {n} whole")]
    assert (rows[:90], code) == (wanted, 0)
    assert re.match(r"essay +ok", rows[90])
    assert (rows[-1], len(rows)) == ("after True", 93)
    assert written.count("running") > 2


@pytest.mark.parametrize("variable", ["CI", "NO_COLOR", "TERM"])
def test_a_terminal_that_cannot_draw_gets_lines(variable: str) -> None:
    """Under CI, NO_COLOR or TERM=dumb even a terminal gets plain lines without one escape sequence."""
    value = "dumb" if variable == "TERM" else "1"
    screen, written, _ = run_in_terminal(
        CONSOLE + WORK + 'graph.invoke({"topic": "cats"})', environment(**{variable: value})
    )
    assert "\x1b" not in written
    assert "[1] essay started" in screen


def test_a_pipe_gets_lines() -> None:
    """Where standard error is no terminal it gets a line per event, and standard output is left alone."""
    done = run(CONSOLE + WORK + 'graph.invoke({"topic": "cats"})\nprint("mine")')
    assert (done.stdout, done.returncode) == ("mine\n", 0)
    told = [re.sub(r"[\d.]+ (µs|ms|s)|[0-9a-f-]{36}", "…", line) for line in done.stderr.splitlines()]
    assert told == [
        "[1] essay started, run …",
        "[1]   1 ask ok, …, 1,200 → 300 tokens",
        "[1]   2 flaky ok, …, 2 attempts · 2 custom events",
        "[1] essay ok, …, 1,200 → 300 tokens",
    ]


@pytest.mark.parametrize("style", ["live", "lines"])
def test_content_is_shown_if_it_is_captured(style: str) -> None:
    """What a node hands to its writer is shown with content capture on, after redaction, and never without."""
    call = 'graph.invoke({"topic": "cats"}, telemetry=TelemetryOptions(%s))'
    bare = run_in_terminal(CONSOLE + WORK + call % "", environment(OTGRAPH_CONSOLE=style))[1]
    captured = run_in_terminal(CONSOLE + WORK + call % "capture=True", environment(OTGRAPH_CONSOLE=style))[1]
    hidden = 'capture=True, redact=lambda name, value: "hidden" if name == "custom" else value'
    redacted = run_in_terminal(CONSOLE + WORK + call % hidden, environment(OTGRAPH_CONSOLE=style))[1]
    assert ("secret" in bare, "secret" in captured, "secret" in redacted) == (False, True, False)
    assert "hidden" in redacted


def test_faults_and_pauses_have_words() -> None:
    """A failed run, a paused run and their nodes are told apart by words, not by colours alone."""
    done = run(
        CONSOLE
        + """
from otgraph.checkpoint.memory import InMemorySaver
def fail(state):
    raise ValueError("no")
def pause(state):
    interrupt("sure?")
try:
    graph_of(fail).invoke({"topic": "cats"})
except ValueError:
    pass
graph_of(pause).invoke({"topic": "cats"})
"""
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"1 fail error, .*, ValueError\n\[1\] essay error, .*, ValueError\n", done.stderr)
    assert re.search(r"1 pause paused, .*\n\[2\] essay paused", done.stderr)


def test_concurrent_runs_are_shown_together() -> None:
    """Runs that go on at the same time are in one picture, and each keeps its own tree at the end."""
    program = (
        CONSOLE
        + """
both = threading.Barrier(2)
def wait(state):
    both.wait(10)
    time.sleep(0.3)
    return {}
threads = [threading.Thread(target=graph_of(wait, name=name).invoke, args=({"topic": "x"},)) for name in ("one", "two")]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""
    )
    screen, written, _ = run_in_terminal(program)
    assert sorted(row.split()[0] for row in screen.splitlines() if not row.startswith("└")) == ["one", "two"]
    frames = written.split("\x1b[J")
    assert any("one" in frame and "two" in frame and "running" in frame for frame in frames)


BY_OTEL = """
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
_OTelSDKConfigurator().configure()
"""
BY_OTGRAPH = """
from otgraph.telemetry import setup
setup("essays")
"""


@pytest.mark.parametrize("set_up", [BY_OTEL, BY_OTGRAPH], ids=["opentelemetry", "otgraph"])
def test_a_set_up_finds_it_by_name(set_up: str) -> None:
    """`OTEL_TRACES_EXPORTER=otgraph_console` shows runs while they go on, whoever sets OpenTelemetry up."""
    quiet = {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
    env = environment(OTEL_TRACES_EXPORTER="otgraph_console", **quiet)
    screen, written, code = run_in_terminal(SETUP + set_up + WORK + 'graph.invoke({"topic": "cats"})', env)
    assert code == 0, written
    assert re.search(r"flaky.*running", written)
    assert screen.count("flaky") == 1


def test_an_exporter_by_hand_shows_what_is_over() -> None:
    """Put into a processor by hand, the exporter shows each run when it is over."""
    done = run(
        SETUP
        + WORK
        + """
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, BatchSpanProcessor
from otgraph_exporters.console import ConsoleExporter
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(ConsoleExporter()))
graph.invoke({"topic": "cats"}, telemetry=TelemetryOptions(provider=provider))
provider.shutdown()
"""
    )
    assert done.returncode == 0, done.stderr
    assert "flaky ok" in done.stderr
    assert "essay ok" in done.stderr


def test_a_fault_ends_the_console_and_not_the_run() -> None:
    """A stream that cannot be written to is one warning; runs go on."""
    done = run(
        SETUP
        + WORK
        + """
import io
from otgraph_exporters.console import ConsoleProcessor
class Full(io.StringIO):
    def write(self, text):
        raise OSError("disk full")
provider = TracerProvider()
console = ConsoleProcessor(Full())
provider.add_span_processor(console)
for _ in range(3):
    print(len(graph.invoke({"topic": "cats"}, telemetry=TelemetryOptions(provider=provider))["notes"]))
    console.force_flush()
"""
    )
    assert (done.stdout, done.returncode) == ("2\n2\n2\n", 0)
    assert done.stderr.count("otgraph's console has stopped: OSError: disk full") == 1


def test_a_forked_process_has_a_console_of_its_own() -> None:
    """After a fork, during a run, the child shows its own runs and nothing of its parent's."""
    done = run(
        CONSOLE
        + """
def fork(state):
    child = os.fork()
    if child == 0:
        graph_of(inside, name="child").invoke({"topic": "dogs"}, telemetry=TelemetryOptions(provider=provider))
        provider.shutdown()
        os._exit(0)
    os.waitpid(child, 0)
    return {}
def inside(state):
    return {}
import warnings
warnings.simplefilter("ignore")
graph_of(fork, name="parent").invoke({"topic": "cats"})
"""
    )
    assert "[1] child started" in done.stderr
    assert "inside ok" in done.stderr
    assert len(re.findall(r"parent started", done.stderr)) == 1
    assert len(re.findall(r"parent ok", done.stderr)) == 1


def test_events_are_known_by_the_engine_s_names() -> None:
    """The names by which the console knows events are those that the engine gives them."""
    assert (CUSTOM_EVENT, RETRIED_EVENT) == (Emitted.name, TaskRetried.name)
