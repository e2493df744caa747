"""
The dashboard "agents": what they take of models and tools, what it costs, and how soon they answer.

Rule: calls of models and tools are counted where they are made, whether by an agent or by any other node.
"""

from __future__ import annotations

from typing import Final

from otgraph.tracing import names
from otgraph_dashboards.common import AGENTS as CHOICE
from otgraph_dashboards.common import (
    AND_FAILED,
    FAILED,
    JAEGER,
    MODELS,
    SOURCES,
    of_row,
    of_series,
    operation,
    traces,
    where,
)
from otgraph_dashboards.grafana import Column, Dashboard, Panel, Query, Row, graph, stat, table
from otgraph_dashboards.metrics import (
    AGENT,
    AGENT_CALLS,
    AGENT_TOOLS,
    CALL,
    COST,
    FIRST_CHUNK,
    PER_CHUNK,
    TOKENS,
    TOOL,
    label,
)
from otgraph_dashboards.promql import RANGE, RATE, by, counted, per_minute, quantile, ratio, total

__all__ = ["AGENTS"]

RUNS: Final = where({names.AGENT: "=~$agent"})
BAD_RUNS: Final = where({names.AGENT: "=~$agent", **AND_FAILED})
CALLS: Final = where({names.REQUEST_MODEL: "=~$model"})
BAD_CALLS: Final = where({names.REQUEST_MODEL: "=~$model", **AND_FAILED})
TOOLS: Final = where()
BAD_TOOLS: Final = where(AND_FAILED)
AN_AGENT: Final = operation(names.AGENT_SPAN)
A_TOOL: Final = operation(names.TOOL_SPAN)
A_CALL: Final = operation("chat")


def _tokens(kind: str, window: str) -> str:
    return counted(TOKENS.sum, where({names.REQUEST_MODEL: "=~$model", names.TOKEN_TYPE: kind}), window)


def _legend(attribute: str) -> str:
    return f"{{{{{label(attribute)}}}}}"


def _numbers() -> tuple[Panel, ...]:
    return (
        stat("Agent runs", "Runs of the chosen agents.", total(counted(AGENT.count, RUNS, RANGE))),
        stat(
            "Failed agent runs",
            "Runs that ended with an exception; budgets that were used up are among them.",
            total(counted(AGENT.count, BAD_RUNS, RANGE)),
            limit=1,
        ),
        stat("Model calls", "Calls of the chosen models.", total(counted(CALL.count, CALLS, RANGE))),
        stat("Input tokens", "Those read from a cache included.", total(_tokens("input", RANGE))),
        stat("Output tokens", "Those of reasoning included.", total(_tokens("output", RANGE))),
        stat(
            "Cost",
            "In the currency of TelemetryOptions(prices=…); zero where no prices are given.",
            total(counted(COST.count, CALLS, RANGE)),
            "none",
        ),
        stat("Tool calls", "Calls of tools.", total(counted(TOOL.count, TOOLS, RANGE))),
        stat(
            "Tool error ratio",
            "Failed calls of tools. An agent tries again with other arguments, and pays for it.",
            ratio(by(counted(TOOL.count, BAD_TOOLS, RANGE)), by(counted(TOOL.count, TOOLS, RANGE))),
            "percentunit",
            limit=0.2,
        ),
        stat(
            "p95 to the first chunk",
            "How long a reader waits for an answer that streams to begin.",
            quantile(0.95, FIRST_CHUNK, CALLS, RANGE),
            "s",
        ),
    )


def _agents() -> tuple[Panel, ...]:
    legend = _legend(names.AGENT)
    runs, bad = (by(counted(AGENT.count, labels, RATE), names.AGENT) for labels in (RUNS, BAD_RUNS))
    link = traces("Traces of this agent", AN_AGENT, of_series(names.AGENT))
    return (
        graph(
            "Agent runs per minute",
            "How many runs end or pause per minute.",
            Query(per_minute(runs), legend),
            unit="cpm",
            links=(link,),
        ),
        graph(
            "Error ratio of agents",
            "Failed runs among all. Click on a line for the traces of what failed.",
            Query(ratio(bad, runs), legend),
            unit="percentunit",
            links=(traces("Traces of failed runs", AN_AGENT, of_series(names.AGENT), FAILED),),
        ),
        graph(
            "p95 of agents",
            "How long agents take, all their model calls and tools included. Dots lead to single traces.",
            Query(quantile(0.95, AGENT, RUNS, RATE, names.AGENT), legend, exemplars=True),
            unit="s",
            links=(link,),
        ),
        graph(
            "p95 of calls per agent run",
            "How often an agent calls models and tools in a run. A line that climbs is an agent that loops.",
            *(
                Query(quantile(0.95, calls, RUNS, RATE, names.AGENT), f"{legend}, {what}", exemplars=True)
                for calls, what in ((AGENT_CALLS, "models"), (AGENT_TOOLS, "tools"))
            ),
            unit="short",
            links=(link,),
        ),
    )


def _models() -> tuple[Panel, ...]:
    legend, key = _legend(names.REQUEST_MODEL), names.REQUEST_MODEL
    calls, bad = (by(counted(CALL.count, labels, RATE), key) for labels in (CALLS, BAD_CALLS))
    cost = counted(COST.count, CALLS, RATE)
    link = traces("Traces with this model", A_CALL, of_series(key))
    return (
        graph(
            "Tokens per minute",
            "Tokens per minute. Input that grows from turn to turn is a history that nobody shortens.",
            *(
                Query(per_minute(by(_tokens(kind, RATE), key)), f"{legend}, {kind}")
                for kind in ("input", "output")
            ),
            unit="short",
            links=(link,),
        ),
        graph(
            "Cost per minute",
            "By the workflow whose node called the model.",
            Query(per_minute(by(cost, names.WORKFLOW)), WORKFLOW),
            unit="none",
        ),
        graph(
            "Model calls per minute",
            "How often models are called.",
            Query(per_minute(calls), legend),
            unit="cpm",
            links=(link,),
        ),
        graph(
            "Error ratio of models",
            "Failed calls among all. Rate limits and timeouts of the provider show here first.",
            Query(ratio(bad, calls), legend),
            unit="percentunit",
            links=(traces("Traces of failed calls", A_CALL, of_series(key), FAILED),),
        ),
        graph(
            "p95 of model calls",
            "How long calls take, until the last token.",
            Query(quantile(0.95, CALL, CALLS, RATE, key), legend, exemplars=True),
            unit="s",
            links=(link,),
        ),
        graph(
            "Time to the first chunk",
            "How long a reader waits for an answer that streams to begin.",
            *(
                Query(
                    quantile(rank, FIRST_CHUNK, CALLS, RATE, key),
                    f"{legend}, p{rank * 100:g}",
                    exemplars=rank > 0.9,
                )
                for rank in (0.5, 0.95)
            ),
            unit="s",
            links=(link,),
        ),
        graph(
            "p95 from chunk to chunk",
            "How long an answer that streams stands still.",
            Query(quantile(0.95, PER_CHUNK, CALLS, RATE, key), legend, exemplars=True),
            unit="s",
            links=(link,),
        ),
    )


def _tools() -> tuple[Panel, ...]:
    key, title = names.TOOL, "Tool"
    legend = _legend(key)
    calls, bad = (by(counted(TOOL.count, labels, RANGE), key) for labels in (TOOLS, BAD_TOOLS))
    link = traces("Traces of this tool", A_TOOL, of_series(key))
    return (
        graph(
            "Tool calls per minute",
            "One tool that is called over and over is a loop.",
            Query(per_minute(by(counted(TOOL.count, TOOLS, RATE), key)), legend),
            unit="cpm",
            links=(link,),
        ),
        graph(
            "p95 of tools",
            "How long tools take. Dots lead to single traces.",
            Query(quantile(0.95, TOOL, TOOLS, RATE, key), legend, exemplars=True),
            unit="s",
            links=(link,),
        ),
        table(
            "Tools",
            "One line for each tool. The number of calls leads to their traces, that of failures to those that failed.",
            {label(key): title},
            (
                Column("Calls", calls, links=(traces("Traces", A_TOOL, of_row(key, title)),)),
                Column(
                    "Failed",
                    f"{bad} or {calls} * 0",
                    links=(traces("Traces of failures", A_TOOL, of_row(key, title), FAILED),),
                ),
                Column("Error ratio", ratio(bad, calls), "percentunit"),
                Column("p50", quantile(0.5, TOOL, TOOLS, RANGE, key), "s"),
                Column("p95", quantile(0.95, TOOL, TOOLS, RANGE, key), "s"),
            ),
        ),
    )


WORKFLOW: Final = _legend(names.WORKFLOW)

AGENTS: Final = Dashboard(
    "otgraph-agents",
    "otgraph / Agents",
    "What agents take of models and tools, what it costs, and how soon they answer.",
    (*SOURCES, CHOICE, MODELS),
    (
        Row("In the chosen time", _numbers()),
        Row("Agents", _agents()),
        Row("Models", _models()),
        Row("Tools", _tools()),
    ),
    JAEGER,
)
