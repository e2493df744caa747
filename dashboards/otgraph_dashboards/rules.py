"""
Recording rules, and the alerts that are made of them.

Rule: an alert says what its reader should do, and each can be told from the others by its number alone. Thresholds are
for a start: they stand here as constants, and in the exported file as plain numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from otgraph.tracing import names
from otgraph_dashboards.metrics import (
    ACTIVE,
    AGENT,
    CHECKPOINT,
    DROPPED,
    FAULTS,
    LOST,
    OLDEST_PAUSE,
    RECURSION,
    RUN,
    STEP,
    TOOL,
    Metric,
)
from otgraph_dashboards.promql import by, counted, quantile, ratio, select

__all__ = ["ALERTS", "RECORDINGS", "Alert", "Recording"]

WINDOW: Final = "15m"
ENOUGH: Final = 5
"""So many runs or calls in a window say something about a ratio or a quantile."""
ERROR_RATIO: Final = 0.05
TOOL_ERROR_RATIO: Final = 0.2
SLOW_RUN: Final = 300
LONG_PAUSE: Final = 86400
SLOW_CHECKPOINT: Final = 0.5

WRITES: Final = {names.SAVER_OPERATION: "=~put.*"}
FAILED: Final = {names.ERROR_TYPE: "!="}
ENDED: Final = {names.OUTCOME: "!=interrupted"}


@dataclass(frozen=True)
class Recording:
    """A series that Prometheus computes once for all who ask."""

    name: str
    expr: str


@dataclass(frozen=True)
class Alert:
    """
    A condition that somebody should hear of.

    Args:
        lasting: how long the condition must hold.
        severity: `critical` wakes somebody up, `warning` waits for the morning.
        summary: one line, with Prometheus' templates for labels and the value.
        meaning: what has happened, for the page of documentation.
        runbook: what to do.
    """

    name: str
    expr: str
    lasting: str
    severity: str
    summary: str
    meaning: str
    runbook: str


def _grown(metric: Metric, patterns: dict[str, str], *attributes: str) -> str:
    return by(counted(metric.count, select(patterns), WINDOW), "job", *attributes)


def _recordings() -> tuple[Recording, ...]:
    parts: list[Recording] = []
    for word, metric, key, ended in (
        ("run", RUN, names.WORKFLOW, ENDED),
        ("agent", AGENT, names.AGENT, ENDED),
        ("tool", TOOL, names.TOOL, {}),
    ):
        count = f"otgraph:{word}:count_{WINDOW}"
        p95 = quantile(0.95, metric, "", WINDOW, "job", key)
        parts += [
            Recording(count, _grown(metric, ended, key)),
            Recording(f"otgraph:{word}:error_ratio_{WINDOW}", ratio(_grown(metric, FAILED, key), count)),
            Recording(f"otgraph:{word}:p95_{WINDOW}", p95),
        ]
    writes = quantile(0.95, CHECKPOINT, select(WRITES), WINDOW, "job", names.SAVER)
    steps = f"{_grown(STEP, {}, names.WORKFLOW)}\nor {by(ACTIVE.series, 'job', names.WORKFLOW)} * 0"
    return (
        *parts,
        Recording(f"otgraph:checkpoint_write:p95_{WINDOW}", writes),
        Recording(f"otgraph:superstep:count_{WINDOW}", steps),
    )


RECORDINGS: Final = _recordings()


def _often(word: str, what: str, limit: float) -> str:
    """Return the condition that a recorded number is over its limit, where there is enough to judge by."""
    return f"otgraph:{word}:{what}_{WINDOW} > {limit:g}\nand otgraph:{word}:count_{WINDOW} >= {ENOUGH}"


def _any(metric: Metric, *attributes: str, patterns: dict[str, str] | None = None) -> str:
    return f"{_grown(metric, patterns or {}, *attributes)} > 0"


ALERTS: Final = (
    Alert(
        "OtgraphErrorRatio",
        _often("run", "error_ratio", ERROR_RATIO),
        "5m",
        "critical",
        "{{ $value | humanizePercentage }} of the runs of {{ $labels.gen_ai_workflow_name }} fail.",
        f"Of {ENOUGH} or more runs of a workflow that came to an end in {WINDOW}, over {ERROR_RATIO:.0%} failed.",
        "Open the dashboard otgraph / Runs and look at the table Errors: it says what runs fail with. Click on the "
        "number for the traces; the exception is on the span of the task that raised it. One error type right after "
        "a release: roll back. Timeouts and rate limits of a provider: give the node a RetryPolicy, or wait.",
    ),
    Alert(
        "OtgraphRunsSlow",
        _often("run", "p95", SLOW_RUN),
        "10m",
        "warning",
        "A run of {{ $labels.gen_ai_workflow_name }} in twenty takes longer than {{ $value | humanizeDuration }}.",
        f"The p95 of a workflow's runs in {WINDOW} is over {SLOW_RUN} s, of at least {ENOUGH} runs. Set the limit to "
        "what your workflow promises.",
        "Open otgraph / Nodes of a workflow and sort the table by p95: the slowest node is on top. Is it the model "
        "(otgraph / Agents, p95 of model calls), a tool, or retries? A long barrier wait means that one slow node "
        "holds up the others of its superstep.",
    ),
    Alert(
        "OtgraphAgentErrorRatio",
        _often("agent", "error_ratio", ERROR_RATIO),
        "5m",
        "critical",
        "{{ $value | humanizePercentage }} of the runs of the agent {{ $labels.gen_ai_agent_name }} fail.",
        f"Of {ENOUGH} or more runs of an agent that came to an end in {WINDOW}, over {ERROR_RATIO:.0%} failed.",
        "Open otgraph / Agents and click on the agent in Error ratio of agents for the traces of what failed. Errors "
        "of models point to the provider, those of tools to the system behind them; BudgetExceededError and "
        "GraphRecursionError to an agent that does not come to an end.",
    ),
    Alert(
        "OtgraphToolErrorRatio",
        _often("tool", "error_ratio", TOOL_ERROR_RATIO),
        "5m",
        "warning",
        "{{ $value | humanizePercentage }} of the calls of the tool {{ $labels.gen_ai_tool_name }} fail.",
        f"Of {ENOUGH} or more calls of a tool in {WINDOW}, over {TOOL_ERROR_RATIO:.0%} failed.",
        "Open otgraph / Agents and click on the failures of the tool in the table Tools. If the arguments are wrong, "
        "the model misreads the tool's description; else the system behind the tool is in trouble. Agents try again, "
        "so watch tokens and cost meanwhile.",
    ),
    Alert(
        "OtgraphRecursionLimit",
        _any(RECURSION, names.WORKFLOW),
        "0m",
        "warning",
        '{{ $value | printf "%.0f" }} runs of {{ $labels.gen_ai_workflow_name }} hit the recursion limit.',
        f"A run ended in {WINDOW} because it took more supersteps than `recursion_limit` allows.",
        "Open a trace of it (otgraph / Runs, table Errors, GraphRecursionError) and see which nodes take turns. Mostly "
        "a router or a model never says that it is done: give the loop a way out. Raise the limit only if the work is "
        "really that long.",
    ),
    Alert(
        "OtgraphPausedTooLong",
        f"{by(OLDEST_PAUSE.series, 'job', names.WORKFLOW, operator='max')} > {LONG_PAUSE}",
        "5m",
        "warning",
        "A run of {{ $labels.gen_ai_workflow_name }} has waited for a human for {{ $value | humanizeDuration }}.",
        f"The oldest pause that a living process knows of is older than {LONG_PAUSE // 3600} hours. Set the limit to "
        "what you promise.",
        "Open otgraph / Human in the loop, click on the workflow in Paused for the traces of runs that paused, and "
        "sort them by time: the oldest has the thread in `gen_ai.conversation.id`. See that somebody answers it, or "
        "end it with `update_state`.",
    ),
    Alert(
        "OtgraphCheckpointsSlow",
        f"otgraph:checkpoint_write:p95_{WINDOW} > {SLOW_CHECKPOINT:g}",
        "10m",
        "warning",
        "A write of {{ $labels.otgraph_checkpoint_saver }} in twenty takes over {{ $value | humanizeDuration }}.",
        f"The p95 of what savers take to write in {WINDOW} is over {SLOW_CHECKPOINT:g} s.",
        "Look at the database or the disk first: locks, fsync, connections. Then at Size of checkpoints in otgraph / "
        "Streams and telemetry: large states want a DeltaChannel, or their large parts elsewhere. Durability "
        "`async` or `exit` takes the writes out of the way of runs.",
    ),
    Alert(
        "OtgraphCheckpointErrors",
        _any(CHECKPOINT, names.SAVER, names.SAVER_OPERATION, patterns=FAILED),
        "0m",
        "critical",
        '{{ $value | printf "%.0f" }} calls of {{ $labels.otgraph_checkpoint_saver }} failed '
        "({{ $labels.otgraph_checkpoint_operation }}).",
        f"A saver failed in {WINDOW}. What it did not save cannot be resumed.",
        "The log has the exception, and so has the trace of the run that failed with it. Is the database reachable, "
        "the disk full, the schema migrated? Runs that failed can be started again on their thread once it works: they "
        "go on from the last checkpoint.",
    ),
    Alert(
        "OtgraphStreamDrops",
        _any(DROPPED, names.WORKFLOW, names.STREAM_POLICY),
        "0m",
        "warning",
        '{{ $value | printf "%.0f" }} chunks of {{ $labels.gen_ai_workflow_name }} were dropped.',
        f"A reader of a stream fell so far behind in {WINDOW} that chunks were dropped.",
        "Readers see a mark in their stream, so nobody is misled, but something is missing on a screen. Look at Lag in "
        "otgraph / Streams and telemetry: a reader that does slow work per chunk should hand it on. Else raise the "
        "size of its Buffer, or take the policy `block`, which has the run wait.",
    ),
    Alert(
        "OtgraphSpansLost",
        _any(LOST, names.LOST_REASON),
        "0m",
        "warning",
        '{{ $value | printf "%.0f" }} spans were lost ({{ $labels.otgraph_telemetry_reason }}).',
        f"Spans did not reach the backend in {WINDOW}: traces have holes.",
        "`otgraph doctor` says whether the endpoint is reachable and takes spans. If it is, the queue is too small for "
        "the load (OTEL_BSP_MAX_QUEUE_SIZE), or the process ends without a flush. Behind a Collector, look at its own "
        "otelcol_exporter_send_failed_spans too.",
    ),
    Alert(
        "OtgraphTelemetryFaults",
        _any(FAULTS, names.FAULT_WHERE),
        "0m",
        "warning",
        '{{ $value | printf "%.0f" }} faults of telemetry ({{ $labels.otgraph_fault_where }}).',
        f"A processor, an exporter or a hook raised in {WINDOW}. No run failed for it.",
        "The first fault of each kind is in the log of the process, with its traceback, from the logger "
        "`otgraph.tracing.faults`. Mostly it is a redaction hook that meets a value it does not expect: until it is "
        "mended, the value is hidden.",
    ),
    Alert(
        "OtgraphRunsStuck",
        f"{by(ACTIVE.series, 'job', names.WORKFLOW)} > 0\nand otgraph:superstep:count_{WINDOW} == 0",
        "15m",
        "critical",
        '{{ $value | printf "%.0f" }} runs of {{ $labels.gen_ai_workflow_name }} are active, and no superstep ends.',
        "A workflow has active runs, and for at least a quarter of an hour none of them finished a superstep.",
        "A node hangs, or runs a graph of its own for so long: then set another limit for this workflow. "
        "`otgraph.telemetry.live_runs()` in the process, or `otgraph trace ls` on the trace store, says which runs are "
        "going on and in which node; py-spy shows where its thread waits. Give the node a timeout "
        "(`add_node(…, timeout=…)`), and clients their own.",
    ),
)
