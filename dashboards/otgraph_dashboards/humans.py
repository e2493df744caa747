"""
The dashboard "human in the loop": who waits for an answer, for how long, and what becomes of it?

Rule: a pause outlives the process that paused. What waits now is the last that each process said, living or not.
"""

from __future__ import annotations

from typing import Final

from otgraph.tracing import names
from otgraph_dashboards.common import JAEGER, SOURCES, WORKFLOWS, of_row, of_series, traces, where
from otgraph_dashboards.grafana import Column, Dashboard, Panel, Query, Row, graph, stat, table
from otgraph_dashboards.metrics import OLDEST_PAUSE, PAUSED, PAUSES, RESUMES, WAIT, label
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

__all__ = ["HUMANS"]

CHOSEN: Final = {names.WORKFLOW: "=~$workflow"}
ALL: Final = where(CHOSEN)
GOOD: Final = where({**CHOSEN, names.OUTCOME: "success"})
ENDED: Final = where({**CHOSEN, names.OUTCOME: "!=interrupted"})
LEGEND: Final = f"{{{{{label(names.WORKFLOW)}}}}}"
PAUSED_RUN: Final = f'span.{names.OUTCOME} = "interrupted"'
RESUMED_RUN: Final = f'span.{names.ORIGIN} = "resume"'
OLDEST: Final = f"{OLDEST_PAUSE.series}{{{ALL}}}"


def _numbers() -> tuple[Panel, ...]:
    return (
        stat(
            "Paused now",
            "Runs that wait for a human, of processes that ended in the last week too.",
            total(last_known(PAUSED, ALL)),
        ),
        stat(
            "Oldest pause",
            "How long the oldest of them has waited. The alert OtgraphPausedTooLong fires after a day.",
            f"{by(OLDEST, operator='max')} or vector(0)",
            "s",
            limit=86400,
        ),
        stat("Pauses", "How often a run stopped to ask.", total(counted(PAUSES.count, ALL, RANGE))),
        stat("Resumed", "Runs that went on and have ended since.", total(counted(RESUMES.count, ALL, RANGE))),
        stat(
            "Resume success",
            "Successes among resumed runs that came to an end; those that asked again have not.",
            ratio(by(counted(RESUMES.count, GOOD, RANGE)), by(counted(RESUMES.count, ENDED, RANGE))),
            "percentunit",
        ),
        stat("p95 of the wait", "How long humans take to answer.", quantile(0.95, WAIT, ALL, RANGE), "s"),
    )


def _over_time() -> tuple[Panel, ...]:
    paused = traces("Traces of runs that paused", PAUSED_RUN, of_series(names.WORKFLOW))
    resumed = traces("Traces of runs that went on", RESUMED_RUN)
    outcomes = traces("Traces with this outcome", RESUMED_RUN, of_series(names.OUTCOME))
    return (
        graph(
            "Paused",
            "Runs that wait for a human. If it only grows, nobody answers.",
            Query(by(last_known(PAUSED, ALL), names.WORKFLOW), LEGEND),
            unit="short",
            links=(paused,),
        ),
        graph(
            "Oldest pause of each workflow",
            "How long the oldest of the pauses that living processes know of has waited.",
            Query(by(OLDEST, names.WORKFLOW, operator="max"), LEGEND),
            unit="s",
            links=(paused,),
        ),
        graph(
            "Pauses and answers",
            "Per minute. Where the lines part, a queue of questions grows.",
            Query(per_minute(by(counted(PAUSES.count, ALL, RATE))), "pauses"),
            Query(per_minute(by(counted(RESUMES.count, ALL, RATE))), "resumed"),
            unit="cpm",
        ),
        graph(
            "Outcomes of resumed runs",
            "What becomes of runs that go on. Errors right after an answer are often answers of the wrong shape.",
            Query(
                per_minute(by(counted(RESUMES.count, ALL, RATE), names.OUTCOME)),
                f"{{{{{label(names.OUTCOME)}}}}}",
            ),
            unit="cpm",
            links=(outcomes,),
            stacked=True,
        ),
        graph(
            "How long humans take",
            "From the question until the run went on.",
            *(
                Query(quantile(rank, WAIT, ALL, RATE), f"p{rank * 100:g}", exemplars=True)
                for rank in (0.5, 0.95)
            ),
            unit="s",
            links=(resumed,),
        ),
    )


def _each_workflow() -> Panel:
    key, title = names.WORKFLOW, "Workflow"
    pauses, resumes, good, ended = (
        by(counted(metric.count, labels, RANGE), key)
        for metric, labels in ((PAUSES, ALL), (RESUMES, ALL), (RESUMES, GOOD), (RESUMES, ENDED))
    )
    return table(
        "Workflows",
        "One line for each workflow that asks.",
        {label(key): title},
        (
            Column("Pauses", pauses, links=(traces("Traces", PAUSED_RUN, of_row(key, title)),)),
            Column("Paused now", by(last_known(PAUSED, ALL), key)),
            Column("Resumed", resumes, links=(traces("Traces", RESUMED_RUN, of_row(key, title)),)),
            Column("Resume success", ratio(good, ended), "percentunit"),
            Column("Wait, mean", mean(WAIT, ALL, RANGE, key), "s"),
            Column("Wait, p95", quantile(0.95, WAIT, ALL, RANGE, key), "s"),
        ),
    )


HUMANS: Final = Dashboard(
    "otgraph-humans",
    "otgraph / Human in the loop",
    "Who waits for an answer, for how long, and what becomes of it?",
    (*SOURCES, WORKFLOWS),
    (
        Row("Now, and in the chosen time", _numbers()),
        Row("Over time", _over_time()),
        Row("Each workflow", (_each_workflow(),)),
    ),
    JAEGER,
)
