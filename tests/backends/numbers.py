"""
What every query of every dashboard, and every rule, must return after the workload.

Rule: nothing is counted here that `backends.tallies` does not know.
"""

from __future__ import annotations

from collections.abc import Mapping

from backends.agent import MODEL
from backends.mishaps import MISHAPS
from backends.tallies import (
    ASKING,
    AT_LEAST,
    BARRIERS,
    CALLS,
    COST,
    DROPPED,
    ERRORS,
    FAULTY,
    LONG,
    LOST,
    MINUTES,
    PAUSES,
    RESUMED,
    SAVERS,
    SAVES,
    STEPS,
    TASKS,
    TOKENS,
    TOOLS,
    Between,
    Numbers,
    a_minute,
    durations,
    ended,
    failed,
    present,
    ratios,
    summed,
)
from backends.workload import AGENTS, RETRIES, RUNS

__all__ = ["alerts", "mishaps", "numbers", "recordings"]


def numbers(workflow: str) -> dict[str, Numbers]:
    """Return what each query gives, where the dashboard of nodes shows `workflow`."""
    return {
        **{f"otgraph-runs/{query}": found for query, found in _runs().items()},
        **{f"otgraph-nodes/{query}": found for query, found in _nodes(workflow).items()},
        **{f"otgraph-agents/{query}": found for query, found in _agents().items()},
        **{f"otgraph-humans/{query}": found for query, found in _humans().items()},
        **{f"otgraph-health/{query}": found for query, found in _health().items()},
    }


def _runs() -> dict[str, Numbers]:
    each, bad, whole = summed(RUNS, 0), summed(RUNS, 0, only=failed), summed(RUNS, 0, only=ended)
    errors = {(ERRORS[workflow], workflow): count for (workflow,), count in bad.items() if count}
    steps = {(workflow,): count for workflow, count in STEPS.items()}
    widths = ratios(summed(TASKS, 0), steps)
    idle = dict.fromkeys(each, 0) | dict.fromkeys(summed(AGENTS, 0), 0)
    quick = {(): Between(0, LONG)}
    return {
        "Runs/A": {(): each.total()},
        "Failed runs/A": {(): bad.total()},
        "Error ratio/A": {(): bad.total() / whole.total()},
        "p95 of runs/A": quick,
        "Active now/A": {(): 0},
        "Paused now/A": {(): PAUSES.total() - RESUMED.total()},
        "Agent runs/A": {(): AGENTS.total()},
        "Recursion limit/A": {(): 3},
        "Runs per minute/A": a_minute(each),
        "Outcomes/A": a_minute(summed(RUNS, 1)),
        "Error ratio of each workflow/A": ratios(bad, whole),
        "Duration/A": quick,
        "Duration/B": quick,
        "Duration/C": {(): Between(5, LONG)},  # two of 113 took that long
        "p95 of each workflow/A": durations(each),
        "Active/A": idle,
        "Workflows/A": each,
        "Workflows/B": bad,
        "Workflows/C": ratios(bad, whole),
        "Workflows/D": durations(each),
        "Workflows/E": durations(each),
        "Workflows/F": durations(each),
        "Errors/A": errors,
        "Supersteps/A": a_minute(steps),
        "p95 of supersteps/A": durations(steps),
        "Tasks in a superstep/A": widths,
    }


def _nodes(workflow: str) -> dict[str, Numbers]:
    tasks = {key[1:]: count for key, count in TASKS.items() if key[0] == workflow}
    each, bad = summed(tasks, 0), summed(tasks, 0, only=failed)
    retries = {(node,): RETRIES.get((workflow, node), 0) for (node,) in each}
    error = ERRORS.get(workflow, "")
    waits = {(node,): Between(0, LONG) for node in BARRIERS.get(workflow, ())}
    return {
        "Tasks/A": {(): each.total()},
        "Failed tasks/A": {(): bad.total()},
        "Retries/A": {(): sum(retries.values())},
        "p95 of tasks/A": {(): Between(AT_LEAST.get(workflow, 0), LONG)},
        "Supersteps/A": {(): STEPS[workflow]},
        "Tasks in a superstep/A": {(): each.total() / STEPS[workflow]},
        "Nodes/A": each,
        "Nodes/B": bad,
        "Nodes/C": ratios(bad, each),
        "Nodes/D": retries,
        "Nodes/E": durations(each),
        "Nodes/F": durations(each),
        "Nodes/G": durations(each),
        "Nodes/H": waits,
        "Tasks per minute/A": a_minute(each),
        "Errors per minute/A": a_minute({(error, *key): count for key, count in bad.items() if count}),
        "Error ratio of each node/A": ratios(bad, each),
        "Retries per minute/A": a_minute({(error, *key): count for key, count in retries.items() if count}),
        "p50 of each node/A": durations(each),
        "p95 of each node/A": durations(each),
        "p99 of each node/A": durations(each),
        "p95 of the barrier wait/A": waits,
    }


def _agents() -> dict[str, Numbers]:
    agents, model = summed(AGENTS, 0), (MODEL,)
    calls = {(tool,): count for tool, (count, _) in TOOLS.items()}
    wrong = {(tool,): count for tool, (_, count) in TOOLS.items()}
    return {
        "Agent runs/A": {(): agents.total()},
        "Failed agent runs/A": {(): 0},
        "Model calls/A": {(): CALLS},
        "Input tokens/A": {(): TOKENS["input"]},
        "Output tokens/A": {(): TOKENS["output"]},
        "Cost/A": {(): COST},
        "Tool calls/A": {(): sum(calls.values())},
        "Tool error ratio/A": {(): sum(wrong.values()) / sum(calls.values())},
        "p95 to the first chunk/A": {},
        "Agent runs per minute/A": a_minute(agents),
        "Error ratio of agents/A": dict.fromkeys(agents, 0),
        "p95 of agents/A": durations(agents),
        "p95 of calls per agent run/A": dict.fromkeys(agents, Between(1, 2)),
        "p95 of calls per agent run/B": dict.fromkeys(agents, Between(1, 2)),
        "Tokens per minute/A": a_minute({model: TOKENS["input"]}),
        "Tokens per minute/B": a_minute({model: TOKENS["output"]}),
        "Cost per minute/A": a_minute({("librarian",): COST}),
        "Model calls per minute/A": a_minute({model: CALLS}),
        "Error ratio of models/A": {model: 0},
        "p95 of model calls/A": {model: Between(0, LONG)},
        "Time to the first chunk/A": {},
        "Time to the first chunk/B": {},
        "p95 from chunk to chunk/A": {},
        "Tool calls per minute/A": a_minute(calls),
        "p95 of tools/A": durations(calls),
        "Tools/A": calls,
        "Tools/B": wrong,
        "Tools/C": ratios(wrong, calls),
        "Tools/D": durations(calls),
        "Tools/E": durations(calls),
    }


def _humans() -> dict[str, Numbers]:
    pauses, waiting = (
        present(PAUSES),
        {key: count - RESUMED.get(key, 0) for key, count in PAUSES.items() if count},
    )
    resumed, good = (
        RESUMED,
        summed(RUNS, 0, only=lambda name, outcome: name in ASKING and outcome == "success"),
    )
    outcomes = summed(RUNS, 1, only=lambda name, outcome: name in ASKING and outcome != "interrupted")
    waited = {(): Between(0, 10 * LONG)}
    waits = {
        ("approval",): Between(0, 10 * LONG),
        ("late",): Between(5, 10 * LONG),
    }  # it waits for ten seconds
    return {
        "Paused now/A": {(): sum(waiting.values())},
        "Oldest pause/A": waited,
        "Pauses/A": {(): sum(pauses.values())},
        "Resumed/A": {(): resumed.total()},
        "Resume success/A": {(): good.total() / resumed.total()},
        "p95 of the wait/A": waited,
        "Paused/A": waiting,
        "Oldest pause of each workflow/A": {("approval",): Between(0, 10 * LONG)},
        "Pauses and answers/A": a_minute({(): sum(pauses.values())}),
        "Pauses and answers/B": a_minute({(): resumed.total()}),
        "Outcomes of resumed runs/A": a_minute(present(outcomes)),
        "How long humans take/A": waited,
        "How long humans take/B": waited,
        "Workflows/A": pauses,
        "Workflows/B": waiting,
        "Workflows/C": present(resumed),
        "Workflows/D": ratios(present(good), present(resumed)),
        "Workflows/E": waits,
        "Workflows/F": waits,
    }


def _health() -> dict[str, Numbers]:
    streams = {("board",): Between(0, LONG), ("feed",): Between(0, LONG)}
    savers = {(saver,): Between(100, 100_000) for saver in SAVERS}
    writes = {("put_writes", saver): Between(1 / MINUTES, 100 / MINUTES) for saver in SAVERS}
    calls = {**a_minute(SAVES), **writes}
    return {
        "p95 of the stream lag/A": {(): Between(0, LONG)},
        "Dropped chunks/A": {(): DROPPED},
        "Lost spans/A": {(): 0},
        "Faults of telemetry/A": {(): 0},
        "p95 of checkpoint writes/A": {(): Between(0, LONG)},
        "Checkpoint errors/A": {(): 0},
        "Lag/A": streams,
        "Lag/B": streams,
        "Lag/C": streams,
        "Dropped chunks per minute/A": a_minute({("board", "drop_oldest"): DROPPED}),
        "Lost spans per minute/A": {},
        "Faults per minute/A": {},
        "Calls of savers per minute/A": calls,
        "Errors of savers per minute/A": {},
        "p95 of savers/A": {key: Between(0, LONG) for key in calls},
        "Size of checkpoints/A": savers,
        "Size of checkpoints/B": savers,
    }


def mishaps(counted: Mapping[str, int]) -> dict[str, Numbers]:
    """
    Return what queries give for the service in which things go wrong: those that have nothing to show otherwise.

    Args:
        counted: what its saver was asked for, as that has counted itself.
    """
    model, first = ("scripted-2",), Between(0.04, LONG)
    streamed, failures = MISHAPS["answers that stream"], MISHAPS["answers that fail"]
    idle = {(workflow,): 0 for workflow in ("reader", "clumsy", "stumble", "forgetful", "patient")}
    calls = {(operation, "SlowDisk"): count for operation, count in counted.items()}
    refused = ("put", "FullDisk")
    return {
        "otgraph-runs/Active now/A": {(): MISHAPS["runs that hang"]},
        "otgraph-runs/Active/A": {**idle, ("hung",): MISHAPS["runs that hang"]},
        "otgraph-agents/Failed agent runs/A": {(): MISHAPS["agents that fail"]},
        "otgraph-agents/Error ratio of agents/A": {("clumsy",): 1},
        "otgraph-agents/Error ratio of models/A": {model: failures / (streamed + failures), ("unknown",): 1},
        "otgraph-agents/p95 to the first chunk/A": {(): first},
        "otgraph-agents/Time to the first chunk/A": {model: first},
        "otgraph-agents/Time to the first chunk/B": {model: first},
        "otgraph-agents/p95 from chunk to chunk/A": {model: Between(0.01, LONG)},
        "otgraph-health/Lost spans/A": {(): LOST},
        "otgraph-health/Lost spans per minute/A": a_minute({("export_failed",): LOST}),
        "otgraph-health/Faults of telemetry/A": {(): MISHAPS["processors that fail"]},
        "otgraph-health/Faults per minute/A": a_minute({FAULTY: MISHAPS["processors that fail"]}),
        "otgraph-health/p95 of checkpoint writes/A": {(): Between(0.5, LONG)},
        "otgraph-health/Checkpoint errors/A": {(): MISHAPS["savers that fail"]},
        "otgraph-health/Errors of savers per minute/A": a_minute(
            {("OSError", *refused): MISHAPS["savers that fail"]}
        ),
        "otgraph-health/Calls of savers per minute/A": a_minute(
            {**calls, refused: MISHAPS["savers that fail"], ("get", "FullDisk"): MISHAPS["savers that fail"]}
        ),
    }


def recordings() -> dict[str, Numbers]:
    """Return what each rule records."""
    each, bad, whole = summed(RUNS, 0), summed(RUNS, 0, only=failed), summed(RUNS, 0, only=ended)
    calls = {(tool,): count for tool, (count, _) in TOOLS.items()}
    wrong = {(tool,): count for tool, (_, count) in TOOLS.items()}
    agents = summed(AGENTS, 0)
    steps = {(workflow,): count for workflow, count in STEPS.items()}
    return {
        "otgraph:run:count_15m": of_service(whole),
        "otgraph:run:error_ratio_15m": of_service(ratios(bad, whole)),
        "otgraph:run:p95_15m": of_service(durations(each)),
        "otgraph:agent:count_15m": of_service(agents),
        "otgraph:agent:error_ratio_15m": of_service(dict.fromkeys(agents, 0)),
        "otgraph:agent:p95_15m": of_service(durations(agents)),
        "otgraph:tool:count_15m": of_service(calls),
        "otgraph:tool:error_ratio_15m": of_service(ratios(wrong, calls)),
        "otgraph:tool:p95_15m": of_service(durations(calls)),
        "otgraph:checkpoint_write:p95_15m": {("workload", saver): Between(0, LONG) for saver in SAVERS},
        "otgraph:superstep:count_15m": of_service(steps),
    }


def of_service(found: Numbers, service: str = "workload") -> Numbers:
    """Return the same with the label of the service."""
    return {(*key, service): number for key, number in found.items()}


def alerts(service: str) -> dict[str, Numbers]:
    """Return what the condition of each alert gives: those of a service that it holds for."""
    quiet: dict[str, Numbers] = {"OtgraphRunsSlow": {}, "OtgraphPausedTooLong": {}}
    of_workload: dict[str, Numbers] = {
        "OtgraphErrorRatio": of_service({("division",): 1}),
        "OtgraphToolErrorRatio": of_service({("lend",): 1}),
        "OtgraphRecursionLimit": of_service({("endless",): 2, ("giant",): 1}),
        "OtgraphStreamDrops": {("board", "workload", "drop_oldest"): DROPPED},
    }
    of_mishaps: dict[str, Numbers] = {
        "OtgraphAgentErrorRatio": of_service({("clumsy",): 1}, "mishaps"),
        "OtgraphCheckpointsSlow": {("mishaps", "SlowDisk"): Between(0.5, LONG)},
        "OtgraphCheckpointErrors": {("mishaps", "put", "FullDisk"): MISHAPS["savers that fail"]},
        "OtgraphSpansLost": {("mishaps", "export_failed"): LOST},
        "OtgraphTelemetryFaults": {("mishaps", *FAULTY): MISHAPS["processors that fail"]},
        "OtgraphRunsStuck": of_service({("hung",): MISHAPS["runs that hang"]}, "mishaps"),
    }
    here, there = (of_workload, of_mishaps) if service == "workload" else (of_mishaps, of_workload)
    return {**quiet, **{name: {} for name in there}, **here}
