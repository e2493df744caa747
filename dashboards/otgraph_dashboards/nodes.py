"""
The dashboard "one workflow's nodes": which node is slow, fails, is tried again, or makes the others wait?

Rule: every number is of the workflow chosen above, and of the nodes chosen beside it.
"""

from __future__ import annotations

from typing import Final

from otgraph.tracing import names
from otgraph_dashboards.common import (
    AND_FAILED,
    FAILED,
    JAEGER,
    NODES,
    ONE_WORKFLOW,
    SOURCES,
    of_row,
    of_series,
    operation,
    traces,
    where,
)
from otgraph_dashboards.grafana import Column, Dashboard, Panel, Query, Row, graph, stat, table
from otgraph_dashboards.metrics import BARRIER, NODE, RETRIES, STEP, STEP_TASKS, label
from otgraph_dashboards.promql import RANGE, RATE, by, counted, mean, per_minute, quantile, ratio, total

__all__ = ["NODES_OF_WORKFLOW"]

STEPS: Final = where({names.WORKFLOW: "$workflow"})
CHOSEN: Final = {names.WORKFLOW: "$workflow", names.NODE: "=~$node"}
ALL: Final = where(CHOSEN)
BAD: Final = where({**CHOSEN, **AND_FAILED})
LEGEND: Final = f"{{{{{label(names.NODE)}}}}}"
RANKS: Final = (0.5, 0.95, 0.99)
A_TASK: Final = (operation(names.TASK_SPAN), f'span.{names.WORKFLOW} = "${{workflow}}"')
OF_SERIES: Final = traces("Traces of this node", *A_TASK, of_series(names.NODE))


def _numbers() -> tuple[Panel, ...]:
    return (
        stat("Tasks", "Executions of the chosen nodes.", total(counted(NODE.count, ALL, RANGE))),
        stat(
            "Failed tasks",
            "Executions that ended with an exception, after all attempts.",
            total(counted(NODE.count, BAD, RANGE)),
            limit=1,
        ),
        stat(
            "Retries",
            "Attempts that failed and were followed by another one. Many of them cost time and money.",
            total(counted(RETRIES.count, ALL, RANGE)),
        ),
        stat("p95 of tasks", "Nineteen of twenty tasks took less.", quantile(0.95, NODE, ALL, RANGE), "s"),
        stat("Supersteps", "Supersteps of the workflow.", total(counted(STEP.count, STEPS, RANGE))),
        stat(
            "Tasks in a superstep",
            "On average. Where it is 1, nothing runs in parallel.",
            mean(STEP_TASKS, STEPS, RANGE),
            "none",
        ),
    )


def _each_node() -> Panel:
    key, title = names.NODE, "Node"
    tasks, bad = (by(counted(NODE.count, labels, RANGE), key) for labels in (ALL, BAD))
    retries = by(counted(RETRIES.count, ALL, RANGE), key)
    return table(
        "Nodes",
        "One line for each node. The number of tasks leads to their traces, that of failures to those that failed.",
        {label(key): title},
        (
            Column("Tasks", tasks, links=(traces("Traces", *A_TASK, of_row(key, title)),)),
            Column(
                "Failed",
                f"{bad} or {tasks} * 0",
                links=(traces("Traces of failures", *A_TASK, of_row(key, title), FAILED),),
            ),
            Column("Error ratio", ratio(bad, tasks), "percentunit"),
            Column("Retries", f"{retries} or {tasks} * 0"),
            *(Column(f"p{rank * 100:g}", quantile(rank, NODE, ALL, RANGE, key), "s") for rank in RANKS),
            Column("Barrier wait, mean", mean(BARRIER, ALL, RANGE, key), "s"),
        ),
    )


def _over_time() -> tuple[Panel, ...]:
    tasks, bad = (by(counted(NODE.count, labels, RATE), names.NODE) for labels in (ALL, BAD))
    errors = by(counted(NODE.count, BAD, RATE), names.NODE, names.ERROR_TYPE)
    retries = by(counted(RETRIES.count, ALL, RATE), names.NODE, names.ERROR_TYPE)
    legend = f"{LEGEND}: {{{{{label(names.ERROR_TYPE)}}}}}"
    return (
        graph(
            "Tasks per minute",
            "Executions of each node per minute.",
            Query(per_minute(tasks), LEGEND),
            unit="cpm",
            links=(OF_SERIES,),
        ),
        graph(
            "Errors per minute",
            "Executions that ended with an exception, per minute. Click on a line for the traces of what failed.",
            Query(per_minute(errors), legend),
            unit="cpm",
            links=(traces("Traces", *A_TASK, of_series(names.NODE), of_series(names.ERROR_TYPE)),),
        ),
        graph(
            "Error ratio of each node",
            "Failed executions of each node. A retry policy helps against what passes by itself, nothing else.",
            Query(ratio(bad, tasks), LEGEND),
            unit="percentunit",
            links=(OF_SERIES,),
        ),
        graph(
            "Retries per minute",
            "Failed attempts that were followed by another one, per minute, and what they failed with.",
            Query(per_minute(retries), legend),
            unit="cpm",
            links=(OF_SERIES,),
        ),
        *(
            graph(
                f"p{rank * 100:g} of each node",
                f"{rank:.0%} of the executions of a node took less. Dots lead to single traces.",
                Query(quantile(rank, NODE, ALL, RATE, names.NODE), LEGEND, exemplars=True),
                unit="s",
                links=(OF_SERIES,),
            )
            for rank in RANKS
        ),
        graph(
            "p95 of the barrier wait",
            "How long what a node wrote waits for the slowest node beside it. Where it is long, split the slow node, "
            "or give the waiting one a way of its own through the graph.",
            Query(quantile(0.95, BARRIER, ALL, RATE, names.NODE), LEGEND, exemplars=True),
            unit="s",
            links=(OF_SERIES,),
        ),
    )


NODES_OF_WORKFLOW: Final = Dashboard(
    "otgraph-nodes",
    "otgraph / Nodes of a workflow",
    "Which node is slow, fails, is tried again, or makes the others wait?",
    (*SOURCES, ONE_WORKFLOW, NODES),
    (
        Row("In the chosen time", _numbers()),
        Row("Each node", (_each_node(),)),
        Row("Over time", _over_time()),
    ),
    JAEGER,
)
