"""Ctrl-C: whatever the coordinator is doing, the run ends, with all its spans, and the process goes on or leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends SIGINT to a process")

PRELUDE = """
import asyncio, operator, os, signal, sys, threading, time
from typing import Annotated, TypedDict
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from otgraph.config import get_stream_writer
from otgraph.graph import START, StateGraph
from otgraph.telemetry import TelemetryOptions
from otgraph.types import RetryPolicy
from otgraph.tracing.observer import LIVE

signal.signal(signal.SIGINT, signal.default_int_handler)

class State(TypedDict):
    log: Annotated[list, operator.add]

class Count(SpanProcessor):
    started = ended = 0
    def on_start(self, span, parent_context=None): self.started += 1
    def on_end(self, span): self.ended += 1

count = Count()
provider = TracerProvider()
provider.add_span_processor(count)
options = TelemetryOptions(provider=provider)

def ready():
    os.write(1, b"ready\\n")

def sleep(state):
    ready()
    time.sleep(30)

def speak(state):
    get_stream_writer()("said")
    ready()
    time.sleep(30)

async def asleep(state):
    ready()
    await asyncio.sleep(30)

def fail(state):
    ready()
    raise ConnectionError

def chain(node, **more):
    return StateGraph(State).add_node("a", node, **more).add_edge(START, "a").compile()

def both(node, other=lambda state: None):
    graph = StateGraph(State).add_node("a", node).add_node("b", other)
    return graph.add_edge(START, "a").add_edge(START, "b").compile()

def run():
    BODY

try:
    run()
except KeyboardInterrupt:
    print("interrupted", count.started == count.ended > 0, len(LIVE), flush=True)
"""

BODIES = {
    "invoke, in the node": "chain(sleep).invoke({'log': []}, telemetry=options)",
    "invoke, waiting for workers": "both(sleep, sleep).invoke({'log': []}, telemetry=options)",
    "stream, waiting for a call": "list(chain(speak).stream({'log': []}, stream_mode='custom', telemetry=options))",
    "invoke, before another attempt": (
        "chain(fail, retry_policy=RetryPolicy(initial_interval=30, jitter=False))"
        ".invoke({'log': []}, telemetry=options)"
    ),
    "batch": "chain(sleep).batch([{'log': []}] * 2, telemetry=options)",
    "ainvoke": "asyncio.run(chain(asleep).ainvoke({'log': []}, telemetry=options))",
    "ainvoke, side by side": "asyncio.run(both(asleep, asleep).ainvoke({'log': []}, telemetry=options))",
    "ainvoke, a sync node": "asyncio.run(chain(sleep).ainvoke({'log': []}, telemetry=options))",
}


@pytest.mark.parametrize("body", BODIES, ids=str)
def test_sigint(body: str) -> None:
    """SIGINT while the coordinator runs a node, or waits for one, ends the run and raises KeyboardInterrupt."""
    program = textwrap.dedent(PRELUDE).replace("BODY", BODIES[body])
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    # A batch is told of by two runs, and either may be late.
    for _ in range(2 if body == "batch" else 1):
        assert "ready\n" == process.stdout.readline()
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    rest, _ = process.communicate(timeout=20)
    told = [line for line in rest.splitlines() if line != "ready"]
    # What a batch has begun in other threads cannot be stopped; the rest is over.
    assert ["interrupted True 0" if body != "batch" else "interrupted False 2"] == told
    assert time.monotonic() - began < 5
    assert 0 == process.returncode


def test_many_interrupts() -> None:
    """SIGINT at any moment of a busy run leaves no span open."""
    program = textwrap.dedent(PRELUDE).replace(
        "BODY",
        """
    graph = both(lambda state: {"log": [1]}, lambda state: {"log": [2]})
    main = threading.main_thread().ident
    ready()
    interrupts = 0
    deadline = time.monotonic() + 20
    while interrupts < 60 and time.monotonic() < deadline:
        timer = threading.Timer(0.0005 + 0.0001 * (interrupts % 20), signal.pthread_kill, (main, signal.SIGINT))
        try:
            timer.start()
            while True:
                if interrupts % 2:
                    graph.invoke({"log": []}, telemetry=options)
                else:
                    list(graph.stream({"log": []}, stream_mode=["updates", "custom"], telemetry=options))
        except KeyboardInterrupt:
            interrupts += 1
            timer.join()
    # A signal may come while the processor counts a start, which then goes uncounted; an end never does.
    print(interrupts, max(0, count.started - count.ended), len(LIVE), flush=True)
""",
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert ["ready", "60 0 0"] == done.stdout.splitlines(), done.stderr
