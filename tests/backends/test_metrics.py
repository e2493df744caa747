"""What Prometheus gets of the workload: the numbers that it is known to have, though half of its traces are dropped."""

from __future__ import annotations

import pytest
from viewers.viewer import eventually

from backends.servers import Prometheus
from backends.workload import AGENTS, RUNS, Workload

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

CALLS = "traces_span_metrics_calls_total"


def settles(prometheus: Prometheus, expression: str, number: float) -> None:
    """Wait until an expression gives a number, and see that it stays at that."""
    eventually(
        lambda: prometheus.number(expression) == number,
        f"{expression} == {number}, not {prometheus.query(expression)}",
    )


def total(prometheus: Prometheus, expression: str) -> dict[tuple[str, ...], float]:
    """Return what an expression gives, by the values of its labels in the order of their names."""
    return {
        tuple(value for _, value in sorted(found["metric"].items())): float(found["value"][1])
        for found in prometheus.query(expression)
    }


def test_span_metrics_count_every_run(workload: Workload, prometheus: Prometheus) -> None:
    """The runs of each workflow and outcome are as many as there were, those included whose traces were dropped."""
    runs = f'{CALLS}{{gen_ai_operation_name="invoke_workflow",gen_ai_workflow_nested=""}}'
    expression = f"sum by (gen_ai_workflow_name, otgraph_outcome) ({runs})"
    eventually(lambda: total(prometheus, expression) == RUNS, "the span metrics of all runs")
    agents = f'sum by (gen_ai_agent_name, otgraph_outcome) ({CALLS}{{gen_ai_operation_name="invoke_agent"}})'
    assert total(prometheus, agents) == AGENTS


def test_span_metrics_count_every_span(workload: Workload, prometheus: Prometheus) -> None:
    """All spans that the processes have ended are in the metrics."""
    settles(prometheus, f"sum({CALLS})", sum(1 for _ in workload.spans()))
