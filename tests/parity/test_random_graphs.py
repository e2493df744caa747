"""Random graphs run the same on both engines, chunk by chunk."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from .compare import compare
from .described import reconcile, run_described
from .described_threads import run_thread
from .engine import Engine
from .oracle import Oracle
from .random_graphs import calls, graphs, saved_graphs, threads

EXAMPLES = int(os.environ.get("PARITY_EXAMPLES", "150"))
"""How many graphs; they are the same in every run, unless PARITY_EXAMPLES asks for a number of new ones."""

PHASES = (Phase.generate, Phase.shrink) if "PARITY_EXAMPLES" in os.environ else (Phase.generate,)
"""A failure is made smaller only for somebody who looks for it: that takes minutes."""


pytestmark = [pytest.mark.oracle, pytest.mark.slow, pytest.mark.timeout(900)]

EXAMPLED = settings(
    max_examples=EXAMPLES,
    derandomize="PARITY_EXAMPLES" not in os.environ,
    database=None,
    phases=PHASES,
    suppress_health_check=list(HealthCheck),
)


@EXAMPLED
@given(st.data())
def test_random_graphs(oracle: Oracle, data: st.DataObject) -> None:
    """Whatever the graph and the call, both engines show the same chunks in the same order."""
    graph = data.draw(graphs(), label="graph")
    wanted = data.draw(calls(graph), label="calls")
    request = {"graph": graph, "calls": wanted}
    compare(oracle, request, lambda: run_described(Engine("otgraph"), graph, wanted), reconcile)


@EXAMPLED
@given(st.data())
def test_random_threads(oracle: Oracle, data: st.DataObject) -> None:
    """Whatever is done with a thread, both engines show the same chunks, states, history and checkpoints."""
    graph = data.draw(saved_graphs(), label="graph")
    thread = data.draw(threads(graph), label="thread")
    request = {"graph": graph, "thread": thread}
    compare(oracle, request, lambda: run_thread(Engine("otgraph"), graph, thread), reconcile)
