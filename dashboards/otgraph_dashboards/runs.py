"""
The dashboard "runs overview": is anything wrong, and with which workflow?

Rule: a number in a table leads to the traces it counts, and a name to the workflow's own dashboard.
"""

from __future__ import annotations

from typing import Final

from otgraph.tracing import names
from otgraph_dashboards.common import (
    AND_FAILED,
    FAILED,
    JAEGER,
    SOURCES,
    WORKFLOWS,
    of_row,
    of_series,
    operation,
    traces,
    where,
)
from otgraph_dashboards.grafana import Column, Dashboard, Link, Panel, Query, Row, graph, stat, table
from otgraph_dashboards.metrics import ACTIVE, AGENT, PAUSED, RECURSION, RUN, STEP, STEP_TASKS, label
from otgraph_dashboards.promql import (
    RANGE,
    RATE,
    by,
    counted,
    last_known,
    mean,
    per_minute,
    quantile,
    ratio,
    total,
)

__all__ = ["RUNS"]

CHOSEN: Final = {names.WORKFLOW: "=~$workflow"}
ALL: Final = where(CHOSEN)
BAD: Final = where({**CHOSEN, **AND_FAILED})
ENDED: Final = where({**CHOSEN, names.OUTCOME: "!=interrupted"})
"""Those that wait for a human have not come to an end."""
LEGEND: Final = f"{{{{{label(names.WORKFLOW)}}}}}"
A_RUN: Final = operation(names.RUN_SPAN)
RUNS_OF_SERIES: Final = traces("Traces of these runs", A_RUN, of_series(names.WORKFLOW))
FAILED_OF_SERIES: Final = traces("Traces of failed runs", A_RUN, of_series(names.WORKFLOW), FAILED)


def _numbers() -> tuple[Panel, ...]:
    runs, bad, ended = (by(counted(RUN.count, labels, RANGE)) for labels in (ALL, BAD, ENDED))
    hits = counted(RECURSION.count, ALL, RANGE)
    agents = counted(AGENT.count, where(), RANGE)
    return (
        stat(
            "Runs",
            "Root runs that ended or paused; those of agents are counted beside.",
            f"{runs} or vector(0)",
        ),
        stat(
            "Failed runs",
            "Runs that ended with an exception. See which workflow and which exception below.",
            f"{bad} or vector(0)",
            limit=1,
        ),
        stat(
            "Error ratio",
            "Failed runs among those that came to an end. Above 5 % the alert OtgraphErrorRatio fires.",
            ratio(bad, ended),
            "percentunit",
            limit=0.05,
        ),
        stat(
            "p95 of runs",
            "Nineteen of twenty runs took less. If it grows, look for the node in the dashboard of the workflow.",
            quantile(0.95, RUN, ALL, RANGE),
            "s",
        ),
        stat("Active now", "Runs that are going on.", total(f"{ACTIVE.series}{{{ALL}}}")),
        stat(
            "Paused now",
            "Runs that wait for a human; see the dashboard on humans in the loop.",
            total(last_known(PAUSED, ALL)),
        ),
        stat("Agent runs", "Runs of agents, those inside other graphs included.", total(agents)),
        stat(
            "Recursion limit",
            "Runs that took too many supersteps. A loop does not end: open a trace and see which nodes take turns.",
            total(hits),
            limit=1,
        ),
    )


def _over_time() -> tuple[Panel, ...]:
    runs = counted(RUN.count, ALL, RATE)
    bad = by(counted(RUN.count, BAD, RATE), names.WORKFLOW)
    ended = by(counted(RUN.count, ENDED, RATE), names.WORKFLOW)
    return (
        graph(
            "Runs per minute",
            "How many runs end or pause per minute. If it falls to zero, look at the callers first.",
            Query(per_minute(by(runs, names.WORKFLOW)), LEGEND),
            unit="cpm",
            links=(RUNS_OF_SERIES,),
        ),
        graph(
            "Outcomes",
            "How runs end. Cancelled and abandoned ones are no errors: the caller went away.",
            Query(per_minute(by(runs, names.OUTCOME)), f"{{{{{label(names.OUTCOME)}}}}}"),
            unit="cpm",
            links=(traces("Traces with this outcome", A_RUN, of_series(names.OUTCOME)),),
            stacked=True,
        ),
        graph(
            "Error ratio of each workflow",
            "Failed runs among those that came to an end. Click on a line for the traces of what failed.",
            Query(ratio(bad, ended), LEGEND),
            unit="percentunit",
            links=(FAILED_OF_SERIES,),
        ),
        graph(
            "Duration",
            "How long runs take, their waiting in queues and for models included. Dots lead to single traces.",
            *(
                Query(quantile(rank, RUN, ALL, RATE), f"p{rank * 100:g}", exemplars=rank == 0.95)
                for rank in RANKS
            ),
            unit="s",
        ),
        graph(
            "p95 of each workflow",
            "Which workflow is slow. Click on a line for its traces.",
            Query(quantile(0.95, RUN, ALL, RATE, names.WORKFLOW), LEGEND, exemplars=True),
            unit="s",
            links=(RUNS_OF_SERIES,),
        ),
        graph(
            "Active",
            "Runs that are going on. If it only grows, runs are stuck or too many for the machine.",
            Query(by(f"{ACTIVE.series}{{{ALL}}}", names.WORKFLOW), LEGEND),
            unit="short",
        ),
    )


RANKS: Final = (0.5, 0.95, 0.99)


def _tables() -> tuple[Panel, ...]:
    key, title = names.WORKFLOW, "Workflow"
    failed = traces("Traces of failed runs", A_RUN, of_row(key, title), FAILED)
    nodes = Link(
        "Its nodes", f"/d/otgraph-nodes?var-workflow=${{__data.fields.{title}}}&${{__url_time_range}}"
    )
    runs, bad, ended = (by(counted(RUN.count, labels, RANGE), key) for labels in (ALL, BAD, ENDED))
    errors = by(counted(RUN.count, BAD, RANGE), key, names.ERROR_TYPE)
    return (
        table(
            "Workflows",
            "One line for each workflow. The number of runs leads to its nodes, that of failures to their traces.",
            {label(key): title},
            (
                Column("Runs", runs, links=(nodes, traces("Traces", A_RUN, of_row(key, title)))),
                Column("Failed", f"{bad} or {runs} * 0", links=(failed,)),
                Column("Error ratio", ratio(bad, ended), "percentunit"),
                *(Column(f"p{rank * 100:g}", quantile(rank, RUN, ALL, RANGE, key), "s") for rank in RANKS),
            ),
        ),
        table(
            "Errors",
            "What runs fail with. Empty is good.",
            {label(key): title, label(names.ERROR_TYPE): "Error"},
            (
                Column(
                    "Failed",
                    errors + " > 0",
                    links=(traces("Traces", A_RUN, of_row(key, title), of_row(names.ERROR_TYPE, "Error")),),
                ),
            ),
        ),
    )


def _steps() -> tuple[Panel, ...]:
    return (
        graph(
            "Supersteps",
            "How many supersteps end per minute, those of graphs inside others included.",
            Query(per_minute(by(counted(STEP.count, ALL, RATE), names.WORKFLOW)), LEGEND),
            unit="cpm",
        ),
        graph(
            "p95 of supersteps",
            "How long supersteps take. The slowest node decides: see the dashboard of the workflow.",
            Query(quantile(0.95, STEP, ALL, RATE, names.WORKFLOW), LEGEND, exemplars=True),
            unit="s",
        ),
        graph(
            "Tasks in a superstep",
            "How wide the graph is, on average. One that fans out without bound shows here.",
            Query(mean(STEP_TASKS, ALL, RATE, names.WORKFLOW), LEGEND),
            unit="short",
        ),
    )


RUNS: Final = Dashboard(
    "otgraph-runs",
    "otgraph / Runs",
    "Is anything wrong, and with which workflow?",
    (*SOURCES, WORKFLOWS),
    (
        Row("Now, and in the chosen time", _numbers()),
        Row("Over time", _over_time()),
        Row("Each workflow", _tables()),
        Row("Supersteps", _steps()),
    ),
    JAEGER,
)
