"""
What the dashboards have in common: their variables, and the links to traces.

Rule: a link into traces asks for the spans that the number was measured on, by the same attributes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from otgraph.tracing import names
from otgraph_dashboards.grafana import Link, Variable
from otgraph_dashboards.metrics import ACTIVE, AGENT, CALL, NODE, Metric, label
from otgraph_dashboards.promql import select

__all__ = [
    "AGENTS",
    "AND_FAILED",
    "FAILED",
    "JAEGER",
    "MODELS",
    "NODES",
    "ONE_WORKFLOW",
    "SOURCES",
    "WORKFLOWS",
    "of_row",
    "of_series",
    "operation",
    "traces",
    "where",
]

AND_FAILED: Final = {names.ERROR_TYPE: "!="}
"""What failed has the class of its exception; what was paused, cancelled or abandoned has not."""
FAILED: Final = f"span.{names.ERROR_TYPE} != nil"
"""The same, in TraceQL."""


def where(patterns: Mapping[str, str] | None = None) -> str:
    """Return matchers for the chosen services, and for `patterns` of attributes."""
    return select({"job": "=~$service", **(patterns or {})})


def of(name: str, title: str, metric: Metric, attribute: str, *, single: bool = False) -> Variable:
    """Return a choice of the values that an attribute has in the chosen services."""
    text = f"label_values({metric.count}{{{where()}}}, {label(attribute)})"
    return Variable(name, title, "query", text, single)


SOURCES: Final = (
    Variable("datasource", "Metrics", "datasource", "prometheus"),
    Variable("tempo", "Traces", "datasource", "tempo"),
    Variable("jaeger", "Jaeger", "textbox", "http://localhost:16686"),
    Variable("service", "Service", "query", f"label_values({ACTIVE.series}, job)"),
)
WORKFLOWS: Final = of("workflow", "Workflow", ACTIVE, names.WORKFLOW)
ONE_WORKFLOW: Final = of("workflow", "Workflow", NODE, names.WORKFLOW, single=True)
NODES: Final = Variable(
    "node",
    "Node",
    "query",
    f"label_values({NODE.count}{{{where({names.WORKFLOW: '=~$workflow'})}}}, {label(names.NODE)})",
)
AGENTS: Final = of("agent", "Agent", AGENT, names.AGENT)
MODELS: Final = of("model", "Model", CALL, names.REQUEST_MODEL)

JAEGER: Final = (Link("Traces in Jaeger (of one service)", "${jaeger}/search?service=${service}"),)


def traces(title: str, *conditions: str) -> Link:
    """Return a link to the spans in Tempo that meet all conditions of TraceQL, in the time range of the dashboard."""
    source = {"type": "tempo", "uid": "${tempo}"}
    query = {"refId": "A", "datasource": source, "queryType": "traceql", "tableType": "traces", "limit": 50}
    pane = {
        "datasource": source["uid"],
        "queries": [{**query, "query": f"{{ {' && '.join(conditions)} }}"}],
        "range": {"from": "${__from}", "to": "${__to}"},
    }
    panes = _quoted(json.dumps({"traces": pane}, separators=(",", ":")))
    return Link(title, f"/explore?schemaVersion=1&orgId=1&panes={panes}")


def operation(name: str) -> str:
    """Return the condition of TraceQL that a span is of an operation."""
    return f'span.{names.OPERATION} = "{name}"'


def of_series(attribute: str) -> str:
    """Return the condition of TraceQL that a span has the attribute of the series one clicks on."""
    return f'span.{attribute} = "${{__field.labels.{label(attribute)}}}"'


def of_row(attribute: str, title: str) -> str:
    """Return the condition of TraceQL that a span has the attribute of the table's row, which is in column `title`."""
    return f'span.{attribute} = "${{__data.fields.{title}}}"'


def _quoted(text: str) -> str:
    """Quote for an address, all but Grafana's variables."""
    return "".join(
        part if part.startswith("${") else quote(part, safe="") for part in re.split(r"(\$\{[^}]*\})", text)
    )
