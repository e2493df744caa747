"""Graphs for the tests of metrics: what is to be counted is chosen by the input."""

from __future__ import annotations

import json
import operator
import subprocess
import sys
from collections.abc import Callable
from typing import Annotated, Any

from typing_extensions import TypedDict

from otgraph.graph import START, StateGraph
from otgraph.types import interrupt

__all__ = ["State", "asker", "beside", "line", "process"]


class State(TypedDict, total=False):
    """What the graphs work on."""

    todo: str
    log: Annotated[list[Any], operator.add]


def line(**nodes: Callable[..., Any]) -> StateGraph[Any, Any, Any, Any]:
    """Return a graph of nodes one after another, not compiled."""
    graph: Any = StateGraph(State)
    before = START
    for name, node in nodes.items():
        graph.add_node(name, node).add_edge(before, name)
        before = name
    return graph  # type: ignore[no-any-return]


def beside(**nodes: Callable[..., Any]) -> StateGraph[Any, Any, Any, Any]:
    """Return a graph of nodes side by side, not compiled."""
    graph: Any = StateGraph(State)
    for name, node in nodes.items():
        graph.add_node(name, node).add_edge(START, name)
    return graph  # type: ignore[no-any-return]


def asker(state: State) -> dict[str, Any]:
    """Ask one question, and log the answer."""
    return {"log": [interrupt("why?")]}


PROCESS = """
import json, sys
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.graph import START, StateGraph
from otgraph.telemetry import TelemetryOptions
from otgraph.types import Command, interrupt

file, threads, what = sys.argv[1:]
reader = InMemoryMetricReader()
options = TelemetryOptions(meter_provider=MeterProvider([reader]))
with SqliteSaver.from_conn_string(file) as saver:
    graph = StateGraph(dict).add_node("ask", lambda state: {"said": interrupt("why?")}).add_edge(START, "ask")
    graph = graph.compile(name="g", checkpointer=saver)
    for thread in threads.split():
        given = {} if what == "input" else Command(resume="x")
        graph.invoke(given, {"configurable": {"thread_id": thread}}, telemetry=options)
(scope,) = reader.get_metrics_data().resource_metrics[0].scope_metrics
found = {metric.name: metric.data.data_points for metric in scope.metrics}

def total(name):
    return sum(point.count if hasattr(point, "count") else point.value for point in found.get(name, ()))

names = {"paused": "run.paused", "pauses": "run.pauses", "resumes": "run.resumes", "waits": "interrupt.wait"}
told = {key: total("otgraph." + name) for key, name in names.items()}
print(json.dumps({**told, "oldest": bool(found.get("otgraph.run.oldest_pause"))}))
"""


def process(*arguments: str) -> dict[str, Any]:
    """Return what a process of its own has counted, in which a graph that asks is run on some threads of a file."""
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, *arguments], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found
