"""What Prometheus gets of the workload: the numbers that it is known to have, though many of its traces are dropped."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest
from foreign_server import eventually

from backends.agent import FIRST, SECOND
from backends.servers import Prometheus, Server
from backends.workload import AGENTS, NODES, RETRIES, RUNS, Workload

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

CALLS = "traces_span_metrics_calls_total"
RUN_COUNT = "gen_ai_invoke_workflow_duration_seconds_count"
WORKFLOW, NODE, OUTCOME = "gen_ai_workflow_name", "gen_ai_node_name", "otgraph_outcome"


def gives(prometheus: Prometheus, expression: str, by: str, numbers: Mapping[Any, float]) -> None:
    """See that the sums of an expression by some labels come to be these and no others."""
    query = f"sum by ({by}) ({expression})"
    seen: dict[Any, float] = {}

    def look() -> bool:
        seen.clear()
        for found in prometheus.query(query):
            labels = tuple(found["metric"].get(label, "") for label in by.split(", "))
            seen[labels if len(labels) > 1 else labels[0]] = float(found["value"][1])
        return seen == pytest.approx(dict(numbers))

    try:
        eventually(look, query)
    except AssertionError:
        assert seen == dict(numbers), query


def test_span_metrics_count_every_run(workload: Workload, prometheus: Prometheus) -> None:
    """Runs of each workflow and outcome are as many as there were, those included whose traces were dropped."""
    root = 'gen_ai_operation_name="invoke_workflow",gen_ai_workflow_nested=""'
    gives(prometheus, f"{CALLS}{{{root}}}", f"{WORKFLOW}, {OUTCOME}", RUNS)
    gives(
        prometheus,
        f'{CALLS}{{gen_ai_operation_name="invoke_agent"}}',
        f"gen_ai_agent_name, {OUTCOME}",
        AGENTS,
    )


def test_span_metrics_count_every_span(workload: Workload, prometheus: Prometheus, collector: Server) -> None:
    """All spans that the processes have ended are in the metrics, in the name of the Collector and of no process."""
    spans = sum(1 for _ in workload.spans())
    instance = collector.address("prometheus")
    gives(prometheus, CALLS, "instance, job", {(instance, "workload"): spans})
    gives(prometheus, "traces_span_metrics_duration_seconds_count", "job", {"workload": spans})


def test_the_engine_counts_runs(workload: Workload, prometheus: Prometheus) -> None:
    """The engine's own metrics of runs say the same as those made of spans."""
    gives(prometheus, RUN_COUNT, f"{WORKFLOW}, {OUTCOME}", RUNS)
    gives(prometheus, "gen_ai_invoke_agent_duration_seconds_count", f"gen_ai_agent_name, {OUTCOME}", AGENTS)
    gives(prometheus, "otgraph_run_active", "job", {"workload": 0})
    gives(prometheus, "otgraph_recursion_limit_hits_total", WORKFLOW, {"endless": 2, "giant": 1})


def test_the_engine_counts_nodes(workload: Workload, prometheus: Prometheus) -> None:
    """Tasks of each node and their retries are as many as there were."""
    gives(prometheus, "otgraph_node_duration_seconds_count", f"{WORKFLOW}, {NODE}", NODES)
    gives(prometheus, "otgraph_node_retries_total", f"{WORKFLOW}, {NODE}", RETRIES)
    gives(prometheus, 'otgraph_superstep_tasks_sum{gen_ai_workflow_name="wide"}', WORKFLOW, {"wide": 502})


def test_pauses_are_counted_across_processes(workload: Workload, prometheus: Prometheus) -> None:
    """Six runs stopped in a process that has ended, four went on in another: two still wait."""
    gives(prometheus, "last_over_time(otgraph_run_paused[1h])", WORKFLOW, {"approval": 2, "late": 0})
    gives(prometheus, "otgraph_run_pauses_total", WORKFLOW, {"approval": 6, "late": 1})
    resumed = {("approval", "success"): 3, ("approval", "error"): 1, ("late", "success"): 1}
    gives(prometheus, "otgraph_run_resumes_total", f"{WORKFLOW}, {OUTCOME}", resumed)
    gives(prometheus, "otgraph_interrupt_wait_seconds_count", WORKFLOW, {"approval": 4, "late": 1})


def test_models_and_tools_are_counted(workload: Workload, prometheus: Prometheus) -> None:
    """Calls, tokens and costs of the agent's model are those of its script, and so are calls of its tools."""
    (first_read, first_written), (second_read, second_written) = FIRST, SECOND
    read, written = 5 * (first_read + second_read), 5 * (first_written + second_written)
    tokens = {"input": read, "output": written}
    gives(prometheus, "gen_ai_client_token_usage_sum", "gen_ai_token_type", tokens)
    gives(prometheus, "otgraph_model_cost_total", WORKFLOW, {"librarian": (read * 1.0 + written * 2.0) / 1e6})
    tools = {("find", ""): 5, ("lend", "PermissionError"): 5}
    gives(prometheus, "gen_ai_execute_tool_duration_seconds_count", "gen_ai_tool_name, error_type", tools)


def test_checkpoints_are_counted(workload: Workload, prometheus: Prometheus) -> None:
    """Each run has saved its input, its start and each of its steps, and each that goes on has read where it was."""
    saves = {
        ("InMemorySaver", "put"): 5 * 5 + 5,  # of `diary`, and of `late`
        ("InMemorySaver", "get"): 5 + 2,
        ("SqliteSaver", "put"): 6 * 3 + 3 * 2 + 1,  # until it asks; after a yes; after a no
        ("SqliteSaver", "get"): 6 + 4,
    }
    counts = 'otgraph_checkpoint_duration_seconds_count{otgraph_checkpoint_operation!="put_writes"}'
    gives(prometheus, counts, "otgraph_checkpoint_saver, otgraph_checkpoint_operation", saves)
    sizes = {"InMemorySaver": 30, "SqliteSaver": 25}
    gives(prometheus, "otgraph_checkpoint_size_bytes_count", "otgraph_checkpoint_saver", sizes)


def test_dropped_chunks_are_counted(workload: Workload, prometheus: Prometheus) -> None:
    """Three readers each missed 92 of a hundred items."""
    dropped = {("board", "drop_oldest"): 3 * 92}
    gives(prometheus, "otgraph_stream_dropped_total", f"{WORKFLOW}, otgraph_stream_policy", dropped)


def test_a_counter_is_born_with_zero(workload: Workload, prometheus: Prometheus) -> None:
    """Before the first value of each counter there is a zero, so that its increase is what happened."""
    gives(prometheus, f"min_over_time({RUN_COUNT}[1h])", "job", {"workload": 0})
    increase = f'increase({RUN_COUNT}{{gen_ai_workflow_name="division"}}[1h])'
    assert prometheus.number(f"sum({increase})") == pytest.approx(RUNS["division", "error"], rel=0.2)


def test_exemplars_lead_to_traces(workload: Workload, prometheus: Prometheus) -> None:
    """Buckets of histograms, the engine's and those made of spans, name traces that Jaeger was sent."""
    for histogram in ("gen_ai_invoke_workflow_duration_seconds", "traces_span_metrics_duration_seconds"):
        found = prometheus.ask(
            "http",
            "/api/v1/query_exemplars",
            query=f'{histogram}_bucket{{gen_ai_workflow_name="division"}}',
            start=time.time() - 3600,
            end=time.time(),
        )
        named = {
            exemplar["labels"]["trace_id"] for series in found["data"] for exemplar in series["exemplars"]
        }
        assert named, histogram
        assert named <= workload.traces["division"].keys()


def test_each_process_has_series_of_its_own(workload: Workload, prometheus: Prometheus) -> None:
    """Metrics of a process bear the name of its service as job, and its instance id as instance."""
    series = prometheus.query('count by (instance) (otgraph_run_active{job="workload"})')
    assert len({one["metric"]["instance"] for one in series}) == len(workload.traces)


def test_the_collector_loses_nothing(workload: Workload, prometheus: Prometheus) -> None:
    """The metrics by which one notices a loss are there, under the names that the documentation has, and say none."""
    told = {
        "otelcol_receiver_accepted_spans": len(list(workload.spans())),
        "otelcol_receiver_refused_spans": 0,
        "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early": 0,
    }
    for name, number in told.items():
        eventually(lambda: prometheus.number(f"sum({name})") == number, f"{name} == {number}")
    for name in ("otelcol_exporter_send_failed_spans", "otelcol_exporter_enqueue_failed_spans"):
        assert not prometheus.number(f"sum({name})")
